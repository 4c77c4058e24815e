"""Addresses of one page are one; those of two pages stay two."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.stream.refine.canonical_links import canonical_link, site_of

SAME = [
    "https://news.example/story/1?id=7",
    "http://news.example/story/1?id=7",
    "HTTPS://WWW.News.Example:443/story/1/?id=7",
    "http://news.example:80/story/1?id=7#comments",
    "https://reader@news.example/story/1?utm_source=feed&id=7&utm_medium=rss&fbclid=x",
    "https://m.news.example/story/1?gclid=1&id=7",
    "https://amp.news.example/story/1/amp/?id=7",
    "https://news.example/story/1?id=7&amp=1",
    "https://news.example/story/1/index.html?id=7",
    "https://news.example./story/%31?id=7",
    "https://www.google.com/amp/s/news.example/story/1/amp?id=7",
    "https://news-example.cdn.ampproject.org/c/s/news.example/story/1?id=7",
]


@pytest.mark.parametrize("url", SAME)
def test_spellings_of_one_page_are_one_link(url):
    """Schemes, ports, tracking, fragments, copies for phones and caches don't make another story."""
    assert canonical_link(url) == "news.example/story/1?id=7"


@pytest.mark.parametrize(
    "url",
    [
        "https://news.example/story/2?id=7",
        "https://news.example/story/1?id=8",
        "https://news.example/Story/1?id=7",
        "https://news.example:8443/story/1?id=7",
        "https://other.example/story/1?id=7",
        "https://blog.news.example/story/1?id=7",
        "https://news.example/story/1",
        "https://news.example/story/1?id=7&id=8",
    ],
)
def test_other_pages_are_other_links(url):
    """What may be another page is one."""
    assert canonical_link(url) not in ("", canonical_link(SAME[0]))


def test_parameters_count_in_any_order():
    """Nobody writes them in order."""
    assert canonical_link("https://a.example/p?b=2&a=1") == canonical_link("https://a.example/p?a=1&b=2")


def test_names_in_other_scripts_are_one_with_their_transcription():
    """Browsers show the one and send the other."""
    assert canonical_link("https://bücher.example/größe") == canonical_link("https://xn--bcher-kva.example/gr%C3%B6%C3%9Fe")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "mailto:a@b.example",
        "https://news.example",
        "https://www.news.example/?utm_source=x#top",
        "https:///p",
        "https://[::1/p",
        "https://a.example:port/p",
        "javascript:alert(1)",
        "https://a.example/" + "p" * 5000,
        "https://news.example/index.html",
    ],
)
def test_what_names_no_page_is_no_link(url):
    """A site's front page tells another story every day."""
    assert canonical_link(url) == ""


@given(
    st.one_of(
        st.text(max_size=40), st.text(st.characters(exclude_characters="#?"), max_size=40).map("https://a.example/{}".format)
    )
)
def test_nothing_fails_and_tracking_never_counts(url):
    """Whatever somebody writes."""
    site_of(url)
    if "#" not in url and "?" not in url:
        assert canonical_link(f"{url}?utm_source=x#top") == canonical_link(url)
