"""The words of an HTML fragment, for titles and summaries. What a page hides (scripts, elements that aren't displayed) is no word."""

import re
from html.parser import HTMLParser

_VOID = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"})
_BREAKS = frozenset({"br", "p", "div", "li", "tr", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote"})
_SILENT = frozenset({"script", "style", "template", "head"})
_HIDDEN_STYLE = re.compile(r"display\s*:\s*none", re.IGNORECASE)


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._hidden: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _BREAKS:
            self.parts.append(" ")
        if tag in _VOID:
            return
        if self._hidden or tag in _SILENT or any(name == "style" and _HIDDEN_STYLE.search(value or "") for name, value in attrs):
            self._hidden.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._hidden:
            while self._hidden and self._hidden.pop() != tag:
                pass
        elif tag in _BREAKS:
            self.parts.append(" ")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(data)


def plain_text(html: str, limit: int = 5000) -> str:
    """Return the displayed text of html on one line, cut to limit characters."""
    if "<" not in html and "&" not in html:
        return " ".join(html.split())[:limit]
    words = _Words()
    words.feed(html[: limit * 50])
    words.close()
    return " ".join("".join(words.parts).split())[:limit]
