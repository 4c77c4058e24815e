import os

import pytest

from services.runtime.service_token import ServiceToken


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def replaced(path, text, at):
    path.write_text(text)
    os.utime(path, (at, at))


def test_a_replaced_file_is_shown_after_a_while(tmp_path, clock):
    """Tokens of an identity provider live for minutes; a restart every few minutes is no way to run."""
    path = tmp_path / "token"
    replaced(path, "first\n", 1)
    token = ServiceToken("first", path, clock)
    replaced(path, "second\n", 2)
    assert token() == "first"
    clock.now = 11.0
    assert token() == "second"


def test_a_file_that_is_gone_or_empty_leaves_the_last_token(tmp_path, clock):
    """While an orchestrator swaps secrets, calls go on."""
    path = tmp_path / "token"
    replaced(path, "first", 1)
    token = ServiceToken("first", path, clock)
    path.unlink()
    clock.now = 11.0
    assert token() == "first"
    replaced(path, "", 3)
    clock.now = 22.0
    assert token() == "first"
    replaced(path, "third", 4)
    clock.now = 33.0
    assert token() == "third"


def test_a_token_without_a_file_stays(clock):
    token = ServiceToken("given", None, clock)
    clock.now = 1000.0
    assert token() == "given"
