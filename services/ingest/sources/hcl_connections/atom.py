"""Entries of Connections' Atom documents, read into plain fields: what the applications' dialects have in common."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element, tostring

from services.ingest.plain_text import plain_text

ATOM = "{http://www.w3.org/2005/Atom}"
SNX = "{http://www.ibm.com/xmlns/prod/sn}"
APP = "{http://www.w3.org/2007/app}"
TD = "{urn:ibm.com/td}"
THREAD = "{http://purl.org/syndication/thread/1.0}"
TOMBSTONE = "{http://purl.org/atompub/tombstones/1.0}deleted-entry"
_TYPE_SCHEMES = ("http://www.ibm.com/xmlns/prod/sn/type", "tag:ibm.com,2006:td/type")
_FLAG_SCHEMES = ("http://www.ibm.com/xmlns/prod/sn/flags",)


@dataclass(frozen=True, slots=True)
class Person:
    """native: the directory's id, or `name:…` where only the name is known."""

    native: str
    name: str


@dataclass(frozen=True, slots=True)
class Entry:
    """type: the entry's kind as Connections names it (`forum-topic`), lower case. links: relation → address, the first of each.

    categories: scheme → terms. answers: the ids it is in reply to. fields: other texts by their local name. digest_of: all of
    it, for entries without an id.
    """

    id: str
    type: str
    title: str
    content: str
    published: str
    updated: str
    author: Person | None
    links: dict[str, str]
    categories: dict[str, list[str]]
    answers: tuple[str, ...]
    container_id: str
    container_name: str
    fields: dict[str, str] = field(default_factory=dict)
    attachments: tuple[tuple[str, str, str], ...] = ()
    digest_of: bytes = b""

    @property
    def tags(self) -> tuple[str, ...]:
        """Terms without a scheme are what people tagged it with."""
        return tuple(self.categories.get("", ()))

    @property
    def flags(self) -> frozenset[str]:
        """Terms of Connections' flags, lower case."""
        return frozenset(term.lower() for scheme in _FLAG_SCHEMES for term in self.categories.get(scheme, ()))


def read_entry(element: Element, inherited: Person | None = None) -> Entry:
    """Read one entry. inherited: the feed's author, of entries that name none."""
    categories = _categories(element)
    source = element.find(f"{ATOM}source")
    types = [term for scheme in _TYPE_SCHEMES for term in categories.get(scheme, ())]
    return Entry(
        id=_text(element, f"{ATOM}id"),
        type=types[0].lower() if types else "",
        title=_title(element),
        content=_content(element),
        published=_first(element, f"{ATOM}published", f"{TD}created"),
        updated=_first(element, f"{ATOM}updated", f"{TD}modified", f"{APP}edited"),
        author=_author(element, source, inherited),
        links=_links(element),
        categories=categories,
        answers=tuple(_in_reply_to(element)),
        container_id=_text(source, f"{ATOM}id") if source is not None else "",
        container_name=plain_text(_text(source, f"{ATOM}title")) if source is not None else "",
        fields=_fields(element),
        attachments=tuple(_enclosures(element)),
        digest_of=b"" if element.find(f"{ATOM}id") is not None else tostring(element),
    )


def person_of(element: Element | None) -> Person | None:
    """Read an author, contributor or modifier; None where it names nobody. E-mail addresses are not ids here."""
    if element is None:
        return None
    name = _first(element, f"{ATOM}name", f"{SNX}name")
    native = _text(element, f"{SNX}userid")
    return Person((native or f"name:{name}")[:200], name[:500]) if native or name else None


def _author(element: Element, source: Element | None, inherited: Person | None) -> Person | None:
    for place in (element.find(f"{ATOM}author"), element.find(f"{ATOM}contributor"), element.find(f"{TD}modifier")):
        person = person_of(place)
        if person:
            return person
    return person_of(source.find(f"{ATOM}author") if source is not None else None) or inherited


def _text(element: Element | None, path: str) -> str:
    found = element.find(path) if element is not None else None
    return "".join(found.itertext()).strip() if found is not None else ""


def _first(element: Element, *paths: str) -> str:
    return next((text for text in (_text(element, path) for path in paths) if text), "")


def _title(element: Element) -> str:
    title = element.find(f"{ATOM}title")
    text = _text(element, f"{ATOM}title")
    return plain_text(text) if title is not None and title.get("type", "text") != "text" else " ".join(text.split())


def _content(element: Element) -> str:
    for path in (f"{ATOM}content", f"{ATOM}summary"):
        found = element.find(path)
        if found is None:
            continue
        kind = found.get("type", "text")
        if kind == "xhtml":
            return _xhtml(found)
        text = "".join(found.itertext()).strip()
        if text and (kind in ("text", "html") or kind.startswith("text/")):
            return text if kind in ("html", "text/html") else _escaped(text)
    return ""


def _xhtml(content: Element) -> str:
    for node in content.iter():
        node.tag = node.tag.rpartition("}")[2]  # prefixes that the serialiser invents would be unknown elements to every reader
    return "".join(tostring(child, encoding="unicode", method="html") for child in content).strip()


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _categories(element: Element) -> dict[str, list[str]]:
    categories: dict[str, list[str]] = {}
    for category in element.findall(f"{ATOM}category"):
        term = (category.get("term") or "").strip()
        if term:
            categories.setdefault((category.get("scheme") or "").strip(), []).append(term)
    return categories


def _links(element: Element) -> dict[str, str]:
    links: dict[str, str] = {}
    for link in element.findall(f"{ATOM}link"):
        links.setdefault(link.get("rel") or "alternate", (link.get("href") or "").strip())
    return links


def _enclosures(element: Element) -> Iterator[tuple[str, str, str]]:
    for link in element.findall(f"{ATOM}link"):
        if link.get("rel") == "enclosure" and link.get("href"):
            yield (link.get("href") or "").strip(), link.get("type") or "", link.get("title") or ""


def _in_reply_to(element: Element) -> Iterator[str]:
    for answer in element.findall(f"{THREAD}in-reply-to"):
        reference = (answer.get("ref") or answer.get("href") or "").strip()
        if reference:
            yield reference


def _fields(element: Element) -> dict[str, str]:
    """Return the simple extension elements by local name, with what they say in an attribute where they have no text."""
    fields: dict[str, str] = {}
    for child in element:
        if child.tag.startswith((SNX, TD)) and not len(child):
            name = child.tag.rpartition("}")[2].lower()
            fields.setdefault(name, (child.text or "").strip() or child.get("status", ""))
    draft = element.find(f"{APP}control/{APP}draft")
    if draft is not None:
        fields["draft"] = (draft.text or "").strip().lower()
    return fields
