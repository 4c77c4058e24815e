"""Atom entries of Connections' applications as activities."""

import hashlib
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from services.contracts.activity import Activity, Attachment, Entity, Object, Source, Verb, activity_id
from services.ingest.loose_fields import as_id, time_ms
from services.ingest.source import SourceConfig
from services.ingest.sources.hcl_connections.atom import Entry
from services.ingest.sources.hcl_connections.names import (
    MAX_ID,
    community_in,
    container_entity,
    native_of,
    people_in,
    without_hidden_ids,
)
from services.ingest.sources.hcl_connections.readers import Visibility, audience_of

_COMMENTS = frozenset({"comment", "forum-reply", "reply", "response"})
_FOLLOWS = frozenset({"resource-follow", "follow"})
_LIKES = frozenset({"recommendation", "recommend", "like"})
_PROFILES = frozenset({"profile", "person"})
_OBJECT_TYPES = {
    **dict.fromkeys(_COMMENTS, "comment"),
    **dict.fromkeys(("document", "file"), "file"),
    **dict.fromkeys(("page", "wiki-page", "wikipage"), "page"),
    **dict.fromkeys(("entry", "blog-entry", "ideationblog"), "article"),
    **dict.fromkeys(_PROFILES, "person"),
}
_RESOURCE_TYPE = "http://www.ibm.com/xmlns/prod/sn/resource-type"
_RESOURCE_ID = "http://www.ibm.com/xmlns/prod/sn/resource-id"
_CONTAINER_LINK = "http://www.ibm.com/xmlns/prod/sn/container"
_NOT_YET = frozenset({"pending", "rejected", "quarantined", "removed"})
_BLOG_LIKE = re.compile(r"/blogs/.*/recommend/(entries|comments)/([0-9A-Za-z-]{1,100})")
_BLOG_THINGS = {"entries": "entry", "comments": "comment"}
_ACTIVITIES_APP = "urn:lsid:ibm.com:oa:"


def activity_of_entry(entry: Entry, config: SourceConfig) -> Activity | None:
    """Return the activity of an entry, None where it has neither id, title nor content."""
    if not (entry.id or entry.title or entry.content):
        return None
    verb = verb_of(entry)
    actor = Entity(name=config.person(entry.author.native), display_name=entry.author.name) if entry.author else None
    actor = actor or Entity(name=config.channel)
    published, updated = time_ms(entry.published), time_ms(entry.updated)
    return Activity(
        source=source_of(native_id_of(entry, verb), config),
        version=max(0, updated, published),
        verb=verb,
        actor=actor,
        object=_object(entry, verb, config),
        target=_target(entry, verb, config),
        audience=audience_of(_visibility(entry, verb), actor, config),
        published_ms=published or updated,
        updated_ms=updated,
        tags=entry.tags,
        mentions=tuple(people_in(entry.content, config))[:500],
        in_reply_to=_sluice_id(entry.answers[-1], config) if verb is Verb.COMMENT and entry.answers else "",
        rollup_id=as_id(entry.answers[-1])[:MAX_ID] if verb is Verb.COMMENT and entry.answers else "",
        language=entry.fields.get("language", "")[:2].lower(),
    ).with_id()


def verb_of(entry: Entry) -> Verb:
    """Return what an entry tells. Atom has no verbs: Connections says it by type, and for recommendations by address."""
    if entry.type in _FOLLOWS:
        return Verb.FOLLOW
    if entry.type in _LIKES or (entry.type in ("", "person") and "/recommend" in _own_path(entry)):
        return Verb.LIKE
    if entry.type in _COMMENTS or (not entry.type and entry.answers):
        return Verb.COMMENT
    if entry.type in _PROFILES:
        return Verb.JOIN if entry.fields.get("role") and _community(entry) else Verb.UPDATE
    return Verb.OTHER if entry.type in ("invite", "connection") else Verb.POST


def native_id_of(entry: Entry, verb: Verb) -> str:
    """Return the entry's id, with what makes it unique: a follow's id names the followed, a recommendation's only the person."""
    own = as_id(entry.id) or f"sha256:{hashlib.sha256(entry.digest_of).hexdigest()}"
    if verb in (Verb.FOLLOW, Verb.JOIN):
        own = f"{own} {entry.author.native if entry.author else ''}".strip()
    if verb is Verb.LIKE:
        own = f"{own} {_own_path(entry)}".strip()
    return own if len(own) <= MAX_ID else f"sha256:{hashlib.sha256(own.encode()).hexdigest()}"


