"""The engine with the smallest of steps, so that a short walk gets in between all of them."""

import logging

import structlog

from services.stream.feeds import deliveries, engine, owned_relations, sweeping, window
from tests.unit.stream.feeds.relation_log import read_columns, read_records


def small_steps(monkeypatch) -> None:
    """Deliver to a row at a time, sweep after a few activities, a row and a slot at a time; relations are in memory."""
    monkeypatch.setattr(deliveries, "_SLICE", 1)
    monkeypatch.setattr(deliveries, "_BATCH", 3)
    monkeypatch.setattr(engine, "_SWEEP_AFTER", 4)
    monkeypatch.setattr(sweeping, "_ENTRIES_AT_ONCE", 1)
    monkeypatch.setattr(sweeping, "_SLOTS_AT_ONCE", 2)
    monkeypatch.setattr(window, "_SEGMENT", 3)
    relations_in_memory(monkeypatch)


def relations_in_memory(monkeypatch) -> None:
    """Let workers read partitions of the relation topics back from memory."""
    monkeypatch.setattr(owned_relations, "column_read", read_columns)
    monkeypatch.setattr(owned_relations, "bulk_read", read_records)
    # A walk starts thousands of workers.
    silent = structlog.make_filtering_bound_logger(logging.ERROR)
    monkeypatch.setattr(owned_relations, "log", structlog.wrap_logger(None, wrapper_class=silent))
