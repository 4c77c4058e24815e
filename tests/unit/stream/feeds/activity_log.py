"""The refined activities, as refine writes them, and the index that follows them."""

from dataclasses import replace
from typing import Any

from services.contracts.activity import Activity, Audience, Entity, Object, Scope, Source, Verb
from services.contracts.codec import activity_to_bytes
from services.contracts.facts_codec import facts_from_bytes
from services.contracts.matching import Facts
from services.contracts.partitions import partition_of
from tests.unit.stream.feeds.fake_history import FakeHistory

ACTIVITY_PARTITIONS = 2
PUBLIC = Audience(Scope.PUBLIC)


class ActivityLog:
    """records: what the broadcast reads. latest: the last state of each, by id; ids: in the order of their first record."""

    def __init__(self) -> None:
        self.logs: list[list[Activity]] = [[] for _ in range(ACTIVITY_PARTITIONS)]
        self.records: list[list[tuple[Facts, bytes]]] = [[] for _ in range(ACTIVITY_PARTITIONS)]
        self.ids: list[str] = []
        self.latest: dict[str, Activity] = {}
        self.history = FakeHistory(self.logs)

    def new(self, actor: str, *, channel: str = "", kind: str = "sluice", **fields: Any) -> Activity:
        """Return an activity that nobody has heard of yet: a public post unless fields say otherwise."""
        source = Source(kind, "test", str(len(self.ids)), channel)
        fields = {"verb": Verb.POST, "audience": PUBLIC} | fields
        activity = Activity(source, actor=Entity(actor), **fields).with_id()
        self.ids.append(activity.id)
        return activity

    def append(self, activity: Activity) -> Activity:
        """Write a record of the refined activities."""
        partition = partition_of(activity.id, ACTIVITY_PARTITIONS)
        body = activity_to_bytes(activity)
        self.logs[partition].append(activity)
        # As the broadcast sees it: bytes, and what can be read from them.
        self.records[partition].append((facts_from_bytes(body), body))
        self.latest[activity.id] = activity
        return activity

    def post(self, actor: str = "person:b", time: int = 5, **fields: Any) -> Activity:
        """Write a post. Its text is its time unless fields say otherwise."""
        return self.append(self.new(actor, sort_time_ms=time, **({"text": str(time)} | fields)))

    def like(self, actor: str, activity_id: str, **fields: Any) -> Activity:
        """Write a like."""
        return self.append(self.new(actor, verb=Verb.LIKE, object=Object(activity_id=activity_id), **fields))

    def comment(self, actor: str, reply_to: str, about: str = "", **fields: Any) -> Activity:
        """Write an answer to something. about: what all of it is about, where its source says that."""
        return self.post(actor, verb=Verb.COMMENT, in_reply_to=reply_to, object=Object(activity_id=about), **fields)

    def edit(self, activity: Activity, **changes: Any) -> Activity:
        """Write the next version."""
        return self.append(replace(activity, version=activity.version + 1, **changes))

    def delete(self, activity: Activity) -> Activity:
        """Write that it is gone."""
        return self.append(activity.as_deleted(9))

    def index(self, partition: int, records: int, *, confess: bool) -> None:
        """Let the index show more; confess: the indexer says so."""
        history = self.history
        history.indexed[partition] = min(history.indexed[partition] + records, len(self.logs[partition]))
        if confess:
            history.confessed[partition] = history.indexed[partition]
            self.heard_of_progress()

    def index_everything(self, *, confess: bool = True) -> None:
        """Let the index show all there is."""
        for partition, log in enumerate(self.logs):
            self.index(partition, len(log), confess=confess)

    def forget_in_index(self, partition: int, records: int) -> None:
        """Let the index lose its last moments and say so."""
        history = self.history
        history.indexed[partition] = max(0, min(history.indexed[partition], history.confessed[partition]) - records)
        history.confessed[partition] = history.indexed[partition]
        self.heard_of_loss()

    def heard_of_progress(self) -> None:
        """Be told that the index shows more."""

    def heard_of_loss(self) -> None:
        """Be told that the index shows less."""
