"""Activities as programs publish them: messages for ingest."""

import time

from sluice.activity.v1 import activity_pb2
from sluice.ingest.v1 import publish_service_pb2 as pb

_HTML = "<p>{text}. <b>Neue Version</b> läuft stabil im <a href='https://blog.example/a/long/path'>Betrieb</a> und das Team freut sich.</p>"


def to_publish(
    native_id: str, actor: str, text: str, *, group: str = "", version: int = 1, age_s: float = 0.0
) -> pb.PublishRequest:
    """Return an activity for everybody inside, or for the members of a group. age_s: how long ago it was written."""
    scope = activity_pb2.SCOPE_GROUP if group else activity_pb2.SCOPE_INTERNAL
    activity = activity_pb2.Activity(
        source=activity_pb2.Source(kind="bench", instance="bench.example", native_id=native_id, channel="channel:bench"),
        version=version,
        verb=activity_pb2.VERB_POST,
        actor=activity_pb2.Entity(name=actor, display_name="An Author", url="https://bench.example/@author"),
        object=activity_pb2.Object(type="note", content=_HTML.format(text=text), url=f"https://bench.example/{native_id}"),
        audience=activity_pb2.Audience(scope=scope, groups=[group] if group else []),
        tags=["bench", "stream"],
    )
    activity.published.FromMilliseconds(int((time.time() - age_s) * 1000))
    return pb.PublishRequest(activity=activity)
