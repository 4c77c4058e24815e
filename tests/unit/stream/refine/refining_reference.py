"""What refining means, written out: from domain object to domain object. The worker's own way must give the same bytes."""

from dataclasses import replace

from services.contracts.activity import Activity, Attachment, Entity, Object
from services.contracts.codec import activity_to_proto
from services.stream.refine.folding import Folded
from services.stream.refine.hashtags import tags_of
from services.stream.refine.language import Classify, language_of
from services.stream.refine.sanitising import sanitise_html, web_url, without_controls
from services.stream.refine.stories import cluster_id
from services.stream.refine.text_extraction import extract, one_line


def refine(activity: Activity, folded: Folded, classify: Classify) -> Activity:
    """Return activity as `sluice.activities.v1` has it. Pure: the same arguments give the same result. O(size of the activity).

    folded decides version, sort time and acceptance. A deleted activity becomes its marker.
    """
    if folded.deleted:
        marker = activity.as_deleted(folded.version)
        return replace(marker, sort_time_ms=folded.sort_time_ms, accepted_ms=folded.accepted_ms)
    said = activity.object
    title = one_line(without_controls(said.title)) if said.title else ""
    content = sanitise_html(said.content) if said.content else ""
    found = extract(content)
    prose = f"{title}\n{found.prose}" if title else found.prose
    refined = replace(
        activity,
        version=folded.version,
        sort_time_ms=folded.sort_time_ms,
        accepted_ms=folded.accepted_ms,
        actor=_safe_entity(activity.actor) if activity.actor else None,
        target=_safe_entity(activity.target) if activity.target else None,
        object=_safe_object(said, title, content),
        tags=tags_of(activity.tags, prose),
        mentions=_mentions(activity.mentions),
        links=found.links,
        text=_text(title, found.text),
        language=language_of(activity.language, prose, classify),
    )
    return replace(refined, cluster_id=cluster_id(activity_to_proto(refined)))


def _text(title: str, content: str) -> str:
    """Return title and content as one text; a title that only repeats the beginning of the content is said once."""
    if not title or content.startswith(title):
        return content
    return f"{title}\n{content}" if content else title


def _safe_object(said: Object, title: str, content: str) -> Object:
    return Object(
        id=said.id,
        type=said.type,
        title=title,
        content=content,
        url=web_url(said.url),
        attachments=tuple(
            Attachment(url, attachment.media_type, _one_line(attachment.title))
            for attachment in said.attachments
            if (url := web_url(attachment.url))
        ),
        activity_id=said.activity_id,
    )


def _mentions(named: tuple[Entity, ...]) -> tuple[Entity, ...]:
    return tuple({entity.name: _safe_entity(entity) for entity in reversed(named)}.values())[::-1]


def _safe_entity(entity: Entity) -> Entity:
    return Entity(
        entity.name, _one_line(entity.display_name), _one_line(entity.handle), web_url(entity.url), web_url(entity.avatar_url)
    )


def _one_line(text: str) -> str:
    return text if text.isprintable() else one_line(without_controls(text))
