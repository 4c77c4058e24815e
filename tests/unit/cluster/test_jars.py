"""What a machine without Java or Maven is told before the cluster tests."""

import pytest

from tests.cluster import jars
from tests.cluster.jars import Missing, cached_jars, find_java


@pytest.fixture
def bare(monkeypatch, tmp_path):
    """A machine with neither, and with nothing fetched before."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setattr(jars, "JVMS", tmp_path)


def fake_jdk(folder, version):
    """Put a JDK that only says its version under folder."""
    (folder / "bin").mkdir(parents=True)
    for name in ("java", "javac"):
        program = folder / "bin" / name
        program.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2025-09-16' >&2\n")
        program.chmod(0o755)
    return str(folder / "bin" / "java")


@pytest.mark.usefixtures("bare")
def test_what_is_missing_is_named_in_one_line():
    """Nobody has to read a traceback to know what to install."""
    with pytest.raises(Missing, match=r"JDK of version 21 or newer") as java:
        find_java()
    with pytest.raises(Missing, match=r"install mvn") as maven:
        cached_jars()
    assert "\n" not in str(java.value) + str(maven.value)


@pytest.mark.usefixtures("bare")
def test_an_old_java_is_passed_over_for_a_newer_one(tmp_path, monkeypatch):
    """The one that comes first may be too old for Elasticsearch."""
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "java-17"))
    fake_jdk(tmp_path / "java-17", "17.0.15")
    newer = fake_jdk(tmp_path / "java-25", "25")
    assert find_java() == newer


@pytest.mark.usefixtures("bare")
def test_jars_that_are_there_are_not_fetched_again(tmp_path, monkeypatch):
    """Between runs nothing is downloaded; another pom is another folder."""
    asked = []

    def fetch(_maven, profile, folder):
        asked.append(profile)
        folder.mkdir(parents=True)

    monkeypatch.setattr(jars.shutil, "which", lambda name: f"/bin/{name}")
    monkeypatch.setattr(jars, "_fetch", fetch)
    monkeypatch.setattr(jars, "_describe_module", lambda folder: None)
    first = cached_jars()
    assert cached_jars() == first
    assert asked == ["kafka", "elasticsearch", "transport-netty4"]
    other = tmp_path / "pom.xml"
    other.write_text("<project/>")
    monkeypatch.setattr(jars, "POM", other)
    assert cached_jars() != first
