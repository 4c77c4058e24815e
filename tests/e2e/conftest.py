"""A whole stack on this machine, started once for the tests of a worker, and people who use it."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import grpc
import pytest
from sluice.activity.v1 import activity_pb2 as pb
from sluice.feed.v1 import (
    feed_entry_pb2,
    feed_service_pb2,
    feed_service_pb2_grpc,
    relation_service_pb2,
    relation_service_pb2_grpc,
)
from sluice.ingest.v1 import publish_service_pb2, publish_service_pb2_grpc
from sluice.search.v1 import search_service_pb2, search_service_pb2_grpc

from services.cli.bring_up import bring_up
from services.cli.connection import issuer_of
from services.cli.demo.sources import write_sources
from services.cli.layout import choose_ports
from services.cli.stack import Stack
from services.runtime.settings import ElasticsearchSettings, KafkaSettings, Settings
from services.runtime.settings_loading import load_settings
from tests.cluster.kept import ON_CLUSTER, kept_servers

PATIENCE_S = 15.0


def eventually(condition: Callable[[], Any], *, within: float = PATIENCE_S) -> Any:
    """Return the first truthy value of condition, asked again and again; fail after `within` seconds.

    UNAVAILABLE says that trying again makes sense, and on a busy machine a search may take too long.
    """
    deadline = time.monotonic() + within
    while True:
        try:
            if value := condition():
                return value
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.UNAVAILABLE:
                raise
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.05)


@dataclass(frozen=True, slots=True)
class System:
    """A running stack and the settings of its clients."""

    stack: Stack
    settings: Settings

    def token(self, user: str, *, employee: bool = True, roles: tuple[str, ...] = ()) -> str:
        """Return a token of the embedded issuer."""
        return issuer_of(self.settings).issue(user, employee=employee, roles=roles)

    def person(self, user: str, *, employee: bool = True, roles: tuple[str, ...] = ()) -> "Person":
        """Return somebody who calls the services."""
        return Person(self, user, self.token(user, employee=employee, roles=roles))


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who calls the services with a token."""

    system: System
    user: str
    token: str

    @property
    def name(self) -> str:
        """The entity name."""
        return f"person:{self.user}"

    def call(self, service: str, stub: Any, method: str, request: Any) -> Any:
        """Call a method; raises grpc.RpcError."""
        metadata = (("authorization", f"Bearer {self.token}"),) if self.token else ()
        with grpc.insecure_channel(getattr(self.system.settings.peers, service)) as channel:
            return getattr(stub(channel), method)(request, metadata=metadata, timeout=20)

    def publish(self, activity: pb.Activity, request_id: str = "") -> str:
        """Publish; return the id."""
        request = publish_service_pb2.PublishRequest(activity=activity, request_id=request_id)
        return str(self.call("ingest", publish_service_pb2_grpc.PublishServiceStub, "Publish", request).id)

    def say(self, text: str, *, groups: tuple[str, ...] = (), to: tuple[str, ...] = (), **fields: Any) -> str:
        """Publish a note to everybody inside, to groups, or to people; return the id."""
        scope = pb.SCOPE_DIRECT if to else pb.SCOPE_GROUP if groups else pb.SCOPE_INTERNAL
        activity = pb.Activity(
            verb=fields.pop("verb", pb.VERB_POST),
            actor=pb.Entity(name=self.name, display_name=self.user),
            object=pb.Object(type="note", content=text, activity_id=fields.pop("liked", "")),
            audience=pb.Audience(scope=scope, groups=groups, recipients=to),
            **fields,
        )
        return self.publish(activity)

    def feed(self, page_size: int = 50, page_token: str = "") -> feed_service_pb2.GetFeedResponse:
        """Return a page of the home feed."""
        request = feed_service_pb2.GetFeedRequest(page_size=page_size, page_token=page_token)
        return self.call("feeds", feed_service_pb2_grpc.FeedServiceStub, "GetFeed", request)

    def entry(self, activity_id: str) -> feed_entry_pb2.FeedEntry | None:
        """Return an entry of the first page."""
        return next((entry for entry in self.feed().entries if entry.activity.id == activity_id), None)

    def relate(self, method: str, **fields: str) -> None:
        """Follow, Unfollow, Mute, Unmute, Join or Leave."""
        request = getattr(relation_service_pb2, f"{method}Request")(**fields)
        self.call("feeds", relation_service_pb2_grpc.RelationServiceStub, method, request)

    def search(self, query: str, **filters: Any) -> search_service_pb2.SearchResponse:
        """Search."""
        request = search_service_pb2.SearchRequest(query=query, filter=search_service_pb2.SearchFilter(**filters))
        return self.call("search", search_service_pb2_grpc.SearchServiceStub, "Search", request)

    def finds(self, query: str, activity_id: str) -> bool:
        """Return whether a search shows the activity."""
        return any(result.activity.id == activity_id for result in self.search(query).results)

    def get(self, activity_id: str) -> pb.Activity:
        """Return one activity by id; raises grpc.RpcError."""
        request = search_service_pb2.GetActivityRequest(id=activity_id)
        return self.call("search", search_service_pb2_grpc.SearchServiceStub, "GetActivity", request).activity


def stack_scope(**_: object) -> Literal["session", "module"]:
    """Return how long a stack lives: tests of other files empty the servers that it would share with them."""
    return "module" if ON_CLUSTER else "session"


def started(home: Path) -> System:
    """Start a stack on free ports in home."""
    ports = choose_ports(home, any_free=True)
    settings = load_settings().model_copy(update={"data_dir": home, **servers_of_the_stack()})
    stack = Stack(settings, ports, home, write_sources(home, ports.demo, interval_s=0.5), say=lambda _text: None)
    try:
        return System(stack, bring_up(stack))
    except BaseException:
        stack.stop()
        raise


def servers_of_the_stack() -> dict[str, Any]:
    """Return the settings that name the real servers, with nothing in them; none where the stack starts embedded ones."""
    if not ON_CLUSTER:
        return {}
    servers = kept_servers()
    return {
        "kafka": KafkaSettings(bootstrap_servers=servers.bootstrap),
        "elasticsearch": ElasticsearchSettings(url=servers.elasticsearch_url, core_analysis=True),
    }


@pytest.fixture(scope=stack_scope)
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A running stack; stopped after the last test."""
    running = started(tmp_path_factory.mktemp("stack"))
    yield running
    running.stack.stop()


@pytest.fixture
def admin(system: System) -> Person:
    """Somebody with the role admin."""
    return system.person("root", roles=("admin",))
