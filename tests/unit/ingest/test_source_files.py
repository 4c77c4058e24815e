import json

import pytest

from services.contracts.activity import Activity, Audience, Entity, Object, Scope, Source, Verb
from services.ingest.publisher import KafkaPublisher
from services.ingest.sending import KafkaUnavailable
from services.ingest.source import MalformedPayload, Mapped, Rejection, SourceConfig
from services.ingest.source_files import check_files, import_files
from tests.unit.ingest.fake_kafka import FakeKafka

NOW = 1_790_000_000_000
CONFIG = SourceConfig(id="files", kind="notes", instance="here")


class Notes:
    """Lines of JSON: {"id", "published"}; one without an id can't be mapped."""

    kind = "notes"

    def map_payload(self, payload, config, *, content_type=""):
        try:
            lines = [json.loads(line) for line in payload.splitlines()]
        except ValueError:
            raise MalformedPayload("json-malformed", "line 1 is not JSON") from None
        return Mapped(
            tuple(self.note(line) for line in lines if line["id"]),
            tuple(Rejection("id-missing", "the entry has no id") for line in lines if not line["id"]),
        )

    def note(self, line):
        return Activity(
            source=Source("notes", "here", line["id"]),
            verb=Verb.POST,
            actor=Entity("person:anna"),
            object=Object(content="half \ud83d"),
            audience=Audience(Scope.INTERNAL),
            published_ms=line.get("published", NOW),
        )


@pytest.fixture(autouse=True)
def notes(monkeypatch):
    monkeypatch.setattr("services.ingest.source_files.KINDS", {"notes": Notes()})


@pytest.fixture
def files(tmp_path):
    def write(**contents):
        for name, content in contents.items():
            (tmp_path / name).write_text(content)
        return [tmp_path / name for name in contents]

    return write


def lines_of(paths):
    lines = list(check_files("notes", paths, CONFIG, now_ms=NOW))
    assert json.loads(json.dumps(lines)) == lines
    return lines


def test_every_activity_and_every_rejection_has_a_line_and_the_counts_come_last(files):
    """A file that is not what it should be, and one that makes us crash, don't hide the others."""
    paths = files(
        good='{"id":"1"}\n{"id":"2"}', mixed='{"id":""}\n{"id":"3","published":-1}', broken="<feed", crash="{}", empty=""
    )
    lines = lines_of([*paths, paths[0].with_name("missing")])
    names = {str(path): path.name for path in paths}
    assert [(names.get(line["file"], "missing"), *sorted(set(line) - {"file"})) for line in lines[:-1]] == [
        ("good", "activity"), ("good", "activity"), ("mixed", "rejected"), ("mixed", "rejected"), ("broken", "rejected"),
        ("crash", "crashed"), ("missing", "rejected"),
    ]  # fmt: skip
    assert [line["rejected"].split(":")[0] for line in lines if "rejected" in line and "file" in line] == [
        "id-missing", "published-out-of-range", "json-malformed", "file-unreadable",
    ]  # fmt: skip
    assert lines[-1] == {"files": 6, "activities": 2, "rejected": 4, "crashed": 1}


def test_a_checked_activity_is_what_would_be_published(files):
    """Proto JSON with its id; half characters are replaced, so that it can be printed."""
    activity = lines_of(files(good='{"id":"1"}'))[0]["activity"]
    assert activity["id"] == Source("notes", "here", "1").activity_id
    assert activity["verb"] == "VERB_POST"
    assert activity["object"]["content"] == "half \ufffd"


async def test_an_import_can_be_repeated_and_tells_its_progress(files):
    paths = files(good='{"id":"1"}\n{"id":"2"}', mixed='{"id":"3"}\n{"id":""}', crash="{}")
    kafka, seen = FakeKafka(), []

    def progress(file, counts):
        seen.append((file, counts.activities, len(kafka.raw)))

    for _ in range(2):
        counts = await import_files("notes", paths, CONFIG, KafkaPublisher(kafka), now_ms=lambda: NOW, progress=progress)
    assert counts.as_dict() == {"files": 3, "activities": 3, "rejected": 1, "crashed": 1}
    assert seen[:3] == [(str(paths[0]), 2, 2), (str(paths[1]), 3, 3), (str(paths[2]), 3, 3)]
    assert len({kept.record.key for kept in kafka.raw}) == 3
    assert kafka.dead[0].headers["sluice_origin"] == "files"


async def test_an_import_stops_where_kafka_does(files):
    """The files before are in; saying that the rest is, too, would lose it."""
    kafka, seen = FakeKafka(), []
    kafka.away_after = 1
    paths = files(one='{"id":"1"}', two='{"id":"2"}')
    with pytest.raises(KafkaUnavailable):
        await import_files(
            "notes", paths, CONFIG, KafkaPublisher(kafka), now_ms=lambda: NOW, progress=lambda file, _: seen.append(file)
        )
    assert seen == [str(paths[0])]
