import pytest

from services.contracts.activity import Activity, Object, Source
from services.ingest.source import SourceConfig
from services.ingest.sources.rss.cursor import FeedCursor
from services.ingest.sources.rss.options import OptionInvalid, RssOptions
from services.ingest.sources.rss.refresh import pause_s, refresh_s

URL = "https://feeds.example/feed"


def article(native_id, content="a"):
    return Activity(Source("rss", "feeds.example", native_id), object=Object(content=content))


@pytest.mark.parametrize(
    ("ttl", "period", "frequency", "seconds"),
    [
        ("60", "", "", 3600),
        ("", "daily", "2", 43_200),
        ("", "hourly", "", 3600),
        ("5", "daily", "1", 300),
        ("soon", "often", "x", 0),
        ("", "", "", 0),
    ],
)
def test_a_feed_says_how_often_it_wants_to_be_read(ttl, period, frequency, seconds):
    assert refresh_s(ttl, period, frequency) == seconds


def test_the_pause_is_what_the_feed_asks_for_within_bounds():
    """Never more often than configured, never so rarely that a post is a day late."""
    assert pause_s(60, 0, 3600, 0) == 60
    assert pause_s(60, 600, 3600, 0) == 600
    assert pause_s(60, 86_400, 3600, 0) == 3600
    assert pause_s(7200, 60, 3600, 0) == 7200
    assert 600 < pause_s(60, 600, 3600, 0.99) <= 660


def test_known_entries_are_not_news_until_they_change():
    news, cursor = FeedCursor.read({}, URL).without_known([article("1"), article("2")])
    assert len(news) == 2
    cursor = FeedCursor.read(cursor.stored(), URL)
    assert cursor.without_known([article("1"), article("2")])[0] == ()
    assert cursor.without_known([article("1", "b"), article("2")])[0] == (article("1", "b"),)


def test_the_memory_is_bounded_and_forgets_what_left_the_feed_first():
    _, cursor = FeedCursor.read({}, URL).without_known([article(f"old-{number}") for number in range(4000)])
    _, cursor = cursor.without_known([article(f"new-{number}") for number in range(3000)])
    assert len(cursor.seen) == 5000
    assert cursor.without_known([article("new-0"), article("old-3999"), article("old-0")])[0] == (article("old-0"),)


def test_a_cursor_made_for_another_url_asks_unconditionally():
    """Whoever changes the URL in the sources file must not be sent to where the old one had moved."""
    stored = FeedCursor(URL, "https://moved.example/", '"1"', "Mon, 02 Mar 2026 08:00:00 GMT", {"a": "b"}).stored()
    assert FeedCursor.read(stored, URL).conditions() == {
        "If-None-Match": '"1"',
        "If-Modified-Since": "Mon, 02 Mar 2026 08:00:00 GMT",
    }
    other = FeedCursor.read(stored, "https://other.example/")
    assert (other.url, other.conditions(), other.seen) == ("", {}, {"a": "b"})


def test_the_secret_is_sent_as_configured():
    config = SourceConfig(id="a", kind="rss", secret="user:word", options={"auth": "basic"})
    assert RssOptions.of(config).headers(config.secret) == {"Authorization": "Basic dXNlcjp3b3Jk"}
    assert RssOptions().headers("token") == {"Authorization": "Bearer token"}
    assert RssOptions().headers("") == {}


@pytest.mark.parametrize(
    "options", [{"colour": 1}, {"auth": "digest"}, {"max_bytes": 0}, {"longest_interval_s": "an hour"}, {"max_bytes": True}]
)
def test_an_option_that_cannot_be_used_is_named(options):
    with pytest.raises(OptionInvalid, match=next(iter(options))):
        RssOptions.of(SourceConfig(id="a", kind="rss", options=options))
