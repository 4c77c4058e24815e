"""`python -m services.ingest`: PublishService, the inbox and the sources of the sources file, until SIGTERM or Ctrl-C."""

import asyncio
import os
import sys

from services.ingest.service import IngestService
from services.ingest.settings import SourcesInvalid, load_sources
from services.ingest.source import SourceConfig
from services.runtime.lifecycle import run_service
from services.runtime.settings import Settings
from services.runtime.settings_loading import SettingsInvalid, load_settings
from services.runtime.telemetry import configure_logging

_EXIT_MISCONFIGURED = 2


def _sources(settings: Settings) -> tuple[SourceConfig, ...]:
    """Return the configured sources; without a setting, those of data_dir/sources.toml where there is one."""
    path = settings.sources_file or settings.data_dir / "sources.toml"
    if settings.sources_file is None and not path.exists():
        return ()
    return load_sources(path, os.environ)


def main() -> int:
    """Run the service; return the exit code: 0 stopped, 1 failed, 2 misconfigured."""
    try:
        settings = load_settings()
        sources = _sources(settings)
    except (SettingsInvalid, SourcesInvalid) as error:
        sys.stderr.write(f"{error}\n")
        return _EXIT_MISCONFIGURED
    configure_logging("ingest", settings.log_level, settings.log_format)

    async def serve(stop: asyncio.Event) -> None:
        await IngestService(settings, sources).run(stop)

    return run_service(serve)


if __name__ == "__main__":
    sys.exit(main())
