"""The Activity Streams inbox: 1.0 and 2.0 documents, signed as Standard Webhooks describes. See docs/sources/activitystreams.md."""

from services.ingest.sources.activitystreams.connector import CONNECTOR

__all__ = ["CONNECTOR"]
