"""HTML as the source said it → HTML that is safe to show. Bounded in time, memory and output for every input."""

import re
from html import escape

import nh3

from services.stream.refine.text_extraction import crude_text

CONTENT_LIMIT = 262_144  # bytes of refined HTML; the contract's limit for raw content

# Every allowed tag means structure; none loads, runs, positions or styles anything. Block tags stay so that words don't run together.
_TAG_NAMES = (
    "a abbr address article aside b blockquote br cite code dd del details div dl dt em figcaption figure footer h1 h2 h3 h4 h5 h6 "
    "header hr i ins kbd li mark ol p pre q rp rt ruby s samp section small strong sub summary sup table tbody td tfoot th thead "
    "time tr u ul var"
)
_TAGS = frozenset(_TAG_NAMES.split())
_CLEANER = nh3.Cleaner(
    tags=_TAGS,
    clean_content_tags={"script", "style", "title", "template", "iframe", "object", "noscript", "svg", "math"},
    attributes={"a": {"href"}},
    url_schemes={"http", "https", "mailto"},
    url_relative="deny",
    link_rel="nofollow noopener",
)
_UNTOUCHED = re.compile(r"[^<>&\xa0\r]*\Z")
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]+")
_WEB = ("http://", "https://")
_SCHEME_LENGTH = len("https://")

# What makes an HTML5 parser slow. Its stack is searched for every tag, so deep nesting costs tags²; and every formatting element
# left open is opened again in every following paragraph, unless it equals three others. So 4,000 tags become 28 MB in 3 s.
_TAG_LIMIT = 8_000
_AMPERSAND_LIMIT = 30_000
_REOPENING_LIMIT = 400_000
_FEW_TAGS = 200
_FORMATTING = re.compile(r"<(?:b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u)(?![a-z0-9>-])", re.IGNORECASE)
_PLAIN_FORMATTING_MOST = 3 * 13


def sanitise_html(html: str) -> str:
    """Return safe HTML of at most CONTENT_LIMIT bytes. Links are http, https or mailto, and carry rel="nofollow noopener".

    HTML built to exhaust a parser, or whose safe form is too long, is reduced to its text.
    """
    html = without_controls(html)
    if _UNTOUCHED.match(html):
        return html
    if _exhausts_parser(html):
        return _as_text(html)
    clean = _CLEANER.clean(html)
    return clean if _fits(clean) else _as_text(html)


def web_url(url: str) -> str:
    """Return url when it is http or https, else an empty string: what a client turns into a link must not run."""
    if url.startswith(_WEB) or url[:_SCHEME_LENGTH].lower().startswith(_WEB):
        return without_controls(url)
    return ""


def without_controls(text: str) -> str:
    """Return text without control characters; tabs and line ends stay."""
    return text if text.isprintable() else _CONTROLS.sub("", text)


def _exhausts_parser(html: str) -> bool:
    tags = html.count("<")
    if tags > _TAG_LIMIT or html.count("&") > _AMPERSAND_LIMIT:
        return True
    if tags <= _FEW_TAGS:
        return False
    return (_PLAIN_FORMATTING_MOST + len(_FORMATTING.findall(html))) * tags > _REOPENING_LIMIT


def _fits(html: str) -> bool:
    return len(html) * 4 <= CONTENT_LIMIT or len(html.encode()) <= CONTENT_LIMIT


def _as_text(html: str) -> str:
    text = escape(crude_text(html), quote=False)
    if not _fits(text):
        text = text.encode()[:CONTENT_LIMIT].decode(errors="ignore")
        # An entity that was cut in two would show as letters.
        start = text.rfind("&", -len("&amp;"))
        text = text if start < 0 or ";" in text[start:] else text[:start]
    return text
