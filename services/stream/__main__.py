"""`python -m services.stream --role refine|feeds`: one of the stream's Faust apps as a process."""

import argparse
import importlib
import sys

from services.runtime.lifecycle import run_service
from services.runtime.settings_loading import SettingsInvalid, load_settings
from services.runtime.telemetry import configure_logging

ROLES = ("refine", "feeds")


def main() -> int:
    """Run a role until it is told to stop; return the exit code (2: the settings are not usable)."""
    parser = argparse.ArgumentParser(prog="services.stream", description=__doc__)
    parser.add_argument("--role", choices=ROLES, required=True)
    role: str = parser.parse_args().role
    try:
        settings = load_settings()
    except SettingsInvalid as error:
        sys.stderr.write(f"{error}\n")
        return 2
    configure_logging(role, settings.log_level, settings.log_format)
    # A role loads its own libraries only: refine has no use for gRPC, feeds none for language models.
    worker = importlib.import_module(f"services.stream.{role}.worker")
    return run_service(lambda stop: worker.run(settings, stop))


if __name__ == "__main__":
    sys.exit(main())
