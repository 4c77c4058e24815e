"""Connections' ids, and the markup in which it hides them."""

import re
from collections.abc import Iterator

from services.contracts.activity import Entity
from services.ingest.plain_text import plain_text
from services.ingest.source import SourceConfig

MAX_ID = 1024
MAX_NATIVE = 200
# A person's card in a text: her name in the element of class fn, her id in an invisible one.
_USER_ID = re.compile(
    r"""<span[^>]{0,200}class=["'][^"'>]{0,100}x-lconn-userid[^"'>]{0,100}["'][^>]{0,200}>([^<]{0,200})</span>"""
)
_CARD_NAME = re.compile(r"""<a[^>]{0,1000}class=["'][^"'>]{0,100}\bfn\b[^>]{0,1000}>(.{0,1000}?)</a>""", re.DOTALL)
_COMMUNITY_PARAMETER = re.compile(r"[?&]communityUuid=([0-9A-Za-z-]{1,100})")


def native_of(urn: str) -> str:
    """Return the last part of `urn:lsid:lconn.ibm.com:profiles.person:UUID`, other ids as they are: both APIs then agree."""
    return (urn.rsplit(":", 1)[-1] if urn.startswith("urn:lsid:") else urn)[:MAX_NATIVE]


def is_community(urn: str) -> bool:
    """Return whether an id is a community's."""
    return "communities.community:" in urn


def is_person(urn: str) -> bool:
    """Return whether an id is a person's."""
    return "profiles.person:" in urn


def community_in(address: str) -> str:
    """Return the community that an address names in its query, or an empty text."""
    found = _COMMUNITY_PARAMETER.search(address)
    return found[1] if found else ""


def container_entity(native: str, name: str, config: SourceConfig) -> Entity:
    """Return a blog, forum, library or activity as a followable channel."""
    return Entity(name=f"channel:{config.kind}:{config.instance[:200]}:{native[:MAX_NATIVE]}", display_name=name)


def without_hidden_ids(html: str) -> str:
    """Return html without the invisible ids: where markup is stripped they would become words."""
    return _USER_ID.sub("", html) if "x-lconn-userid" in html else html


def people_in(html: str, config: SourceConfig) -> Iterator[Entity]:
    """Yield the people whose cards stand in html."""
    if "x-lconn-userid" not in html:
        return
    start = 0
    for found in _USER_ID.finditer(html):
        names = _CARD_NAME.findall(html[max(start, found.start() - 3000) : found.start()])
        start = found.end()
        if found[1].strip():
            name = plain_text(names[-1], 500).lstrip("@") if names else ""
            yield Entity(name=config.person(found[1].strip()), display_name=name)
