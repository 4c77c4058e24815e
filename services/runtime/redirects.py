"""Where a redirect leads, what goes along, and how long the other side asks us to wait: pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC
from email.utils import parsedate_to_datetime

import httpx

from services.runtime.fetch_errors import UrlRefused

FOLLOWED = frozenset({301, 302, 303, 307, 308})
_PERMANENT = frozenset({301, 308})
# What may be told to an origin that nobody configured: no credentials, and nothing that a connector may use as one.
_HARMLESS = frozenset({"accept", "accept-language", "if-none-match", "if-modified-since", "a-im"})
_MAX_WAIT_S = 86_399.0


@dataclass(frozen=True, slots=True)
class Hop:
    """One request of a chain. foreign: a host that may be on the internet only. hops: redirects so far; permanent: all of them were."""

    url: httpx.URL
    headers: Mapping[str, str]
    foreign: bool = False
    hops: int = 0
    permanent: bool = True

    @property
    def moved(self) -> bool:
        """Whether to ask here from now on."""
        return self.hops > 0 and self.permanent

    @classmethod
    def first(cls, url: str, headers: Mapping[str, str]) -> "Hop":
        """Return the request that was asked for. Raises UrlRefused."""
        return cls(_checked(url), dict(headers))

    def next(self, status: int, location: str, *, inside: bool) -> "Hop":
        """Return the request after a redirect. inside: this answer came from an address that isn't on the internet.

        To another origin (scheme, host, port) only harmless headers go. To another host it counts as foreign unless we are inside:
        what is allowed in the intranet must not be reachable through a redirect from the internet. Raises UrlRefused.
        """
        url = _checked(location, base=self.url)
        same_origin = (url.scheme, url.host, _port(url)) == (self.url.scheme, self.url.host, _port(self.url))
        headers = {name: value for name, value in self.headers.items() if same_origin or name.lower() in _HARMLESS}
        return replace(
            self,
            url=url,
            headers=headers,
            foreign=self.foreign or (url.host != self.url.host and not inside),
            hops=self.hops + 1,
            permanent=self.permanent and status in _PERMANENT,
        )


def retry_after_s(headers: Mapping[str, str], now_s: float) -> float:
    """Return the seconds that a Retry-After header (seconds or a date) asks for, 0 without one, less than a day. now_s: Unix time."""
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return min(float(value[:9]), _MAX_WAIT_S)
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return 0.0
    at_s = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    return min(max(at_s - now_s, 0.0), _MAX_WAIT_S)


def _port(url: httpx.URL) -> int:
    return url.port or (443 if url.scheme == "https" else 80)


def _checked(text: str, base: httpx.URL | None = None) -> httpx.URL:
    try:
        url = base.join(text) if base else httpx.URL(text)
    except (httpx.InvalidURL, ValueError, TypeError):
        raise UrlRefused("not a URL") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise UrlRefused("only http and https URLs with a host are fetched")
    if url.userinfo:
        raise UrlRefused(f"the URL of {url.host} carries credentials")
    return url.copy_with(fragment=None)
