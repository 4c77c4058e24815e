"""The embedded server for the suites that run on the fake index and on the real engine."""

import pytest
from elasticsearch import AsyncElasticsearch

from services.contracts.indices import Index, activities_index
from services.runtime.settings_loading import load_settings
from services.search.elastic_index import ElasticIndex
from services.search.index_admin import apply_index
from tests.integration.conftest import embedded, unique
from tests.unit.search.fake_index import FakeIndex

__all__ = ["embedded", "unique"]
CORE_ONLY = load_settings().elasticsearch.core_analysis


def index_named(unique: str, *, core: bool = CORE_ONLY) -> Index:
    """Return the index of activities under a name of its own."""
    wanted = activities_index(core=core)
    return Index(unique, wanted.version, wanted.description, wanted.mappings, wanted.settings)


@pytest.fixture
async def client(embedded):
    """Return a client of the embedded Elasticsearch."""
    client = AsyncElasticsearch(embedded.elasticsearch_url)
    yield client
    await client.close()


@pytest.fixture(params=["full", "core"])
async def real_index(request, client, unique):
    """Return an empty index on the real engine, with and without the analysis modules."""
    if request.param == "full" and CORE_ONLY:
        pytest.skip("the server that the settings name has no analysis modules")
    index = index_named(unique, core=request.param == "core")
    await apply_index(client, index)
    return ElasticIndex(client, index)


@pytest.fixture(params=["fake", "real"])
async def index(request, client, unique):
    """Return an empty index: the fake and the real one must not differ."""
    if request.param == "fake":
        return FakeIndex()
    named = index_named(unique)
    await apply_index(client, named)
    return ElasticIndex(client, named)
