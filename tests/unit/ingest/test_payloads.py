"""Foreign JSON, XML, fields and HTML are read within bounds."""

import json

import pytest

from services.ingest.json_payload import parse_json
from services.ingest.loose_fields import as_flag, as_id, as_list, as_text, one_line, time_ms
from services.ingest.plain_text import plain_text
from services.ingest.source import MalformedPayload
from services.ingest.xml_payload import parse_xml


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "payload-empty"),
        (b" \n", "payload-empty"),
        (b"{", "json-malformed"),
        (b'{"a": NaN}', "json-malformed"),
        (b'{"a": "\xff"}', "json-malformed"),
        (b'{"a": "\\ud800"}', "json-malformed"),
        (b"\xff\xfe{", "json-malformed"),
        (b"[" * 150 + b"]" * 150, "json-too-deep"),
        (b"[" * 5000 + b"]" * 5000, "json-too-deep"),
        (b'{"a":' * 100_000, "json-too-deep"),
    ],
)
def test_what_is_no_json_within_bounds_is_named(payload, reason):
    with pytest.raises(MalformedPayload) as caught:
        parse_json(payload)
    assert caught.value.reason == reason


def test_byte_order_marks_and_utf16_are_read():
    document = {"ä": "ü"}
    text = json.dumps(document, ensure_ascii=False)
    assert parse_json(text.encode("utf-8-sig")) == parse_json(text.encode("utf-16")) == document


def test_of_repeated_keys_the_last_counts_and_huge_integers_are_no_crash():
    assert parse_json(b'{"a": 1, "a": 2}') == {"a": 2}
    assert isinstance(parse_json(b"[" + b"9" * 100 + b"]")[0], float)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "payload-empty"),
        (b"<a>", "xml-malformed"),
        (b"<a>&nbsp;</a>", "xml-malformed"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "xml-doctype"),
        (b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "xml-doctype"),
        (b'<?xml version="1.0" encoding="klingon"?><a/>', "xml-malformed"),
        (b"<a>" * 150 + b"</a>" * 150, "xml-too-deep"),
        (b"<a>" * 100_000, "xml-too-deep"),
    ],
)
def test_what_is_no_xml_within_bounds_is_named(payload, reason):
    with pytest.raises(MalformedPayload) as caught:
        parse_xml(payload)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2024-05-06T07:08:09.123Z", 1_714_979_289_123),
        ("2024-05-06T09:08:09.123+02:00", 1_714_979_289_123),
        ("2024-05-06", 1_714_953_600_000),
        ("Mon, 06 May 2024 07:08:09 GMT", 1_714_979_289_000),
        (1_714_979_289, 1_714_979_289_000),
        (1_714_979_289_123, 1_714_979_289_123),
        *[(no_time, 0) for no_time in ("gestern", float("inf"), float("nan"), 10**30, True, [], {"a": 1}, "9" * 500)],
    ],
)
def test_times_are_read_in_every_usual_spelling(value, expected):
    assert time_ms(value) == expected


def test_times_at_the_ends_of_the_calendar_are_no_crash():
    assert time_ms("0001-01-01T00:00:00+14:00") <= 0
    assert time_ms("9999-12-31T23:59:59-14:00") > 0


def test_fields_of_the_wrong_type_are_read_as_far_as_they_go():
    assert as_text([None, {"@value": " a\x00b "}]) == "ab"
    assert as_text({"a": "b"}) == as_text(7) == ""
    assert as_id(17) == "17"
    assert as_id(" a\nb ") == "ab"
    assert as_list({"@list": [1, 2]}) == [1, 2]
    assert one_line("a\r\n b\tc", 4) == "a b "
    assert as_flag("TRUE") is True
    assert as_flag("maybe") is None


def test_plain_text_leaves_out_what_a_page_hides():
    html = '<p>Anna <span style="display : none">id<b>42</b></span>wrote<script>alert(1)</script><br>a &amp; b</p>'
    assert plain_text(html) == "Anna wrote a & b"
    assert plain_text("</span>left <b>open") == "left open"
