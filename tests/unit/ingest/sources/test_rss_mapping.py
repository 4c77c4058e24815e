import contextlib
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.contracts.activity import Attachment, Audience, Scope, Verb
from services.ingest.source import MalformedPayload, SourceConfig
from services.ingest.sources.rss import CONNECTOR
from tests.unit.ingest.sources.feed_documents import ATOM, JSON, RDF, RSS

CONFIG = SourceConfig(
    id="blog", kind="rss", url="https://feeds.example/blog/feed", instance="feeds.example", audience=Audience(Scope.INTERNAL)
)


def mapped(text, config=CONFIG, content_type=""):
    return CONNECTOR.map_payload(text.encode() if isinstance(text, str) else text, config, content_type=content_type)


def test_an_rss_item_becomes_a_post_by_its_author():
    first = mapped(RSS).activities[0]
    assert (first.verb, first.source.native_id, first.source.channel) == (Verb.POST, "w-1", "channel:blog")
    assert (first.actor.name, first.actor.display_name) == ("person:rss:feeds.example:gerda-groß".casefold(), "Gerda Groß")
    assert (first.object.type, first.object.title, first.object.url) == ("article", "Erste Fräse", "https://werkstatt.example/1")
    assert first.object.content == '<p>Die Fräse läuft. <a href="https://feeds.example/mehr">Mehr</a></p>'
    assert first.object.attachments == (
        Attachment("https://werkstatt.example/1.mp3", "audio/mpeg"),
        Attachment("https://werkstatt.example/1.jpg", "image/jpeg"),
    )
    assert (first.published_ms, first.updated_ms, first.tags) == (1_772_434_800_000, 0, ("Metall", "CNC"))
    assert (first.language, first.audience) == ("de-DE", Audience(Scope.INTERNAL))


def test_an_article_without_a_date_of_its_edit_is_undated():
    """An edit keeps the date of publication: as version it would make the edit a conflict."""
    assert [activity.version for activity in mapped(RSS).activities] == [0, 0, 0]


def test_an_item_without_id_is_its_content():
    """The same words are the same article at every poll, other words another one."""
    second = mapped(RSS).activities[1]
    assert second.source.native_id.startswith("sha256:")
    assert mapped(RSS.replace("Werkstatt &amp; Labor", "X")).activities[1].source.native_id == second.source.native_id
    assert mapped(RSS.replace("Ohne Kennung", "Mit")).activities[1].source.native_id != second.source.native_id


def test_an_e_mail_address_never_becomes_a_name():
    for activity in (*mapped(RSS).activities, *mapped(ATOM).activities, *mapped(JSON).activities):
        assert "@" not in activity.actor.name
        assert "@" not in activity.actor.display_name
    second = mapped(RSS).activities[1]
    assert second.actor.name.startswith("person:rss:feeds.example:mail-")
    assert second.actor.display_name == "jens"


@pytest.mark.parametrize("document", [RSS.replace("w-1", "42"), RSS.replace(' isPermaLink="false"', "").replace("w-1", "42")])
def test_an_id_is_the_same_wherever_the_feed_is_read_from(document):
    """A feed that moves must not publish all of its entries again."""
    for url in ("", "https://feeds.example/a", "https://moved.example/b/c"):
        assert mapped(document, replace(CONFIG, url=url)).activities[0].source.native_id == "42"


def test_an_item_without_author_is_by_the_channel():
    """The managing editor of a channel wrote none of its items."""
    third = mapped(RSS).activities[2]
    assert (third.actor.name, third.actor.display_name) == ("channel:blog", "Werkstatt & Labor")
    assert (third.actor.url, third.actor.avatar_url) == ("https://werkstatt.example/", "https://werkstatt.example/logo.png")


def test_a_date_that_is_none_is_missing():
    assert mapped(RSS).activities[2].published_ms == 0


def test_an_item_that_says_nothing_is_rejected_and_the_others_stay():
    rejections = mapped(RSS).rejections
    assert [(rejection.reason, rejection.detail) for rejection in rejections] == [("entry-empty", "entry 4 says nothing")]


@pytest.mark.parametrize("year", ["1601", "2999"])
def test_dates_out_of_range_are_passed_on(year):
    """Acceptance judges them; a mapping that hid them would hide a broken source."""
    activity = mapped(RSS.replace("02 Mar 2026", f"02 Mar {year}")).activities[0]
    assert (activity.published_ms < 0) == (year == "1601")
    assert activity.published_ms != 0


def test_an_atom_entry_is_versioned_by_its_update_and_inherits_the_author():
    first, second = mapped(ATOM).activities
    assert (first.version, first.updated_ms, first.published_ms) == (1_772_445_600_000, 1_772_445_600_000, 1_772_355_600_000)
    assert (first.actor.display_name, second.actor.display_name) == ("Mara Lind", "Luc")
    assert first.object.title == "Rust & water"
    assert first.tags == ("Corrosion", "water")


def test_an_entry_with_only_an_update_was_published_then():
    assert mapped(ATOM).activities[1].published_ms == mapped(ATOM).activities[1].updated_ms == 1_772_323_200_000


def test_relative_links_are_resolved_by_xml_base():
    first = mapped(ATOM).activities[0]
    assert first.object.url == "https://lab.example/blog/posts/1"
    assert first.object.attachments == (Attachment("https://lab.example/blog/posts/1.pdf", "application/pdf", "Paper"),)
    assert 'src="https://lab.example/blog/p.png"' in first.object.content


