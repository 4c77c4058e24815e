"""What bad input gets from `sluice source check` and from polled sources, which map by the same functions: a reason, never a crash."""

import json
import time

import pytest

from services.contracts.activity import Audience, Scope
from services.ingest.registry import KINDS
from services.ingest.source import SourceConfig
from services.ingest.source_files import check_files

SECRET = "confidential"
NOW_MS = 1_790_000_000_000


def rss(
    published="Mon, 01 Jun 2026 10:00:00 GMT", title=SECRET, author=f"<author>{SECRET}@x.example ({SECRET})</author>", more=""
):
    item = f"<item><guid>1</guid><title>{title}</title><pubDate>{published}</pubDate>{author}{more}</item>"
    return f'<?xml version="1.0"?><rss version="2.0"><channel><title>t</title>{item}</channel></rss>'.encode()


def mastodon(**changes):
    account = {"id": "7", "username": "u", "acct": "u", "url": "https://social.example/@u"}
    status = {
        "id": "1",
        "created_at": "2026-06-01T10:00:00Z",
        "visibility": "public",
        "content": f"<p>{SECRET}</p>",
        "account": account,
    }
    return json.dumps(status | changes).encode()


def story(**changes):
    told = {
        "id": "urn:lsid:lconn.ibm.com:activitystreams.story:1",
        "verb": "post",
        "published": "2026-06-01T10:00:00.000Z",
        "actor": {"id": "urn:lsid:lconn.ibm.com:profiles.person:7", "objectType": "person", "displayName": SECRET},
        "object": {"id": "o", "objectType": "note", "summary": SECRET},
    }
    return json.dumps({"list": [told | changes]}).encode()


def act(**changes):
    said = {
        "@context": "https://www.w3.org/ns/activitystreams",
        "type": "Create",
        "id": "https://a.example/1",
        "published": "2026-06-01T10:00:00Z",
        "actor": {"type": "Person", "id": "u", "name": SECRET},
        "object": {"type": "Note", "id": "https://a.example/n", "content": SECRET},
    }
    return json.dumps({name: value for name, value in (said | changes).items() if value is not None}).encode()


def checked(tmp_path, kind, payload):
    """Return the lines and the counts of a check, and what the reasons say."""
    file = tmp_path / "payload"
    file.write_bytes(payload)
    config = SourceConfig("s", kind, instance="here.example", audience=Audience(Scope.INTERNAL))
    *lines, counts = check_files(kind, [file], config, now_ms=NOW_MS)
    assert counts["crashed"] == 0
    reasons = [line["rejected"] for line in lines if "rejected" in line]
    assert SECRET not in " ".join(reasons)
    return [line["activity"] for line in lines if "activity" in line], reasons


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\0\0\0",
        b"\xff\xfe\xff",
        b"{" + SECRET.encode(),
        b"<rss><channel>" + SECRET.encode(),
        b"<!DOCTYPE a [<!ENTITY e '" + SECRET.encode() + b"'>]><a>&e;</a>",
        b"[" * 5000,
        b'"' + SECRET.encode() + b'"',
        b"null",
        b"1e400",
    ],
    ids=["empty", "nul", "utf16", "json", "xml", "entities", "deep", "text", "null", "number"],
)
def test_what_is_no_document_has_a_reason(tmp_path, kind, payload):
    activities, reasons = checked(tmp_path, kind, payload)
    assert reasons or kind == "activitystreams"
    assert all(SECRET not in json.dumps(activity) or payload == f'"{SECRET}"'.encode() for activity in activities)


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("rss", rss(published="Mon, 01 Jan 2999 10:00:00 GMT")),
        ("mastodon", mastodon(created_at="2999-01-01T00:00:00Z")),
        ("hcl-connections", story(published="2999-01-01T00:00:00.000Z")),
        ("activitystreams", act(published="2999-01-01T00:00:00Z")),
        ("mastodon", mastodon(created_at="1601-01-01T00:00:00Z")),
        ("hcl-connections", story(published="1601-01-01T00:00:00.000Z")),
        ("activitystreams", act(published="1601-01-01T00:00:00Z")),
        ("mastodon", mastodon(account=None)),
        ("mastodon", mastodon(content="x" * 300_000)),
    ],
)
def test_an_entry_that_cannot_be_taken_is_a_rejection_with_its_reason(tmp_path, kind, payload):
    """Dates of other centuries, nobody who did it, more text than anybody reads."""
    activities, reasons = checked(tmp_path, kind, payload)
    assert (activities, len(reasons)) == ([], 1)


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("rss", rss(author="")),
        ("rss", rss(more="<unheard:of xmlns:unheard='urn:x'>1</unheard:of>")),
        ("rss", rss(title=f"{SECRET}&lt;script&gt;alert(1)&lt;/script&gt;")),
        ("mastodon", mastodon(unheard_of={"a": [1]}, content=f"<script>alert(1)</script>{SECRET}\u0007")),
        ("hcl-connections", story(unheard_of={"a": [1]})),
        ("hcl-connections", story(actor=None)),
        ("activitystreams", act(unheardOf={"a": [1]})),
        ("activitystreams", act(summary="a\u0000b\u0007")),
    ],
)
def test_what_is_only_odd_is_taken(tmp_path, kind, payload):
    """Nobody is named as author, fields of tomorrow, scripts (refine takes them out) and control characters in texts."""
    activities, reasons = checked(tmp_path, kind, payload)
    assert (len(activities), reasons) == (1, [])
    assert not set(json.dumps(activities, ensure_ascii=False)) & {"\0", "\a"}


@pytest.mark.parametrize("kind", KINDS)
def test_five_megabytes_are_read_within_seconds(tmp_path, kind):
    """Neither quadratic nor fatal, whatever they hold."""
    for payload in (b"<a>" * 1_600_000, b'[{"a":' * 800_000, b'["' + b"x" * 5_000_000 + b'"]', b" " * 5_000_000):
        began = time.monotonic()
        checked(tmp_path, kind, payload)
        assert time.monotonic() - began < 5
