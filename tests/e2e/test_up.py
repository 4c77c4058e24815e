"""`sluice up` as a person runs it: twice on the same data, ended by Ctrl-C."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cluster.kept import ON_CLUSTER, kept_servers
from tests.e2e.conftest import eventually


@pytest.fixture
def real_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Name Apache Kafka and Elasticsearch to everything that the test starts, where the suites run on them."""
    if ON_CLUSTER:
        for name, value in kept_servers().environment.items():
            monkeypatch.setenv(name, value)


def environment(home: Path) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if ON_CLUSTER or not name.startswith("SLUICE_")}
    return {**clean, "SLUICE_DATA_DIR": str(home), "COLUMNS": "200"}


@contextmanager
def running(home: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run `sluice up` until the block ends; then Ctrl-C, and a clean end."""
    out = home / "out.txt"
    with out.open("wb") as file:
        command = [sys.executable, "-m", "services.cli", "up", "--free-ports"]
        process = subprocess.Popen(command, env=environment(home), stdout=file, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        eventually(lambda: "Sluice is ready" in out.read_text() or process.poll() is not None, within=60)
        assert process.poll() is None, out.read_text()
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        status = process.wait(30)
    assert status == 0, out.read_text()


def sluice(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "services.cli", *arguments]
    return subprocess.run(command, env=environment(home), capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.usefixtures("real_servers")
def test_a_second_run_goes_on_with_the_data_and_nothing_stays_behind(tmp_path):
    """What was said in the first run is in the feed of the second; the demo is seeded once; no process outlives Ctrl-C."""
    with running(tmp_path):
        said = sluice(tmp_path, "publish", "said in the first run", "--as", "anna")
        assert "accepted: " in said.stdout
        activity_id = said.stdout.split()[-1]
        eventually(lambda: activity_id in sluice(tmp_path, "feed", "--as", "anna", "--json").stdout)
        # The demo's channels reach a colleague's feed as well.
        eventually(lambda: "hcl-connections" in sluice(tmp_path, "feed", "--as", "ben", "--json").stdout)
    with running(tmp_path):
        assert "seeding" not in (tmp_path / "out.txt").read_text()
        eventually(lambda: activity_id in sluice(tmp_path, "feed", "--as", "anna", "--json").stdout)
        doctor = sluice(tmp_path, "doctor")
        assert doctor.returncode == 0, doctor.stdout
        tail = sluice(tmp_path, "topics", "tail", "sluice.activities.v1", "--no-follow", "-n", "3")
        assert len(tail.stdout.splitlines()) == 3
    left = [path for path in Path("/proc").glob("[0-9]*/cmdline") if str(tmp_path).encode() in read(path)]
    assert left == []


def read(path: Path) -> bytes:
    """Return a process's command line; nothing when it has just ended."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_the_commands_say_what_to_do_when_nothing_runs(tmp_path):
    """No traceback: the address, and how to start it."""
    for arguments in (["feed"], ["search", "x"], ["publish", "x"], ["topics", "apply"], ["dlq", "list"], ["index", "apply"]):
        done = sluice(tmp_path, *arguments)
        assert done.returncode == 1, arguments
        assert "Traceback" not in done.stderr
        assert "not answer" in " ".join(done.stderr.split())
    doctor = sluice(tmp_path, "doctor")
    assert doctor.returncode == 1
    assert "make run" in doctor.stdout


def test_a_misspelt_setting_is_named(tmp_path):
    """A typo must not silently start something else."""
    command = [sys.executable, "-m", "services.cli", "doctor"]
    wrong = {**environment(tmp_path), "SLUICE_KAFKA__BOOTSTRAP_SERVER": "x:1"}
    done = subprocess.run(command, env=wrong, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "SLUICE_KAFKA__BOOTSTRAP_SERVERS" in done.stderr