def test_plain_text_is_escaped_and_content_counts_before_the_summary():
    first, second = mapped(ATOM).activities
    assert first.object.content.startswith("<p>Long")
    assert second.object.content == "a &lt; b<br>c"
    assert (first.language, second.language) == ("en", "fr")


def test_rdf_is_read():
    (only,) = mapped(RDF).activities
    assert (only.source.native_id, only.published_ms) == ("https://old.example/a", 1_767_571_200_000)


def test_a_json_feed_is_read():
    first, second = mapped(JSON).activities
    assert (first.source.native_id, first.object.url, first.version) == (
        "https://j.example/1",
        "https://j.example/1",
        1_770_030_000_000,
    )
    assert (first.actor.name, first.actor.url) == ("person:rss:feeds.example:noor", "https://j.example/noor")
    assert [attachment.url for attachment in first.object.attachments] == ["https://j.example/1.mp3", "https://j.example/1.png"]
    assert (second.source.native_id, second.object.content, second.language) == ("2", "1 &lt; 2", "de")
    assert [rejection.reason for rejection in mapped(JSON).rejections] == ["entry-empty"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "iso-8859-1", "windows-1252"])
def test_the_encoding_is_found_by_mark_or_declaration(encoding):
    declared = {"utf-8-sig": "utf-8", "utf-16-le": "utf-16"}.get(encoding, encoding)
    text = RSS.replace('encoding="utf-8"', f'encoding="{declared}"')
    payload = (f"\ufeff{text}" if encoding == "utf-16-le" else text).encode(encoding)
    assert mapped(payload).activities[0].object.title == "Erste Fräse"


def test_the_http_header_decides_over_the_declaration():
    payload = RSS.encode("iso-8859-1")
    assert (
        mapped(payload, content_type="application/rss+xml; charset=iso-8859-1").activities[0].actor.display_name == "Gerda Groß"
    )


@pytest.mark.parametrize(
    "document",
    ["<rss version='2.0'><channel><title>Leer</title></channel></rss>", "<feed xmlns='http://www.w3.org/2005/Atom'/>", "<rss></rss>",
     '{"version": "https://jsonfeed.org/version/1", "items": []}', "<channel><title>Leer</title></channel>"],
)  # fmt: skip
def test_a_feed_without_entries_maps_to_nothing(document):
    assert mapped(document).activities == mapped(document).rejections == ()


@pytest.mark.parametrize(
    "document",
    ["", "hello", "<html><head><title>Log in</title></head><body/></html>", "<opml version='1.0'><body/></opml>", "{}", "[]",
     '{"items": 3}', "{", "\0\0", "https://feeds.example/other", "<?xml version='1.0'?><svg/>"],
)  # fmt: skip
def test_what_is_no_feed_is_malformed(document):
    with pytest.raises(MalformedPayload) as malformed:
        mapped(document)
    assert malformed.value.reason
    assert not document or document not in str(malformed.value)


def test_a_payload_that_names_a_file_is_not_opened(tmp_path):
    """The parser opens what it is given as text; the payload is a stranger's."""
    path = tmp_path / "secret.xml"
    path.write_text(RSS, encoding="utf-8")
    with pytest.raises(MalformedPayload):
        mapped(str(path))


def test_the_entries_of_broken_xml_are_saved():
    broken = RSS.replace("&amp; Labor", "& Labor <b>").replace("</channel></rss>", "")
    assert mapped(broken).activities[0].object.title == "Erste Fräse"


def test_external_and_growing_entities_are_not_expanded():
    bomb = """<?xml version="1.0"?>
    <!DOCTYPE r [
      <!ENTITY f SYSTEM "file:///etc/hostname"><!ENTITY a "aaaaaaaaaa">
      <!ENTITY b "&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">
    ]><rss version="2.0"><channel><item><title>x &f; &c;</title></item></channel></rss>"""
    (only,) = mapped(bomb).activities
    assert "aaaa" not in only.object.title
    assert len(only.object.title) < 20


def test_at_most_200_tags_are_kept():
    many = "".join(f"<category>t{number}</category>" for number in range(500))
    assert len(mapped(RSS.replace("<category>CNC</category>", many)).activities[0].tags) == 200


@given(st.binary(max_size=300))
def test_no_bytes_crash_the_mapping(payload):
    with contextlib.suppress(MalformedPayload):
        mapped(payload)


@given(st.data())
def test_no_damage_crashes_the_mapping(data):
    """Cuts, flips and insertions at any place of a real document."""
    document = data.draw(st.sampled_from([RSS, ATOM, RDF, JSON])).encode()
    start = data.draw(st.integers(0, len(document)))
    end = min(len(document), start + data.draw(st.integers(0, 40)))
    damaged = document[:start] + data.draw(st.binary(max_size=12)) + document[end:]
    with contextlib.suppress(MalformedPayload):
        mapped(damaged)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.data())
def test_no_type_of_value_crashes_the_mapping_of_json(data):
    """Every field of a JSON Feed may hold anything."""
    document = json.loads(JSON)
    target = data.draw(st.sampled_from([document, document["items"][0], document["items"][1]]))
    for key in data.draw(st.lists(st.sampled_from(sorted(target)), max_size=4)):
        target[key] = data.draw(ANYTHING)
    with contextlib.suppress(MalformedPayload):
        mapped(json.dumps(document))
