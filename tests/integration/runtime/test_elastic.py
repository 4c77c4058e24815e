import logging

import pytest
from elasticsearch import BadRequestError, ConflictError, NotFoundError
from pydantic import SecretStr

from services.runtime.elastic import build_client, is_away, reason_of
from services.runtime.embedded import free_port
from services.runtime.settings import ElasticsearchSettings

SECRET = "the quick brown fox"


@pytest.fixture
async def elastic(embedded):
    client = build_client(ElasticsearchSettings(url=embedded.elasticsearch_url))
    yield client
    await client.close()


@pytest.fixture
async def index(elastic, unique):
    mappings = {"dynamic": "strict", "properties": {"text": {"type": "text"}, "n": {"type": "long"}}}
    await elastic.indices.create(index=unique, mappings=mappings)
    return unique


def put(index, name, version, **document):
    """Return two lines of a bulk body."""
    return [{"index": {"_index": index, "_id": name, "version": version, "version_type": "external"}}, document]


async def test_bulk_search_and_highlight_speak_with_the_server(elastic, index):
    answer = await elastic.bulk(
        operations=[*put(index, "a", 1, text="größer", n=2**53), *put(index, "b", 1, text="other")], refresh=True
    )
    assert not answer["errors"]
    found = await elastic.search(index=index, query={"match": {"text": "größer"}}, highlight={"fields": {"text": {}}})
    (hit,) = found["hits"]["hits"]
    assert hit["_source"] == {"text": "größer", "n": 2**53}
    assert hit["highlight"]["text"] == ["<em>größer</em>"]


async def test_external_versions_keep_the_newest(elastic, index):
    await elastic.index(index=index, id="a", document={"n": 2}, version=2, version_type="external")
    with pytest.raises(ConflictError) as caught:
        await elastic.index(index=index, id="a", document={"n": 1}, version=1, version_type="external")
    assert not is_away(caught.value)
    assert reason_of(caught.value) == "409 version_conflict_engine_exception"


async def test_requests_speak_the_dialect_that_versions_8_and_9_share(elastic, index, monkeypatch):
    """A server of version 8 refuses `compatible-with=9`."""
    seen = []
    node = next(iter(elastic.transport.node_pool.all()))
    await elastic.count(index=index)  # opens the session
    request = node.session.request

    def watch(*arguments, **options):
        seen.append(options["headers"])
        return request(*arguments, **options)

    monkeypatch.setattr(node.session, "request", watch)
    await elastic.bulk(operations=put(index, "a", 1, n=1))
    await elastic.search(index=index, query={"match_all": {}})
    assert {headers["accept"] for headers in seen} == {"application/vnd.elasticsearch+json; compatible-with=8"}
    assert [headers["content-type"].partition(";")[0].rpartition("+")[2] for headers in seen] == ["x-ndjson", "json"]


async def test_reasons_and_logs_quote_no_document(elastic, index, caplog):
    with caplog.at_level(logging.INFO), pytest.raises(BadRequestError) as caught:
        await elastic.index(index=index, document={"n": SECRET})
    assert SECRET in str(caught.value), "the server quotes; that is why reason_of exists"
    assert reason_of(caught.value).startswith("400 ")
    assert SECRET not in reason_of(caught.value) + caplog.text


async def test_what_is_missing_is_not_away(elastic, unique):
    with pytest.raises(NotFoundError) as caught:
        await elastic.search(index=f"{unique}-none", query={"match_all": {}})
    assert not is_away(caught.value)
    assert reason_of(caught.value) == "404 index_not_found_exception"


async def test_a_server_that_is_not_there_is_away():
    client = build_client(ElasticsearchSettings(url=f"http://127.0.0.1:{free_port()}"))
    try:
        with pytest.raises(Exception) as caught:  # noqa: PT011 - what it is, is what is_away is asked
            await client.info()
    finally:
        await client.close()
    assert is_away(caught.value)
    assert reason_of(caught.value) == "ConnectionError"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [({"api_key": SecretStr("key")}, "ApiKey key"), ({"username": "u", "password": SecretStr("p")}, "Basic dTpw")],
)
async def test_credentials_are_sent(embedded, settings, expected):
    client = build_client(ElasticsearchSettings(url=embedded.elasticsearch_url, **settings))
    try:
        assert client._headers["authorization"] == expected
        assert (await client.cluster.health())["status"]
    finally:
        await client.close()