def source_of(native: str, config: SourceConfig) -> Source:
    """Return the source of an entry."""
    return Source(kind=config.kind, instance=config.instance, native_id=native, channel=config.channel)


def _own_path(entry: Entry) -> str:
    try:
        parts = urlsplit(entry.links.get("self") or entry.links.get("edit") or "")
    except ValueError:  # a host in brackets that is none
        return ""
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def _liked(entry: Entry) -> str:
    """Return the id of what a recommendation recommends: what it answers, else what a blog's address of it says."""
    if entry.answers:
        return entry.answers[-1]
    found = _BLOG_LIKE.search(_own_path(entry))
    return f"urn:lsid:ibm.com:blogs:{_BLOG_THINGS[found[1]]}-{found[2]}" if found else ""


def _object(entry: Entry, verb: Verb, config: SourceConfig) -> Object:
    if verb is Verb.LIKE:
        liked = as_id(_liked(entry))[:MAX_ID]
        return Object(id=liked, url=entry.links.get("alternate", ""), activity_id=_sluice_id(liked, config))
    content = without_hidden_ids(entry.content)
    kind = entry.type[:100] or ("comment" if verb is Verb.COMMENT else "note")
    return Object(
        id=as_id(entry.id)[:MAX_ID],
        type=_OBJECT_TYPES.get(kind, kind),
        title=entry.title,
        content="" if content == entry.title else content,
        url=entry.links.get("alternate") or entry.links.get("related") or entry.links.get("self") or "",
        attachments=tuple(Attachment(url, media[:200], title) for url, media, title in entry.attachments),
    )


def _target(entry: Entry, verb: Verb, config: SourceConfig) -> Entity | None:
    if verb is Verb.FOLLOW:
        return _followed(entry, config)
    community = _community(entry)
    if community and entry.type != "community":
        return Entity(name=config.group(community), display_name=entry.container_name)
    if community:
        return Entity(name=config.group(community), display_name=entry.title[:500], url=entry.links.get("alternate", ""))
    container = entry.container_id or (entry.answers[0] if entry.answers and verb is not Verb.COMMENT else "")
    return container_entity(native_of(as_id(container)), entry.container_name[:500], config) if container else None


def _followed(entry: Entry, config: SourceConfig) -> Entity | None:
    kind = next(iter(entry.categories.get(_RESOURCE_TYPE, ())), "").lower()
    native = as_id(next(iter(entry.categories.get(_RESOURCE_ID, ())), "")) or as_id(entry.id)
    if not native:
        return None
    title = entry.title[:500]
    match kind:
        case "community":
            return Entity(name=config.group(native_of(native)), display_name=title, url=entry.links.get("alternate", ""))
        case "profile" | "person":
            return Entity(name=config.person(native_of(native)), display_name=title, url=entry.links.get("alternate", ""))
        case "tag":
            return Entity(name=f"tag:{native.lower()[:200]}", display_name=title)
        case _:
            return container_entity(native_of(native), title, config)


def _visibility(entry: Entry, verb: Verb) -> Visibility:
    community = _community(entry)
    communities = (community,) if community else ()
    if entry.fields.get("draft") == "yes" or entry.fields.get("moderation", "").lower() in _NOT_YET or "private" in entry.flags:
        return Visibility(public=False)
    said = entry.fields.get("visibility", "").lower()
    if said in ("private", "shared"):
        return Visibility(public=False, communities=communities)
    if community:
        open_to_all = entry.fields.get("communitytype", "").lower() == "public"
        return Visibility(public=open_to_all, communities=communities)
    # An activity's entries don't say whether all may read them; by default its members may.
    if verb is not Verb.FOLLOW and (entry.id.startswith(_ACTIVITIES_APP) or "activity" in entry.fields):
        return Visibility(public=False, restricted=(native_of(entry.fields.get("activity") or as_id(entry.id)),))
    return Visibility(public=True if said == "public" else None)


def _community(entry: Entry) -> str:
    """Return the community that an entry says it is in, or whose address it carries."""
    return entry.fields.get("communityuuid", "")[:200] or next(_communities_in_addresses(entry), "")


def _communities_in_addresses(entry: Entry) -> Iterator[str]:
    for address in (entry.id, *(entry.links.get(name, "") for name in ("self", "edit", "related", _CONTAINER_LINK))):
        found = community_in(address)
        if found:
            yield found


def _sluice_id(native: str, config: SourceConfig) -> str:
    identity = as_id(native)[:MAX_ID]
    return activity_id(config.kind, config.instance, identity) if identity else ""
