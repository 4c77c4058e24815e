"""Mastodon: what an instance streams, what its REST API returns, and catching up between the two."""

from services.ingest.sources.mastodon.connector import MastodonConnector

CONNECTOR = MastodonConnector()
