"""The `[sources.options]` of a feed."""

from base64 import b64encode
from dataclasses import dataclass

from services.ingest.source import SourceConfig


class OptionInvalid(ValueError):
    """An option is unknown or has a value that can't be used; the text names it and shows no value."""

    reason = "option-invalid"


@dataclass(frozen=True, slots=True)
class RssOptions:
    """longest_interval_s: the longest pause that a feed may ask for by ttl. auth: how the secret is sent, `bearer` or `basic`.

    max_bytes: of a feed, after decompression.
    """

    longest_interval_s: float = 3600.0
    auth: str = "bearer"
    max_bytes: int = 5 * 1024 * 1024

    @classmethod
    def of(cls, config: SourceConfig) -> "RssOptions":
        """Read the options of a source. Raises OptionInvalid."""
        given = dict(config.options)
        unknown = set(given) - set(cls.__slots__)
        if unknown:
            raise OptionInvalid(f"unknown option {min(unknown)!r}")
        options = cls(**given)
        for name in ("longest_interval_s", "max_bytes"):
            value = given.get(name, 1)
            if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
                raise OptionInvalid(f"{name} is a number above 0")
        if options.auth not in ("bearer", "basic"):
            raise OptionInvalid("auth is bearer or basic")
        return options

    def headers(self, secret: str) -> dict[str, str]:
        """Return the header that shows the secret; for `basic` the secret is `user:password`."""
        if not secret:
            return {}
        if self.auth == "basic":
            return {"Authorization": f"Basic {b64encode(secret.encode()).decode()}"}
        return {"Authorization": f"Bearer {secret}"}
