"""docs/api.md against the contracts: its calls can be copied, and no method is left out."""

import json
import re
from pathlib import Path

import protovalidate
import pytest
from google.protobuf import descriptor_pool, json_format, message_factory
from sluice.feed.v1 import feed_service_pb2, ranking_service_pb2, relation_service_pb2
from sluice.ingest.v1 import publish_service_pb2
from sluice.search.v1 import search_service_pb2

from services.stream.feeds import feed_servicer, limits, relation_lists
from services.stream.feeds.threads import gathering, thread_messages, thread_tree

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
PORTS = {"feed": "127.0.0.1:50052", "search": "127.0.0.1:50053", "ingest": "127.0.0.1:50051"}
CALL = re.compile(r"^call -d '(\{.*?\})' (?:\\\n\s*)?(\S+) (sluice\.[\w.]+)/(\w+)$", re.MULTILINE)
CALLS = CALL.findall(PAGE)
FEED = feed_service_pb2.DESCRIPTOR.services_by_name["FeedService"]
RELATIONS = relation_service_pb2.DESCRIPTOR.services_by_name["RelationService"]
RANKINGS = ranking_service_pb2.DESCRIPTOR.services_by_name["RankingService"]
FILES = (feed_service_pb2, relation_service_pb2, search_service_pb2, publish_service_pb2)


def test_all_calls_of_the_page_are_looked_at():
    """A call that the pattern doesn't understand would not be tested."""
    assert len(CALLS) == len(re.findall(r"^call -d", PAGE, re.MULTILINE)) > 30


@pytest.mark.parametrize(("body", "address", "service", "method"), CALLS, ids=lambda value: value if "/" in value else None)
def test_a_call_of_the_page_is_a_valid_request(body, address, service, method):
    """The method exists, the JSON is its request, the request keeps the rules of the proto, and the address is its service's."""
    described = descriptor_pool.Default().FindServiceByName(service).methods_by_name[method]
    request = json_format.Parse(json.dumps(json.loads(body)), message_factory.GetMessageClass(described.input_type)())
    protovalidate.validate(request)
    assert address == PORTS[service.split(".")[1]]


@pytest.mark.parametrize("method", [*FEED.methods_by_name, *RELATIONS.methods_by_name, *RANKINGS.methods_by_name])
def test_every_method_about_feeds_and_relations_has_a_call(method):
    assert method in {called for *_, called in CALLS}


def test_the_bounds_of_a_conversation_are_those_that_are_kept():
    told = re.search(r"At most (\d+) replies, (\d+) levels and (\d+) ancestors", PAGE)
    assert told
    assert tuple(map(int, told.groups())) == (gathering.MOST_REPLIES, thread_tree.DEEPEST, gathering.MOST_ANCESTORS)


def test_every_field_of_a_filter_is_explained():
    section = PAGE[PAGE.index("### Filters") : PAGE.index("## Following")]
    fields = feed_service_pb2.FeedFilter.DESCRIPTOR.fields_by_name
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == list(fields)


def test_the_limits_are_those_that_are_kept():
    section = PAGE[PAGE.index("### Limits") : PAGE.index("## Paging")]
    told = {what: int(most) for what, most in re.findall(r"^\| ([a-z ]+) \| (\d+) \|$", section, re.MULTILINE)}
    kept = {limits._NAMES[kind]: most for kind, most in limits._EDGES.items()}
    kept |= {"muted words": limits._WORDS, "marks of a kind": limits._MARKS, "accounts": limits._ACCOUNTS}
    assert told == kept


def test_the_page_sizes_are_those_that_are_used():
    table = dict(
        re.findall(r"^\| (GetFeed|GetThread|ListFollowing, ListFollowers) \| (\d+(?: replies)? \| \d+) \|$", PAGE, re.MULTILINE)
    )
    assert table == {
        "GetFeed": f"{feed_servicer._DEFAULT_SIZE} | {feed_servicer._LARGEST_SIZE}",
        "GetThread": f"{thread_messages.DEFAULT_SIZE} replies | {thread_messages.LARGEST_SIZE}",
        "ListFollowing, ListFollowers": f"{relation_lists._DEFAULT_SIZE} | {relation_lists._LARGEST_SIZE}",
    }
