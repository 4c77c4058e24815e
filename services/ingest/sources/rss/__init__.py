"""RSS 0.9x to 2.0, RDF, Atom and JSON Feed: what is published on web pages, polled politely."""

from services.ingest.sources.rss.connector import RssConnector

CONNECTOR = RssConnector()
