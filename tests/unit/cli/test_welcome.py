import re
from base64 import urlsafe_b64decode
from dataclasses import replace
from json import loads
from pathlib import Path

import pytest

from services.cli import welcome as welcome_module
from services.cli.connection import issuer_of
from services.cli.layout import Ports
from services.cli.stack import Stack
from services.cli.welcome import welcome
from services.runtime.settings import Settings

DAY_S = 86_400


@pytest.fixture
def said(tmp_path, monkeypatch):
    """What `sluice up` prints for a stack in a folder of its own."""
    lines: list[str] = []
    settings = Settings(data_dir=tmp_path)
    issuer_of(settings).ensure_key()
    monkeypatch.setattr(welcome_module.out, "print", lambda line, **_: lines.append(line))
    welcome(Stack(settings, replace(Ports(), feeds=40001), tmp_path, Path("sources.toml"), say=print), with_demo=True)
    return lines


def test_the_token_lives_for_the_day_that_is_promised(said):
    """It is pasted into scripts, which must not fail after an hour."""
    (token,) = (re.fullmatch(r"export TOKEN=(\S+)", line)[1] for line in said if line.startswith("export TOKEN"))
    payload = token.split(".")[1]
    claims = loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert claims["exp"] - claims["iat"] == DAY_S
    assert (claims["sub"], claims["employee"]) == ("anna", True)


def test_another_data_directory_is_named_for_the_other_terminal(said, tmp_path):
    """Without it the commands to paste would look for the stack in the usual folder."""
    assert f"export SLUICE_DATA_DIR={tmp_path}" in said
