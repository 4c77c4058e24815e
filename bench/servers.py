"""Apache Kafka and Elasticsearch for the rows that need them: started once, on the core of the load, emptied between rows."""

import importlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class ServersMissing(RuntimeError):
    """The servers can't be started here; one line says what is missing."""


@contextmanager
def running_servers() -> Iterator[Any]:
    """Run both until the block ends; gives `bootstrap` and `elasticsearch_url`. Call it bound to the load's core. Raises ServersMissing."""
    try:
        servers, jars = importlib.import_module("tests.cluster.servers"), importlib.import_module("tests.cluster.jars")
    except ModuleNotFoundError as error:
        raise ServersMissing(
            f"the servers are started by tests/cluster, which is not here ({error.name}): run it in a checkout"
        ) from None
    with tempfile.TemporaryDirectory(prefix="sluice-bench-servers-") as home:
        try:
            with servers.running(Path(home)) as running:
                yield running
        except jars.Missing as error:
            raise ServersMissing(str(error).replace("cluster tests", "benchmarks")) from None
