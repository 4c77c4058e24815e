"""`python -m services.search --role indexer|api|all`: all is one process, to spare memory where everything runs on one machine."""

import argparse
import asyncio
import sys
from collections.abc import Sequence

from services.runtime.lifecycle import run_service
from services.runtime.ops_server import OpsServer
from services.runtime.rare_collections import rare_collections
from services.runtime.settings import Settings
from services.runtime.settings_loading import SettingsInvalid, load_settings
from services.runtime.telemetry import configure_logging
from services.search import api_worker, indexer_worker
from services.search.readiness import Readiness

ROLES = {"indexer": (indexer_worker,), "api": (api_worker,), "all": (indexer_worker, api_worker)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a role until a signal; return the exit code of the process."""
    parser = argparse.ArgumentParser(prog="python -m services.search", description=__doc__)
    parser.add_argument("--role", choices=sorted(ROLES), required=True)
    role = parser.parse_args(arguments).role
    try:
        settings = load_settings()
    except SettingsInvalid as error:
        parser.exit(2, f"{error}\n")
    configure_logging(f"search-{role}", settings.log_level, settings.log_format)
    # An answer of 800 skeletons is thousands of objects; looked at in the middle of one, they cost it a tenth of a second.
    with rare_collections():
        return run_service(lambda stop: serve(settings, role, stop))


async def serve(settings: Settings, role: str, stop: asyncio.Event) -> None:
    """Run the workers of a role beside the operators' server; when one fails, all end and its error is raised."""
    workers = ROLES[role]
    readiness = Readiness(*(check for worker in workers for check in worker.CHECKS))
    ops = OpsServer(settings.ops.host, settings.ops.port, readiness.problems)
    await ops.start()
    try:
        async with asyncio.TaskGroup() as group:
            for worker in workers:
                group.create_task(worker.run(settings, stop, readiness))
    finally:
        await ops.stop()


if __name__ == "__main__":
    sys.exit(main())
