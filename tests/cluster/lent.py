"""Servers that the environment names, in place of the embedded ones that a test would start."""

import json
import urllib.request
from typing import NoReturn

import pytest

from services.runtime.kafka_admin import admin_client
from services.runtime.settings import Settings


class LentServers:
    """Somebody else's Kafka and Elasticsearch, to be filled and emptied. Tests that would stop or restart them are skipped."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.bootstrap = settings.kafka.bootstrap_servers
        self.elasticsearch_url = settings.elasticsearch.url

    def empty(self) -> None:
        """Delete every topic and every index: the test that comes uses the registry's names. One test at a time, so no xdist."""
        with admin_client(self._settings.kafka.security()) as client:
            # Two underscores: Kafka's own.
            names = [name for name in client.list_topics() if not name.startswith("__")]
            if names:
                client.delete_topics(names)
        for index in json.loads(self._call("GET", "_cat/indices?format=json")):
            self._call("DELETE", index["index"])

    def start(self) -> NoReturn:
        """Skip the test."""
        pytest.skip("it stops and starts its servers, and these are lent")

    stop = kill = start

    async def start_async(self) -> NoReturn:
        """Skip the test."""
        self.start()

    stop_async = start_async

    def _call(self, method: str, path: str) -> bytes:
        request = urllib.request.Request(f"{self.elasticsearch_url}/{path}", method=method)  # noqa: S310 - the settings allow http(s) only
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - as above
            return bytes(answer.read())
