"""When a bearer token that was verified expires: for calls that outlive it."""

import base64
import json


def expiry_of(authorization: str) -> float:
    """Return the `exp` of `Bearer <JWT>`, seconds since the epoch; infinity where it says none. The signature is not looked at."""
    try:
        payload = authorization.split(".")[1]
        expiry = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))).get("exp")
    except (IndexError, ValueError, AttributeError):
        return float("inf")
    return float(expiry) if isinstance(expiry, int | float) else float("inf")
