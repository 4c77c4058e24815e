"""Making foreign text fit to keep: no control characters, no half characters, tags in one spelling, URLs that a client may open."""

import re
import unicodedata
from collections.abc import Iterable

MAX_URL = 4096
MAX_TAG = 200
MAX_TAGS = 200

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_UNFIT_FOR_NAMES = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_HALF = re.compile(r"[\ud800-\udfff]")
_NEWLINE = re.compile(r"\r\n?")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_HASH = re.compile(r"^[#\uff03\s]+")
_LANGUAGE = re.compile(r"[a-z]{2,3}")
# Only what a browser opens without running it; the rest (javascript:, data:) must not become a link anywhere.
_OPENABLE = frozenset({"http", "https", "mailto"})


def clean_text(text: str, limit: int | None = None) -> str:
    """Return text with LF as its line end, without other C0 controls but the tab, half surrogate pairs replaced, cut at limit."""
    if not text.isprintable():
        text = _HALF.sub("\ufffd", _CONTROL.sub("", _NEWLINE.sub("\n", text)))
    return text if limit is None else text[:limit]


def unfit_for_name(name: str) -> bool:
    """Return whether an id or entity name holds what must not be in one: cleaning it would make it another name."""
    return _UNFIT_FOR_NAMES.search(name) is not None


def clean_url(url: str) -> str:
    """Return url, or nothing where it is longer than MAX_URL or of a scheme that is not for opening. Relative ones stay."""
    url = _UNFIT_FOR_NAMES.sub("", url).strip()
    scheme = _SCHEME.match(url)
    if len(url) > MAX_URL or (scheme and scheme[1].lower() not in _OPENABLE):
        return ""
    return url


def clean_tag(tag: str) -> str:
    """Return a tag without #, lower case, NFC, white space as single spaces; nothing where none or too much is left."""
    spaced = " ".join(_HALF.sub("", _CONTROL.sub(" ", tag)).split())
    cleaned = unicodedata.normalize("NFC", _HASH.sub("", spaced).lower()).strip()
    return cleaned if len(cleaned) <= MAX_TAG else ""


def clean_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """Return the first MAX_TAGS different tags in one spelling, in their order. A tag longer than MAX_TAG is left out."""
    return tuple(dict.fromkeys(filter(None, map(clean_tag, tags))))[:MAX_TAGS]


def clean_language(language: str) -> str:
    """Return the primary subtag of a language tag (`de-AT`, `pt_BR`), or nothing where there is none."""
    primary = language.strip().lower().replace("_", "-").partition("-")[0]
    return primary if _LANGUAGE.fullmatch(primary) else ""
