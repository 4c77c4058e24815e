import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from services.runtime.embedded import EmbeddedServerError, EmbeddedServers, PortTaken, free_port
from services.runtime.kafka_security import KafkaSecurity
from tests.cluster.kept import ON_CLUSTER
from tests.integration.runtime.kafka_steps import produce, until_saved, values_of

pytestmark = pytest.mark.skipif(ON_CLUSTER, reason="it is about the embedded servers")

PARENT = """
import sys, time
from services.runtime.embedded import EmbeddedServers
server = EmbeddedServers(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
server.start()
print(server.pid, flush=True)
time.sleep(600)
"""


def running(pid):
    """Tell whether a process is there and not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_what_was_acknowledged_survives_a_stop(own_server, make_topic):
    """A graceful stop saves everything, however recent."""
    security = KafkaSecurity(own_server.bootstrap)
    topic = await make_topic(security)
    await produce(security, topic, [b"one"])
    pid = own_server.pid
    own_server.stop()
    assert not running(pid)
    own_server.start()
    assert await values_of(security, topic) == [b"one"]


async def test_what_was_saved_survives_a_kill(own_server, make_topic):
    """After kill -9 the server starts again on the same folder, with what it had saved."""
    security = KafkaSecurity(own_server.bootstrap)
    topic = await make_topic(security)
    await produce(security, topic, [b"one"])
    await until_saved(own_server)
    own_server.kill()
    assert not own_server.alive()
    own_server.start()
    assert await values_of(security, topic) == [b"one"]


def test_both_servers_answer_after_start(embedded):
    """start() returns when both can be used, and reports the process it owns."""
    with urllib.request.urlopen(embedded.elasticsearch_url) as response:  # noqa: S310 - loopback
        assert b"lucene" in response.read()
    with socket.create_connection(("127.0.0.1", embedded.kafka_port), timeout=2):
        assert embedded.alive()
    os.kill(embedded.pid, 0)


@pytest.mark.parametrize("taken", ["kafka", "elasticsearch"])
def test_taken_port_is_named(tmp_path, taken):
    """The message says which port is taken; nothing is left running."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        ports = (port, free_port()) if taken == "kafka" else (free_port(), port)
        server = EmbeddedServers(tmp_path, *ports)
        with pytest.raises(PortTaken, match=str(port)):
            server.start()
    assert server.pid is None


def test_second_server_on_the_same_data_says_why_it_cannot_start(own_server):
    """Two servers must not write the same data; the error carries the server's own words."""
    second = EmbeddedServers(own_server.data_dir, free_port(), free_port())
    with pytest.raises(EmbeddedServerError, match="already running"):
        second.start()
    assert own_server.alive()
    assert not second.alive()


def test_start_of_a_running_server_and_stop_of_a_stopped_one_do_nothing(own_server):
    """Both can be repeated, so callers need no bookkeeping."""
    pid = own_server.pid
    own_server.start()
    assert own_server.pid == pid
    own_server.stop()
    own_server.stop()
    assert own_server.pid is None


async def test_async_start_and_stop_leave_the_loop_free(tmp_path):
    """The asynchronous forms do what the synchronous ones do."""
    server = EmbeddedServers(tmp_path, free_port(), free_port())
    await server.start_async()
    assert server.alive()
    await server.stop_async()
    assert not server.alive()


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal is Linux only")
def test_server_dies_with_a_killed_parent(tmp_path):
    """A parent that is killed -9 can't stop its child; the kernel asks it to, so that it saves and leaves."""
    ports = [str(free_port()), str(free_port())]
    command = [sys.executable, "-c", PARENT, str(tmp_path), *ports]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        pid = int(parent.stdout.readline())
        assert running(pid)
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 10
    while running(pid):
        assert time.monotonic() < deadline
        time.sleep(0.01)
