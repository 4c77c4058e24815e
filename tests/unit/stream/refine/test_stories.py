"""Which activities tell the same story."""

import pytest
from sluice.activity.v1 import activity_pb2 as pb

from services.stream.refine.stories import cluster_id

PAGE = "https://news.example/story/1"


def told(*links, url="https://social.example/@anna/1", kind="note", verb=pb.VERB_POST, **fields):
    """A refined activity that links to something."""
    said = pb.Object(type=kind, url=url, attachments=fields.pop("attachments", ()))
    return pb.Activity(source=pb.Source(kind="mastodon", instance="home.example"), verb=verb, object=said, links=links, **fields)


def article(url=PAGE):
    """An entry of a feed."""
    return pb.Activity(
        source=pb.Source(kind="rss", instance="https://news.example/feed"),
        verb=pb.VERB_POST,
        object=pb.Object(type="article", url=url),
    )


def test_an_article_and_who_links_to_it_tell_the_same_story():
    """Through whatever channel, and with whatever stands behind the address."""
    story = cluster_id(article())
    assert len(story) == 16
    assert cluster_id(told("http://www.news.example/story/1/?utm_source=toot")) == story
    assert cluster_id(told(PAGE, verb=pb.VERB_SHARE)) == story
    card = pb.Attachment(url=PAGE, media_type="text/html")
    assert cluster_id(told(attachments=[pb.Attachment(url="https://pics.example/1.jpg", media_type="image/jpeg"), card])) == story
    assert cluster_id(article("https://news.example/story/2")) != story


def test_the_first_page_elsewhere_counts():
    """Not people, tags, the post's own site or the site that it came through."""
    anna = pb.Entity(name="person:a", url="https://far.example/profile/anna")
    before = [
        "https://social.example/tags/kafka",
        "https://home.example/about/us",
        "https://far.example/profile/anna",
        "https://far.example/@ben",
        "https://other.example/tags/kafka",
        "https://other.example/",
    ]
    assert cluster_id(told(*before, PAGE, "https://news.example/story/2", mentions=[anna])) == cluster_id(article())


@pytest.mark.parametrize(
    "message",
    [
        pb.Activity(),
        told(),
        told("https://other.example/"),
        told(PAGE, verb=pb.VERB_COMMENT),
        told(PAGE, verb=pb.VERB_LIKE),
        article(""),
        article("https://news.example/"),
    ],
)
def test_what_tells_of_no_page_has_no_story(message):
    """Comments belong to what they are on; two front pages are not one story."""
    assert cluster_id(message) == ""
