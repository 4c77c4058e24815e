"""Signatures as https://www.standardwebhooks.com describes them, symmetric (v1).

The published Python package isn't used to verify: it takes the time from the system's clock, raises ValueError for signatures
it can't split, and knows one secret at a time, which rules out their rotation.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterator, Mapping

from services.ingest.source import SignatureInvalid

TOLERANCE_S = 300
MAX_SIGNATURES = 20
MAX_ID = 512
_PREFIX = "whsec_"


def secrets_of(configured: str) -> tuple[bytes, ...]:
    """Return the keys in a configured text: one or more `whsec_…`, separated by white space or commas; unreadable ones are left out."""
    keys = (_decoded(part.removeprefix(_PREFIX)) for part in configured.replace(",", " ").split())
    return tuple(key for key in keys if key)


def verify_signature(headers: Mapping[str, str], body: bytes, secrets: tuple[bytes, ...], *, now_s: float) -> None:
    """Check that body was signed with one of the secrets within five minutes of now_s. Raises SignatureInvalid.

    Every secret is tried against every signature in constant time. A message repeated within the five minutes passes: its
    activities have the same ids.
    """
    if not secrets:
        raise SignatureInvalid("the source has no usable signing secret")
    lowered = {name.lower(): value for name, value in headers.items()}
    message_id, timestamp = lowered.get("webhook-id", ""), lowered.get("webhook-timestamp", "")
    if not message_id or len(message_id) > MAX_ID:
        raise SignatureInvalid("webhook-id is missing or too long")
    if not timestamp.isascii() or not timestamp.isdigit() or len(timestamp) > 12:  # noqa: PLR2004 - 12 digits last 30,000 years
        raise SignatureInvalid("webhook-timestamp is missing or no number of seconds")
    if abs(now_s - int(timestamp)) > TOLERANCE_S:
        raise SignatureInvalid("webhook-timestamp is more than five minutes away")
    signed = b".".join((message_id.encode("utf-8", "surrogateescape"), timestamp.encode(), body))
    expected = [hmac.new(secret, signed, hashlib.sha256).digest() for secret in secrets]
    given = list(_signatures(lowered.get("webhook-signature", "")))
    matches = [hmac.compare_digest(mac, signature) for mac in expected for signature in given]
    if not any(matches):
        raise SignatureInvalid("no signature in webhook-signature fits")


def _signatures(header: str) -> Iterator[bytes]:
    for part in header.split()[:MAX_SIGNATURES]:
        version, _, encoded = part.partition(",")
        if version == "v1":
            yield _decoded(encoded)


def _decoded(encoded: str) -> bytes:
    try:
        return base64.b64decode(encoded.encode("ascii") + b"=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        return b""
