"""All services as processes: ingest and refine on the measured core beside the feeds worker, search on the other one."""

import time
from types import TracebackType
from typing import Self

from bench.cores import bind
from bench.house import House, service
from services.runtime.embedded import free_port

_READY_S = 90.0
_END_S = 20.0


class WholeStack:
    """Ingest, refine and search (indexer and servicer). Use it as a context manager; it waits until all are ready.

    A machine with two cores has not one for each of them: those that stand between acceptance and feed share the measured one.
    """

    def __init__(self, house: House, core: int) -> None:
        self._core = core
        self.ingest_address, self.search_address = (f"127.0.0.1:{free_port()}" for _ in range(2))
        limits = {
            "SLUICE_INGEST__RATE_PER_S": 100_000,
            "SLUICE_INGEST__BURST": 1_000_000,
            "SLUICE_INGEST__FETCH_SOURCES": "false",
        }
        ingest = house.environment(
            "ingest-0", SLUICE_GRPC__PORT=_port(self.ingest_address), SLUICE_HTTP__PORT=free_port(), **limits
        )
        search = house.environment("search-0", SLUICE_GRPC__PORT=_port(self.search_address))
        self._measured = [
            service(house, "ingest", "services.ingest", (), ingest),
            service(house, "refine", "services.stream", ("--role", "refine"), house.environment("refine-0")),
        ]
        self._others = [service(house, "search", "services.search", ("--role", "all"), search)]

    def __enter__(self) -> Self:
        processes = [*self._measured, *self._others]
        for process in processes:
            process.start()
        deadline = time.monotonic() + _READY_S
        try:
            for process in processes:
                process.wait_ready(deadline)
        except BaseException:
            self._end()
            raise
        for process in self._measured:
            bind((self._core,), process.pid)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._end()

    def _end(self) -> None:
        for process in (*self._measured, *self._others):
            process.stop()
        for process in (*self._measured, *self._others):
            process.wait(_END_S)


def _port(address: str) -> str:
    return address.rpartition(":")[2]
