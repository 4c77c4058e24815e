"""Only who knows the secret may post."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime

import pytest
from standardwebhooks.webhooks import Webhook

from services.ingest.source import SignatureInvalid, SourceConfig
from services.ingest.sources.activitystreams import CONNECTOR

NOW_S = 1_750_000_000.0
SECRET = "whsec_" + base64.b64encode(b"a secret of twenty-four").decode()
OTHER = "whsec_" + base64.b64encode(b"another one of the kind").decode()
BODY = b'{"type":"Note","content":"\xc3\xa4"}'


def headers(secret=SECRET, *, at=NOW_S, body=BODY, message_id="msg_1"):
    signature = Webhook(secret).sign(message_id, datetime.fromtimestamp(at, tz=UTC), body.decode())
    return {"Webhook-Id": message_id, "webhook-timestamp": str(int(at)), "webhook-signature": signature}


def verify(given, body=BODY, secret=SECRET):
    CONNECTOR.verify(given, body, SourceConfig(id="a", kind="activitystreams", secret=secret), now_s=NOW_S)


def test_what_the_published_library_signs_is_accepted():
    verify(headers())
    verify(headers(at=NOW_S - 299))
    verify(headers(at=NOW_S + 299))


def test_during_rotation_every_configured_secret_and_every_signature_counts():
    verify(headers(OTHER), secret=f"{SECRET} {OTHER}")
    both = {**headers(), "webhook-signature": "v1a,xxx v1,bm9uZQ== " + headers()["webhook-signature"]}
    verify(both)


def test_a_body_that_is_no_utf8_is_verified_too():
    body = b"\xff\x00"
    mac = hmac.new(b"a secret of twenty-four", b"msg_1.%d." % NOW_S + body, hashlib.sha256).digest()
    verify({**headers(), "webhook-signature": "v1," + base64.b64encode(mac).decode()}, body)


@pytest.mark.parametrize(
    ("change", "body", "secret"),
    [
        ({}, BODY + b" ", SECRET),
        ({}, BODY, OTHER),
        ({}, BODY, ""),
        ({}, BODY, "whsec_"),
        ({}, BODY, "whsec_?"),
        ({"Webhook-Id": "msg_2"}, BODY, SECRET),
        ({"Webhook-Id": ""}, BODY, SECRET),
        ({"webhook-timestamp": str(int(NOW_S) + 1)}, BODY, SECRET),
        ({"webhook-timestamp": "nan"}, BODY, SECRET),
        ({"webhook-timestamp": "-1"}, BODY, SECRET),
        ({"webhook-timestamp": "²"}, BODY, SECRET),
        ({"webhook-timestamp": "9" * 400}, BODY, SECRET),
        ({"webhook-signature": ""}, BODY, SECRET),
        ({"webhook-signature": "v1"}, BODY, SECRET),
        ({"webhook-signature": "v1,"}, BODY, SECRET),
        ({"webhook-signature": "v1,ä"}, BODY, SECRET),
        ({"webhook-signature": "v2,bm9uZQ=="}, BODY, SECRET),
    ],
)
def test_anything_else_is_refused(change, body, secret):
    with pytest.raises(SignatureInvalid):
        verify({**headers(), **change}, body, secret)


@pytest.mark.parametrize("at", [NOW_S - 301, NOW_S + 301])
def test_a_message_outside_of_five_minutes_is_refused(at):
    with pytest.raises(SignatureInvalid):
        verify(headers(at=at))
