import pytest

from services.contracts.activity import Activity, Source
from services.ingest.source import SourceConfig
from services.ingest.sources.mastodon.cursor import TimelineCursor
from services.ingest.sources.mastodon.ids import earlier, place
from services.ingest.sources.mastodon.options import MastodonOptions, OptionInvalid


def seen(native_id, version=1):
    return Activity(Source("mastodon", "social.example", native_id), version=version)


def gone(native_id):
    return Activity(Source("mastodon", "social.example", native_id), deleted=True)


def test_ids_are_ordered_by_length_first():
    assert sorted(["100", "99", "9", "101"], key=place) == ["9", "99", "100", "101"]


def test_an_id_of_a_time_before():
    """Milliseconds are in the upper bits; ids without a time stay."""
    now = 1_772_438_400_000
    assert int(earlier(str(now << 16), 300_000)) >> 16 == now - 300_000
    assert earlier("123", 300_000) == "123"
    assert earlier("A1b2", 300_000) == "A1b2"


def test_the_cursor_survives_being_stored():
    cursor = TimelineCursor().after([seen("1"), seen("2", 5)], 10).scanned(7)
    assert TimelineCursor.read(cursor.stored()) == cursor


def test_the_last_id_only_grows():
    """A status of another instance arrives late under a lower id."""
    cursor = TimelineCursor().after([seen("100")], 10).after([seen("99")], 10)
    assert (cursor.last_id, set(cursor.known)) == ("100", {"100", "99"})


def test_the_newest_statuses_are_remembered_and_deleted_ones_are_not():
    cursor = TimelineCursor().after([seen(str(number)) for number in range(1, 21)], 5).after([gone("19")], 5)
    assert set(cursor.known) == {"16", "17", "18", "20"}


def test_news_is_what_is_unknown_or_edited_or_deleted():
    cursor = TimelineCursor().after([seen("1", 10)], 5)
    assert not cursor.is_news(seen("1", 10))
    assert cursor.is_news(seen("1", 11))
    assert cursor.is_news(seen("2", 1))
    assert cursor.is_news(gone("1"))


def test_known_statuses_are_compared_three_times_a_minute_at_most():
    cursor = TimelineCursor()
    for now_ms in (1000, 2000, 3000):
        assert cursor.next_scan_ms() <= now_ms
        cursor = cursor.scanned(now_ms)
    assert cursor.next_scan_ms() == 61_000


@pytest.mark.parametrize(
    ("options", "timeline", "streaming"),
    [
        ({}, "/api/v1/timelines/public?limit=40&min_id=7", "/api/v1/streaming/public"),
        ({"stream": "local"}, "/api/v1/timelines/public?limit=40&min_id=7&local=true", "/api/v1/streaming/public/local"),
        ({"stream": "user"}, "/api/v1/timelines/home?limit=40&min_id=7", "/api/v1/streaming/user"),
        (
            {"stream": "hashtag", "tag": "a/b"},
            "/api/v1/timelines/tag/a%2Fb?limit=40&min_id=7",
            "/api/v1/streaming/hashtag?tag=a%2Fb",
        ),
        ({"stream": "list", "list": "3"}, "/api/v1/timelines/list/3?limit=40&min_id=7", "/api/v1/streaming/list?list=3"),
    ],
)
def test_each_timeline_has_its_addresses(options, timeline, streaming):
    read = MastodonOptions.of(SourceConfig(id="a", kind="mastodon", options=options))
    assert (read.timeline(min_id="7"), read.streaming()) == (timeline, streaming)


@pytest.mark.parametrize(
    "options",
    [{"colour": 1}, {"stream": "all"}, {"stream": "hashtag"}, {"tag": "x"}, {"notifications": True}, {"followers_only": "all"},
     {"remember": -1}, {"backfill": "many"}],
)  # fmt: skip
def test_an_option_that_cannot_be_used_is_refused(options):
    with pytest.raises(OptionInvalid):
        MastodonOptions.of(SourceConfig(id="a", kind="mastodon", options=options))
