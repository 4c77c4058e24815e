"""Why a record can't be refined."""


class Refused(ValueError):
    """A record that goes to the dead letter queue. reason: a stable code; the text names fields and limits, never content."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


UNDECODABLE = "undecodable"
KEY_MISMATCH = "key-mismatch"
VERSION_CONFLICT = "version-conflict"
VERSION_OUT_OF_RANGE = "version-out-of-range"
TOO_LARGE = "refined-too-large"
UNREFINABLE = "unrefinable"
