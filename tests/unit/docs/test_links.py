"""Links between the pages lead somewhere, and settings named in them exist."""

import re
from pathlib import Path

import pytest

from services.runtime.settings_loading import variables

ROOT = Path(__file__).parents[3]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
KNOWN = {name for name, _ in variables()}


def anchors_of(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors_of(target), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_setting_that_is_named_exists(page):
    """A service refuses to start with a variable that it doesn't know."""
    named = set(re.findall(r"SLUICE_[A-Z]+(?:_+[A-Z]+)*\b(?!…|_)", page.read_text(encoding="utf-8")))
    assert named - KNOWN - {name.rpartition("__")[0] for name in KNOWN} - {"SLUICE_BINPB"} == set()


def test_every_setting_is_in_the_page_of_settings():
    """In full or, in a row of its section, as `…NAME`."""
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8").replace("(_FILE)", "")
    names = {name.removesuffix("_FILE") for name in KNOWN if not name.endswith("JWKS_FILE")}
    assert [name for name in sorted(names) if name not in page and f"…{name.rpartition('__')[2]}`" not in page] == []
