"""The token that a service shows to others, as it is now: whoever issues it may replace its file at any time."""

import time
from collections.abc import Callable
from pathlib import Path

import structlog

from services.runtime.settings import Settings

log = structlog.get_logger()

_LOOK_AGAIN_S = 10.0


class ServiceToken:
    """Calling it returns the token. A file is read again when it changed, looked at every ten seconds at most."""

    def __init__(self, token: str, file: Path | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._token, self._file, self._clock = token, file, clock
        self._looked, self._changed_ns = clock(), _changed_ns(file)

    @classmethod
    def of(cls, settings: Settings) -> "ServiceToken":
        """Return the token of settings; empty when there is none."""
        token = settings.service_token.get_secret_value() if settings.service_token else ""
        return cls(token, Path(settings.service_token_file) if settings.service_token_file else None)

    def __call__(self) -> str:
        """Return the token. A file that can't be read at the moment leaves the last one in force, with a line in the log."""
        now = self._clock()
        if self._file is None or now < self._looked + _LOOK_AGAIN_S:
            return self._token
        self._looked = now
        changed = _changed_ns(self._file)
        if changed != self._changed_ns:
            try:
                self._token = self._file.read_text(encoding="utf-8").strip() or self._token
                self._changed_ns = changed
            except (OSError, UnicodeDecodeError) as error:
                log.warning("the service token can't be read again", cause=type(error).__name__)
        return self._token


def _changed_ns(file: Path | None) -> int:
    try:
        return file.stat().st_mtime_ns if file else 0
    except OSError:
        return 0
