"""What of a record goes to a dead letter queue: the bytes as they came, as far as a broker takes them."""

from dataclasses import dataclass

from services.runtime.records import Headers, Record

# Together below max.message.bytes of the topics: a letter that the broker refuses would stop its partition for ever.
MAX_VALUE_BYTES = 2 * 1024 * 1024 - 160 * 1024
MAX_KEY_BYTES = 32 * 1024
MAX_HEADER_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of a record. note: what was left out, to be put behind the detail; empty when nothing was."""

    key: bytes | None
    value: bytes | None
    headers: Headers
    note: str


def kept(record: Record) -> Kept:
    """Return key, value and headers of record, cut where they are too large. Without key and value the value becomes empty.

    Clients refuse to send a record that has neither, and other writers may well have sent one.
    """
    key, value, headers = record.key, record.value, tuple(record.headers)
    notes = []
    if value is not None and len(value) > MAX_VALUE_BYTES:
        notes.append(f"the first {MAX_VALUE_BYTES} of {len(value)} bytes")
        value = value[:MAX_VALUE_BYTES]
    if key is not None and len(key) > MAX_KEY_BYTES:
        notes.append(f"the first {MAX_KEY_BYTES} of {len(key)} bytes of the key")
        key = key[:MAX_KEY_BYTES]
    if sum(len(name.encode(errors="replace")) + len(content or b"") for name, content in headers) > MAX_HEADER_BYTES:
        notes.append("without its headers")
        headers = ()
    note = f" ({', '.join(notes)})" if notes else ""
    return Kept(key, b"" if key is None and value is None else value, headers, note)
