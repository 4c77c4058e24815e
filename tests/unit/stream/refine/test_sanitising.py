import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.stream.refine.sanitising import CONTENT_LIMIT, sanitise_html, web_url
from services.stream.refine.text_extraction import extract

K256 = 262_144


@pytest.mark.parametrize(
    ("html", "safe"),
    [
        ("plain & simple", "plain &amp; simple"),
        ("<p>Hi <b>there</b></p>", "<p>Hi <b>there</b></p>"),
        ("<p onclick='x()' class=c style='color:red' id=i>Hi</p>", "<p>Hi</p>"),
        ("a<script>alert(1)</script>b", "ab"),
        ("a<style>p{}</style>b", "ab"),
        ('<a href="https://e.example/">x</a>', '<a href="https://e.example/" rel="nofollow noopener">x</a>'),
        ('<a href="mailto:a@e.example">x</a>', '<a href="mailto:a@e.example" rel="nofollow noopener">x</a>'),
        ('<a href="javascript:alert(1)">x</a>', '<a rel="nofollow noopener">x</a>'),
        ('<a href=" JaVaScRiPt:alert(1)">x</a>', '<a rel="nofollow noopener">x</a>'),
        ('<a href="data:text/html,x">x</a>', '<a rel="nofollow noopener">x</a>'),
        ('<a href="/relative">x</a>', '<a rel="nofollow noopener">x</a>'),
        ("<img src=x onerror=alert(1)>after", "after"),
        ("<svg><p><style><img src=x onerror=y></style>in", "<p>in</p>"),
        ("<iframe src=https://e.example></iframe>x", "x"),
        ("a\x00b\x07c", "abc"),
        ('<span class="invisible">https://</span>e.example', "https://e.example"),
        ("<p>not closed <i>at all", "<p>not closed <i>at all</i></p>"),
    ],
)
def test_only_structure_and_safe_links_stay(html, safe):
    assert sanitise_html(html) == safe


@given(st.text(alphabet=st.sampled_from("<>&;\"'/ =abpi\n\xa0\x00"), max_size=60))
def test_sanitising_twice_is_sanitising_once(html):
    """A client that sanitises again shows the same; what is safe stays untouched."""
    once = sanitise_html(html)
    assert sanitise_html(once) == once


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "/x", "ftp://e.example", "", " https://e.example"])
def test_a_url_that_is_not_web_is_dropped(url):
    assert web_url(url) == ""


@pytest.mark.parametrize("url", ["https://e.example/a", "HTTP://e.example"])
def test_a_web_url_stays(url):
    assert web_url(url) == url


BOMBS = {
    "nested div": "<div>" * (K256 // 5),
    "nested list": "<ul><li>" * (K256 // 8),
    "nested bold": "<b>" * (K256 // 3),
    "links in links": "<a href=https://e.example/x>" * (K256 // 28),
    "reopened": "<p>" + "".join(f"<b x={n}>" for n in range(8000)) + "</p>" + "<p>x" * 8000,
    "reopened, few tags": "<p>" + "".join(f"<b x={n}>" for n in range(2000)) + "</p>" + "<p>x" * 2000,
    "foster parents": "<table>" + "".join(f"<b x={n}>x" for n in range(2000)) + "<tr>x" * 2000,
    "hidden closings": "<p>" + "".join(f"<b x={n}><!--</b>-->" for n in range(1500)) + "</p>" + "<p>x" * 1500,
    "only <": "<" * K256,
    "only &": "&" * K256,
    "only &amp": "&amp" * (K256 // 4),
    "only #": "#" * K256,
    "#a#a": "#a" * (K256 // 2),
    "spaces": " " * K256,
    "unclosed attribute": "<a " + "x " * (K256 // 2),
    "unclosed anchors": "<a <a " * (K256 // 6),
    "comments": "<!--" * (K256 // 4),
    "urls": "https://" * (K256 // 8),
    "code": "<code>" * (K256 // 6),
    "few, long attribute": '<a title="' + "<pre>" * (K256 // 5) + '">',
    "entities": "&#x41;" * (K256 // 6),
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS.keys())
def test_no_html_takes_long_or_grows(bomb):
    """256 KiB built to exhaust parsers cost at most a fraction of a second of processor time, and fit a record."""
    begin = time.process_time()
    html = sanitise_html(bomb)
    found = extract(html)
    assert time.process_time() - begin < 1.0
    assert len(html.encode()) <= CONTENT_LIMIT
    assert len(found.text) <= K256


def test_html_that_is_cut_is_not_cut_inside_an_entity():
    assert sanitise_html("x" + "&" * K256).endswith("&amp;")


def test_a_long_article_is_still_html():
    """The limits are for bombs: an article with a thousand paragraphs and links keeps its structure."""
    article = '<p>One <b>bold</b> word and <a href="https://e.example/x">a link</a>.</p>' * 1000
    assert sanitise_html(article).count("<p>") == 1000
