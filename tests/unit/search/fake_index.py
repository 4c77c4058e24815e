"""An index in memory that behaves as the contract suite says; it can be away, lose its last writes and refuse documents."""

import base64
import re
from collections import Counter

import orjson

from services.search.documents import body_of
from services.search.ports import Checkpoint, CheckpointLost, Found, Hit, IndexAway, Outcome, RequestRefused
from tests.unit.search.query_evaluator import holds

LOWEST = -(2**63)


class FakeIndex:
    """Both ports. writable: False is away; sick: {id: statuses to answer, first to last}; max_documents: more get 413."""

    def __init__(self):
        self.writable = True
        self.readable = True
        self.sick = {}
        self.max_documents = 10**9
        self.written = {}
        self.visible = {}
        self.points = {}
        self.moves = 0
        self.bulks = []
        self.refreshes = 0

    async def bulk(self, documents):
        self._check(self.writable)
        if len(documents) > self.max_documents:
            raise RequestRefused(413)
        self.bulks.append([document.id for document in documents])
        return [self._write(document) for document in documents]

    def _write(self, document):
        if statuses := self.sick.get(document.id):
            return Outcome(statuses.pop(0), "made_up")
        version, _ = self.written.get(document.id, (-1, None))
        if document.version <= version:
            return Outcome(409, "version_conflict_engine_exception")
        self.written[document.id] = (document.version, orjson.loads(document.source))
        return Outcome(201)

    async def refresh(self):
        self._check(self.writable)
        self.refreshes += 1
        self.visible = {key: source for key, (_, source) in self.written.items()}

    async def checkpoints(self, partitions):
        self._check(self.writable)
        return {number: self.points[number] for number in partitions if number in self.points}

    async def save_checkpoints(self, checkpoints):
        self._check(self.writable)
        for point in checkpoints:
            there = self.points.get(point.partition, Checkpoint(point.partition, 0))
            if (there.seq_no, there.primary_term) != (point.seq_no, point.primary_term):
                raise CheckpointLost
        saved = {}
        for point in checkpoints:
            self.moves += 1
            saved[point.partition] = Checkpoint(point.partition, point.position, self.moves, 1)
        self.points.update(saved)
        return saved

    async def search(self, body):
        rows, total = self._found(body)
        return Found(tuple(self._hit(*row, body) for row in rows), total if body["track_total_hits"] else -1)

    async def facts(self, body):
        assert body["_source"] is False
        assert body["docvalue_fields"] == ["facts"]
        return [base64.b64decode(self.visible[key]["facts"]) for _, key in self._found(body)[0]]

    def _found(self, body):
        """Return (sort values, id) of the hits, and how many there are without the bounds of a page."""
        self._check(self.readable)
        names = [next(iter(order)) for order in body["sort"]]
        assert all(order == {name: "desc"} for order, name in zip(body["sort"], names, strict=True))
        scores = {key: self._score(body, source) for key, source in self.visible.items()}
        rows = [
            (tuple(scores[key] if name == "_score" else source.get(name, LOWEST) for name in names), key)
            for key, source in self.visible.items()
            if scores[key] is not None
        ]
        rows.sort(reverse=True)
        if after := body.get("search_after"):
            rows = [row for row in rows if row[0] < tuple(after)]
        return rows[: body["size"]], sum(score is not None for score in scores.values())

    def _score(self, body, source):
        if "highlight" not in body:
            return 0.0 if holds(body["query"], source) else None
        *gate, words = body["query"]["bool"]["filter"]
        wanted = words["simple_query_string"]["query"].lower().split()
        text = Counter(
            re.findall(r"\w+", f"{source.get('title', '')} {source.get('text', '')} {source.get('actor_name', '')}".lower())
        )
        allowed = all(holds(query, source) for query in gate)
        return 1.0 if allowed and all(text[word] for word in wanted) else None

    def _hit(self, sort, key, body):
        source = self.visible[key]
        highlight = ("<mark>found</mark>",) if "highlight" in body else ()
        kept = {name: source[name] for name in body["_source"] if name in source}
        return Hit(key, sort[0] if "highlight" in body else 0.0, sort, kept, highlight)

    async def get_many(self, ids):
        self._check(self.readable)
        return [body_of(self.written[key][1]) if key in self.written else None for key in ids]

    def roll_back(self, snapshot):
        """Be what the index was when `snapshot` was taken, as after a crash of a server that saves now and then."""
        self.written, self.visible, self.points = (dict(part) for part in snapshot)

    def snapshot(self):
        return dict(self.written), dict(self.visible), dict(self.points)

    @staticmethod
    def _check(available):
        if not available:
            raise IndexAway("fake_away")
