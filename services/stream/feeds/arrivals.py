"""What a record of the refined activities says."""

from services.contracts.codec import UndecodableRecord
from services.contracts.facts_codec import facts_from_bytes
from services.contracts.matching import Facts, hidden

_ID_LENGTH = 32
_HEX = b"0123456789abcdef"


def facts_in(key: bytes | None, value: bytes | None) -> Facts:
    """Return the facts of a record; a tombstone deletes. Raises UndecodableRecord for what is not an activity or not that of its key."""
    if value is None:
        if hidden := hidden_by(key):
            return hidden
        raise UndecodableRecord("a tombstone whose key is not an activity id")
    facts = facts_from_bytes(value)
    if facts.id.encode() != key or not _is_id(key):
        raise UndecodableRecord("the key is not the id of the activity")
    return facts


def hidden_by(key: bytes | None) -> Facts | None:
    """Return what hides the activity that a key names, None where it names none.

    A record that can't be read still says that the version before it is over, and more people may have been allowed to
    read that one.
    """
    if key is None or not _is_id(key):
        return None
    return hidden(key.decode())


def _is_id(key: bytes) -> bool:
    # A quarter of what a regular expression takes.
    return len(key) == _ID_LENGTH and not key.strip(_HEX)
