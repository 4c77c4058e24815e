"""No call without a caller: everything but health and reflection needs a bearer token."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from services.runtime.auth import TokenInvalid
from services.runtime.metrics import AUTH_REFUSED

Authenticate = Callable[[str], Awaitable[Any]]

_OPEN = ("/grpc.health.v1.Health/", "/grpc.reflection.v1.ServerReflection/", "/grpc.reflection.v1alpha.ServerReflection/")


def is_open(method: str) -> bool:
    """Return whether a method (`/package.Service/Method`) may be called by anybody."""
    return method.startswith(_OPEN)


async def principal_of_call(metadata: Iterable[tuple[str, str | bytes]], authenticate: Authenticate) -> Any:
    """Return who calls. Raises TokenInvalid, or what authenticate raises."""
    try:
        return await authenticate(_bearer_token(metadata))
    except TokenInvalid as error:
        AUTH_REFUSED.labels(error.reason).inc()
        raise


def _bearer_token(metadata: Iterable[tuple[str, str | bytes]]) -> str:
    given = [value for name, value in metadata if name == "authorization"]
    if not given:
        raise TokenInvalid("a bearer token is required", "TOKEN_MISSING")
    # Two of them: a proxy and we might not look at the same one.
    if len(given) > 1 or not isinstance(given[0], str):
        raise TokenInvalid("exactly one authorization header is required")
    scheme, _, token = given[0].partition(" ")
    if scheme.lower() != "bearer":
        raise TokenInvalid("the authorization header must be `Bearer <token>`")
    return token.strip()
