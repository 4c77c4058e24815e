"""Which story an activity tells: the hash of the page that it is about, whatever channel it came through. Pure."""

import re
from collections.abc import Iterator
from hashlib import blake2b
from typing import Final

from sluice.activity.v1 import activity_pb2 as pb

from services.stream.refine.canonical_links import canonical_link, site_of

_BYTES: Final = 8
# What tells of a page. Answers and acts belong to what they are on.
_TELLING: Final = frozenset({pb.VERB_POST, pb.VERB_SHARE, pb.VERB_UPDATE, pb.VERB_ADD})
# Objects that are pages themselves; whatever else has an address only stands there.
_PAGES: Final = frozenset({"article", "page"})
# Lists and people, not stories: `/tags/kafka`, `/@anna`, `/users/anna`.
_NO_STORY: Final = re.compile(
    r"[^/]+/(?:(?:tags?|hashtags?|topics?|search)(?:/|\?|$)|@[^/]+$|(?:users?|profiles?|people)/[^/]+$)"
)


def cluster_id(message: pb.Activity) -> str:
    """Return 16 hex digits that are the same for whatever tells of the same page; empty where it tells of none. message: refined.

    An article is its own page. A post tells of the first page that its text links to outside its own site, else of its first
    link card there.
    """
    # Asked of every activity, most of which link to nothing.
    if message.verb not in _TELLING:
        return ""
    said = message.object
    if said.type in _PAGES and (own := canonical_link(said.url)):
        return _hash(own)
    if not (message.links or said.attachments):
        return ""
    at_home = {site_of(said.url), site_of(message.source.instance)}
    named = {canonical_link(entity.url) for entity in message.mentions}
    for url in _told(message):
        link = canonical_link(url)
        if link and link not in named and site_of(url) not in at_home and not _NO_STORY.match(link):
            return _hash(link)
    return ""


def _told(message: pb.Activity) -> Iterator[str]:
    yield from message.links
    for attachment in message.object.attachments:
        if attachment.media_type.startswith("text/html"):
            yield attachment.url


def _hash(link: str) -> str:
    return blake2b(link.encode(), digest_size=_BYTES).hexdigest()
