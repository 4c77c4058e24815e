"""Activities that the tests of search write about."""

from dataclasses import replace

from services.contracts.activity import Activity, Audience, Entity, Object, Scope, Source, Verb
from services.contracts.codec import activity_to_bytes
from services.search.documents import document_at

PUBLIC = Audience(Scope.PUBLIC)
INTERNAL = Audience(Scope.INTERNAL)
GROUP = Audience(Scope.GROUP, groups=("group:platform",))
DIRECT = Audience(Scope.DIRECT, recipients=("person:anna", "person:ben"))


def activity(
    native="1", *, text="", title="", audience=PUBLIC, sort_time_ms=1000, actor="person:anna", name="Anna Sample", **changes
):
    """Return a refined activity with its id."""
    made = Activity(
        source=Source("rss", "blog.example", native, "channel:blog"),
        verb=Verb.POST,
        actor=Entity(actor, display_name=name),
        object=Object(title=title, content=text),
        audience=audience,
        sort_time_ms=sort_time_ms,
        text=f"{title} {text}".strip(),
    ).with_id()
    return replace(made, **changes)


def document(made, offset=0):
    """Return the document of an activity as it is written from offset."""
    return document_at(made.id.encode(), activity_to_bytes(made), offset)
