"""What the channel pages show can be pasted into a sources file."""

import re
import tomllib
from pathlib import Path

import pytest

from services.ingest.registry import KINDS
from services.ingest.settings import load_sources

ROOT = Path(__file__).parents[3]
BLOCK = re.compile(r"^```toml\n(.*?)^```", re.MULTILINE | re.DOTALL)
EXAMPLES = [
    pytest.param(text, id=f"{path.stem}-{place}")
    for path in sorted((ROOT / "docs").rglob("*.md"))
    for place, text in enumerate(BLOCK.findall(path.read_text(encoding="utf-8")), start=1)
]


@pytest.mark.parametrize("text", EXAMPLES)
def test_every_example_is_a_sources_file(text, tmp_path):
    """Once its secrets are there; a reader copies the block as it stands."""
    secrets = [table for table in tomllib.loads(text)["sources"] if "secret_file" in table]
    for table in secrets:
        file = tmp_path / table["secret_file"]
        file.parent.mkdir(exist_ok=True)
        file.write_text("secret")
    environ = {table["secret_env"]: "secret" for table in tomllib.loads(text)["sources"] if "secret_env" in table}
    (tmp_path / "sources.toml").write_text(text, encoding="utf-8")
    assert load_sources(tmp_path / "sources.toml", environ)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_page_with_an_example(kind):
    page = (ROOT / "docs" / "sources" / f"{kind}.md").read_text(encoding="utf-8")
    kinds = {table["kind"] for text in BLOCK.findall(page) for table in tomllib.loads(text)["sources"]}
    assert kinds == {kind}


def test_the_reference_names_every_key():
    """The keys that the reader of the file knows are those of the table."""
    reference = (ROOT / "docs" / "sources" / "README.md").read_text(encoding="utf-8")
    source = (ROOT / "services" / "ingest" / "settings.py").read_text(encoding="utf-8")
    known = re.findall(r'^    "(\w+)": ', source, re.MULTILINE)
    assert "company_ids" in known
    rows = re.findall(r"^\| `(\w+)` \|", reference.split("## The sources file")[1], re.MULTILINE)
    assert sorted(rows) == sorted(known)
