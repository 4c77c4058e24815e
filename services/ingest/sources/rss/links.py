"""Relative links made absolute."""

import re
from typing import Any
from urllib.parse import urljoin

from feedparser.urls import RelativeURIResolver

_MAY_LINK = re.compile(r"\b(?:href|src|cite|action|poster|data|longdesc|usemap|background)\s*=", re.IGNORECASE)
_WEB = ("http://", "https://")


def web_url(base: str, value: Any) -> str:
    """Return a link as an absolute web address; relative where base is unknown, empty where it leads elsewhere (mailto, ids)."""
    text = value.strip() if isinstance(value, str) else ""
    if not text:
        return ""
    try:
        url = urljoin(base, text)
    except ValueError:
        return ""
    has_scheme = re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", url) is not None
    return url if url.lower().startswith(_WEB) or not has_scheme else ""


def resolved_html(base: str, html: str) -> str:
    """Return html with its relative links made absolute, or as it is where base is no web address or html can't be parsed."""
    if not base.lower().startswith(_WEB) or not _MAY_LINK.search(html):
        return html
    try:
        resolver = RelativeURIResolver(base, "utf-8", "text/html")
        resolver.feed(html)
        return str(resolver.output())
    except Exception:  # noqa: BLE001 - what its HTML parser raises on broken markup isn't documented, and links are decoration
        return html
