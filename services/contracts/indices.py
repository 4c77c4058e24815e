"""The registry of Elasticsearch indices: names, mappings and settings, the one place that knows them."""

from dataclasses import dataclass
from typing import Any

ACTIVITIES_ALIAS = "sluice-activities"
STEMMERS = {"sluice_en": "english", "sluice_de": "light_german"}


@dataclass(frozen=True, slots=True)
class Index:
    """One versioned index behind an alias. A new mapping is a new version: built beside the old one, then the alias moves."""

    alias: str
    version: int
    description: str
    mappings: dict[str, Any]
    settings: dict[str, Any]

    @property
    def name(self) -> str:
        """The name of the versioned index."""
        return f"{self.alias}-v{self.version}"

    @property
    def write_alias(self) -> str:
        """The alias that the indexer writes through: a write that demands an alias can't create an index by accident."""
        return f"{self.name}-write"


def _keyword() -> dict[str, Any]:
    return {"type": "keyword", "ignore_above": 2048}


def _text() -> dict[str, Any]:
    return {"type": "text", "analyzer": "sluice_text"}


MAPPINGS: dict[str, Any] = {
    "dynamic": "strict",
    "properties": {
        "sort_time": {"type": "long"},
        # The id in two numbers, see services/search/id_order.py.
        "id_high": {"type": "long", "index": False},
        "id_low": {"type": "long", "index": False},
        "deleted": {"type": "boolean"},
        "verb": {"type": "keyword"},
        "source_kind": {"type": "keyword"},
        "channel": _keyword(),
        "actor": _keyword(),
        "delivered_to": _keyword(),
        "tags": _keyword(),
        "language": {"type": "keyword"},
        "scope": {"type": "keyword"},
        "audience": _keyword(),
        "object_activity_id": {"type": "keyword"},
        "in_reply_to": {"type": "keyword"},
        "title": _text(),
        "text": _text(),
        "actor_name": _text(),
        # Beside the body, in a column: a skeleton is read without unpacking a document.
        "facts": {"type": "binary", "doc_values": True},
        "body": {"type": "binary"},
        # Of checkpoints only: the offset that this index has come to, kept here so that it is lost together with what it counts.
        "position": {"type": "long", "index": False, "doc_values": False},
    },
}


def _settings(shards: int, replicas: int) -> dict[str, Any]:
    return {
        "number_of_shards": shards,
        "number_of_replicas": replicas,
        # The indexer refreshes: it has to know what is visible.
        "refresh_interval": "-1",
        # On disk in the order of every feed: the newest come first and a query for them ends early.
        "sort": {"field": ["sort_time", "id_high", "id_low"], "order": ["desc", "desc", "desc"]},
        "analysis": {
            "filter": {
                **{name: {"type": "stemmer", "language": language} for name, language in STEMMERS.items()},
                # Each word as it is and its stems, all in one place: one field finds the forms of every language, in texts that mix them.
                "sluice_forms": {"type": "multiplexer", "filters": list(STEMMERS)},
            },
            "analyzer": {
                "sluice_text": {
                    "type": "custom",
                    "tokenizer": "standard",
                    "filter": ["lowercase", "asciifolding", "sluice_forms"],
                }
            },
        },
    }


def activities_index(*, shards: int = 1, replicas: int = 0, core: bool = False) -> Index:
    """Return the index of activities.

    core: for a server without the analysis modules, only built-in analyzers; words are then found as they are written.
    """
    mappings, settings = MAPPINGS, _settings(shards, replicas)
    if core:
        properties = dict(MAPPINGS["properties"])
        plain = {"type": "text", "analyzer": "standard"}
        properties |= dict.fromkeys(("title", "text", "actor_name"), plain)
        mappings = {**MAPPINGS, "properties": properties}
        settings = {name: value for name, value in settings.items() if name != "analysis"}
    return Index(
        alias=ACTIVITIES_ALIAS,
        version=3,
        description="Every refined activity, deletes as marked documents; versioned by the offset in sluice.activities.v1.",
        mappings=mappings,
        settings=settings,
    )
