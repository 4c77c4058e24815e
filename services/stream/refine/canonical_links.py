"""One page has many addresses: the one under which all of them are compared. Pure, and never meant for opening."""

import re
from functools import lru_cache
from typing import Final
from urllib.parse import SplitResult, parse_qsl, quote, unquote_to_bytes, urlencode, urlsplit

# What says where a reader came from, not what she reads.
_TRACKING: Final = re.compile(
    r"(?:utm_.*|pk_.*|mtm_.*|hsa_.*|_hs.*|fb_.*|vero_.*|oly_.*|wt[._].*|at_(?:medium|campaign|custom\d?|link.*|format)"
    r"|[a-z]*clid|gad_source|gclsrc|igshid?|si|mc_[ce]id|mkt_tok|s_cid|cmpid|ncid|ref_?src|ref_?url|referrer|xtor|smid|spm|trk"
    r"|trackingid|feature|amp|outputtype)",
    re.IGNORECASE,
)
# Hosts that show the same pages to other devices.
_PREFIXES: Final = ("www.", "amp.", "m.", "mobile.")
_INDEX: Final = re.compile(r"/(?:index|default)\.(?:html?|php|aspx?)$", re.IGNORECASE)
_AMP: Final = re.compile(r"(?:/amp|\.amp)(?=$|\.html?$)", re.IGNORECASE)
# Others' copies of a page: what stands behind is its address, `s/` in front of it where that is https.
_COPIES: Final = re.compile(r"^(?:google\.[a-z.]+/amp|[a-z0-9-]+\.cdn\.ampproject\.org/[cv])/(?:s/)?(?=[^/]+\.)", re.IGNORECASE)
_PORTS: Final = (None, 80, 443)
_LONGEST: Final = 4096
_UNRESERVED: Final = "/:@!$&'()*+,;=~-._"


@lru_cache(maxsize=4096)
def canonical_link(url: str) -> str:
    """Return host, path and query of an http(s) URL in one spelling; empty where it isn't one, or names no page but a site.

    Scheme, user, `www.` and the like, default ports, fragments, tracking parameters, AMP copies, index files and slashes at the end go;
    parameters come in the order of their names. O(length), which is bounded.
    """
    if len(url) > _LONGEST:
        return ""
    try:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https"):
            return ""
        host = _host(parts)
        path, query = _path(parts.path), _query(parts.query)
    except ValueError:
        return ""
    if not host:
        return ""
    link = f"{host}{path}"
    if (copied := _COPIES.sub("", link)) != link:
        return canonical_link(f"https://{copied}{'?' if query else ''}{query}")
    if path or query:
        return f"{link}?{query}" if query else link
    return ""


@lru_cache(maxsize=4096)
def site_of(url: str) -> str:
    """Return the host of a URL as canonical links have it; empty where there is none."""
    try:
        return _host(urlsplit(url if "://" in url else f"https://{url}"))
    except ValueError:
        return ""


def _host(parts: SplitResult) -> str:
    host = (parts.hostname or "").rstrip(".")
    if not host.isascii():
        host = host.encode("idna").decode()
    for prefix in _PREFIXES:
        bare = host.removeprefix(prefix)
        # `m.example` is a site of its own.
        if bare != host and "." in bare:
            host = bare
            break
    return host if parts.port in _PORTS else f"{host}:{parts.port}"


def _path(path: str) -> str:
    path = quote(unquote_to_bytes(path), safe=_UNRESERVED) if "%" in path or not path.isascii() else path
    path = _AMP.sub("", path.rstrip("/"))
    return _INDEX.sub("", path).rstrip("/")


def _query(query: str) -> str:
    if not query:
        return ""
    kept = [(name, value) for name, value in parse_qsl(query, keep_blank_values=True) if not _TRACKING.fullmatch(name)]
    return urlencode(sorted(kept))
