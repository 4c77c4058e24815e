"""Sanitised HTML → what it says: plain text, its links, and the prose that tags and language are read from.

Works on what `sanitise_html` returns: well-formed, `<` only where a tag is, attribute values in double quotes. Everything
here takes time proportional to the length of the input.
"""

import re
from dataclasses import dataclass
from html import unescape

LINK_LIMIT = 200
URL_LENGTH_LIMIT = 4096

_BREAKS = re.compile(
    r"</?(?:address|article|aside|blockquote|br|dd|details|div|dl|dt|figcaption|figure|footer|h[1-6]|header|hr|li|ol|p|pre|section"
    r"|summary|table|tbody|tfoot|thead|tr|ul)(?: [^<>]*)?>"
)
_CELLS = re.compile(r"</?(?:td|th)>")
_TAGS = re.compile(r"</?[a-z][a-z0-9]*(?: [a-z]+=\"[^\"]*\")*>")
_LINKS = re.compile(r'<a href="([^"]*)"')
_ANCHORS = re.compile(r"<a .*?</a>", re.DOTALL)
_PREFORMATTED = re.compile(r"<pre>.*?</pre>", re.DOTALL)
_CODE = re.compile(r"<(code|pre|kbd|samp|var)>.*?</\1>", re.DOTALL)
_URL = re.compile(r"https?://[^\s<>\"]+", re.IGNORECASE)
_AFTER_URL = ".,;:!?'\"*_~)]}…»“”"
_CRUDE_TAGS = re.compile(r"<[^<>]*>")


@dataclass(frozen=True, slots=True)
class Extract:
    """What a piece of HTML says. text: lines without markup; prose: the same without code and URLs; links: http(s), in order, once."""

    text: str
    prose: str
    links: tuple[str, ...]


def extract(html: str) -> Extract:
    """Return what sanitised HTML says. Content without any tag is plain text: its line ends stay."""
    if "<" not in html:
        text = _lines(html)
        return Extract(text, _without_urls(text), _bare_urls(text))
    text = _text_of(html)
    prose = text
    if "<code" in html or "<pre" in html or "<kbd" in html or "<samp" in html or "<var" in html:
        prose = _text_of(_CODE.sub(" ", html))
    return Extract(text, _without_urls(prose), _links_of(html))


def crude_text(html: str) -> str:
    """Return roughly the text of HTML of any kind, without parsing it. May hold `<`: escape it before it is shown."""
    return _lines(_CRUDE_TAGS.sub(" ", html))


def one_line(text: str) -> str:
    """Return text with every run of white space as one space."""
    return " ".join(text.split())


def _text_of(html: str) -> str:
    if "<pre" in html:
        html = _PREFORMATTED.sub(lambda block: block[0].replace("\n", "<br>"), html)
    spaced = _BREAKS.sub("\n", one_line(html))
    if "<t" in spaced:
        spaced = _CELLS.sub(" ", spaced)
    return _lines(_TAGS.sub("", spaced))


def _lines(text: str) -> str:
    if "&" in text:
        text = unescape(text)
    return "\n".join(line for line in map(one_line, text.split("\n")) if line)


def _links_of(html: str) -> tuple[str, ...]:
    found: dict[str, None] = {}
    if "<a " in html:
        for href in _LINKS.findall(html):
            url = unescape(href)
            if _URL.match(url) and len(url) <= URL_LENGTH_LIMIT:
                found[url] = None
        html = _ANCHORS.sub(" ", html)
    if "://" in html:
        found.update(dict.fromkeys(_bare_urls(_text_of(html))))
    return tuple(found)[:LINK_LIMIT]


def _bare_urls(text: str) -> tuple[str, ...]:
    if "://" not in text:
        return ()
    urls = (url.rstrip(_AFTER_URL) for url in _URL.findall(text))
    return tuple(dict.fromkeys(url for url in urls if len(url) <= URL_LENGTH_LIMIT))[:LINK_LIMIT]


def _without_urls(text: str) -> str:
    return _URL.sub(" ", text) if "://" in text else text
