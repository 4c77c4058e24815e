"""What only a real engine can show: words, stems, highlights, aliases."""

import re

import pytest

from services.contracts.indices import Index
from services.search.documents import Document
from services.search.elastic_index import ElasticIndex
from services.search.index_admin import apply_index, describe_index
from services.search.ports import IndexAway
from services.search.queries import MAX_WORDS, Reader, SearchFilter, search_body
from tests.contracts.search.conftest import CORE_ONLY, index_named
from tests.unit.search.examples import INTERNAL, activity, document

ANYBODY = Reader("person:olga")
BROKEN = ["(((", "-" * 2000, '"' * 99, "| " * 50, ". " * 99, "* " * 99, "a* " * MAX_WORDS, '"a" ' * 33, "w " * MAX_WORDS]
BROKEN += ["\\", "* | *", "~", " + ", "\u202e"]


async def fill(index, *made):
    await index.bulk([document(one) for one in made])
    await index.refresh()


async def found_by(index, words, reader=ANYBODY):
    return (await index.search(search_body(words, SearchFilter(), reader, size=50))).hits


@pytest.fixture
async def full(client, unique):
    """Return an index with the analysis modules."""
    if CORE_ONLY:
        pytest.skip("the server that the settings name has no analysis modules")
    index = index_named(unique)
    await apply_index(client, index)
    return ElasticIndex(client, index)


async def test_a_document_outside_the_mapping_is_refused_and_the_others_are_written(real_index):
    """Strict mapping: a programming error shows at once, for its own document only; the error's type quotes nothing."""
    outcomes = await real_index.bulk([Document("a" * 32, 1, b'{"sort_time":1,"unknown":1}'), document(activity())])
    assert [outcome.status for outcome in outcomes] == [400, 201]
    assert "unknown" not in outcomes[0].error


async def test_forms_of_a_word_are_found_in_german_and_english(full):
    """Umlauts are found with and without dots."""
    english, german = (
        activity("en", text="The locks were opened slowly"),
        activity("de", text="Die Häuser am Fluss", name="Jörg Müller"),
    )
    await fill(full, english, german)
    for words, expected in (("lock opening", english), ("Haus", german), ("müller", german), ("muller haus", german)):
        assert [hit.id for hit in await found_by(full, words)] == [expected.id]


async def test_the_language_of_queries(real_index):
    """All words, phrases, exclusion, alternatives, beginnings; broken ones find what they can and never fail."""
    one, two = activity("1", text="open the gate slowly"), activity("2", text="gate open")
    await fill(real_index, one, two)
    both = {one.id, two.id}
    for words, expected in (
        ("open gate", both),
        ('"gate open"', {two.id}),
        ("gate -slowly", {two.id}),
        ("slowly | nothing", {one.id}),
        ("slow*", {one.id}),
        ("GATE", both),
        ('"', set()),
        ("gate\u0000", both),
    ):
        assert {hit.id for hit in await found_by(real_index, words)} == expected, words
    for broken in BROKEN:
        await found_by(real_index, broken)


async def test_tags_in_the_text_stay_text_in_highlights(real_index):
    """Only our marks are markup: everything else is escaped, whatever somebody wrote."""
    text = "<script>alert(1)</script> & <mark>gate</mark> \"gate\" <img src=x onerror='alert(1)'>"
    await fill(real_index, activity(text=text))
    for words in ("gate", "script", "alert", "onerror", "mark", "amp", "lt"):
        for hit in await found_by(real_index, words):
            pieces = hit.highlights
            assert pieces
            bare = "".join(pieces).replace("<mark>", "").replace("</mark>", "")
            assert "<" not in bare
            assert ">" not in bare
            assert "&" not in re.sub(r"&(lt|gt|amp|quot|#x27|#39|#x2F);", "", bare)


async def test_title_and_phrase_weigh_more_and_the_newest_comes_first_among_equals(real_index):
    """Best first, by constants."""
    scattered_old = activity("1", text="open every gate", sort_time_ms=1)
    scattered_new = activity("2", text="gate to open", sort_time_ms=2)
    together = activity("3", text="an open gate", sort_time_ms=0)
    titled = activity("4", title="open gate", text="x", sort_time_ms=0)
    await fill(real_index, scattered_old, scattered_new, together, titled)
    hits = await found_by(real_index, "open gate")
    assert [hit.id for hit in hits] == [titled.id, together.id, scattered_new.id, scattered_old.id]


async def test_scores_tell_nothing_of_what_the_reader_may_not_see(real_index):
    """With word statistics the score of a public post would change with every inside post that has the word."""
    await fill(real_index, activity("1", text="merger of the gate"), activity("2", text="gate"))
    before = [(hit.id, hit.score) for hit in await found_by(real_index, "merger | gate")]
    await fill(real_index, *(activity(f"inside-{number}", text="merger merger", audience=INTERNAL) for number in range(20)))
    assert [(hit.id, hit.score) for hit in await found_by(real_index, "merger | gate")] == before


async def test_applying_twice_changes_nothing_and_finds_no_difference(client, unique):
    """In both variants, right after creation; in one where the server has no analysis modules."""
    for core in {CORE_ONLY, True}:
        index = index_named(f"{unique}-{core}".lower(), core=core)
        first, second = await apply_index(client, index), await apply_index(client, index)
        assert (first.created, first.differences, first.advice) == (True, (), "")
        assert (second.created, second.aliases_added, second.differences) == (False, (), ())


async def test_another_mapping_is_reported_and_never_changed(client, unique):
    """It takes a new version and a rebuild; nobody diverges silently."""
    index = index_named(unique)
    await apply_index(client, index)
    properties = {**index.mappings["properties"], "text": {"type": "keyword"}, "new": {"type": "long"}}
    other = Index(index.alias, index.version, "", {**index.mappings, "properties": properties}, index.settings)
    report = await apply_index(client, other)
    assert set(report.differences) >= {"mappings.properties.text.type", "mappings.properties.new.type"}
    assert index.name in report.advice
    assert (await describe_index(client, index)).differences == ()


async def test_a_second_version_is_built_beside_the_first(client, unique):
    """Readers stay with the first until somebody moves their alias."""
    first = index_named(unique)
    second = Index(first.alias, first.version + 1, "", first.mappings, first.settings)
    await apply_index(client, first)
    report = await apply_index(client, second)
    assert (report.created, report.differences) == (True, ())
    assert set((await client.indices.get_alias(name=first.alias)).body) == {first.name}
    assert "without alias" in await ElasticIndex(client, second).problem()


async def test_lost_aliases_are_put_back(client, unique):
    """Applying mends what an operator removed by mistake."""
    index = index_named(unique)
    await apply_index(client, index)
    await client.indices.delete_alias(index=index.name, name=index.write_alias)
    assert (await apply_index(client, index)).aliases_added == (index.write_alias,)
    assert await ElasticIndex(client, index).problem() == ""


async def test_an_index_that_is_missing_is_waited_for_and_never_made_by_accident(client, unique):
    """A write that created it would give it a mapping that nobody chose."""
    index = index_named(unique)
    port = ElasticIndex(client, index)
    assert [outcome.status for outcome in await port.bulk([document(activity())])] == [404]
    assert "sluice index apply" in await port.problem()
    with pytest.raises(IndexAway):
        await port.refresh()
    assert not await client.indices.exists(index=index.name)
    assert not await client.indices.exists(index=index.write_alias)
