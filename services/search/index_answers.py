"""What callers are told when the index doesn't answer: the one place where errors of the port become errors of the API."""

from collections.abc import Iterator
from contextlib import contextmanager

from services.contracts.errors import InvalidRequest, ServiceUnavailable
from services.search.ports import IndexAway, RequestRefused

_BAD_REQUEST = 400


@contextmanager
def index_answers() -> Iterator[None]:
    """Ask the index inside. Raises ServiceUnavailable, and InvalidRequest for a query that it can't take."""
    try:
        yield
    except IndexAway:
        raise ServiceUnavailable("the index is away") from None
    except RequestRefused as refusal:
        if refusal.status == _BAD_REQUEST:
            raise InvalidRequest("the index can't take this query", field="query") from None
        raise ServiceUnavailable("the index refuses to answer") from None
