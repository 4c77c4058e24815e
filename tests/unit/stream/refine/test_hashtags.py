import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.stream.refine import hashtags
from services.stream.refine.hashtags import TAG_LENGTH_LIMIT, TAG_LIMIT, tags_of


@pytest.mark.parametrize(
    ("prose", "tags"),
    [
        ("about #Kafka and #Elasticsearch.", ("kafka", "elasticsearch")),
        ("#Straßenbahn #日本語 #हिन्दी #İzmir", ("straßenbahn", "日本語", "हिन्दी", "i\u0307zmir")),
        ("full width \uff03tag", ("tag",)),
        ("#one#two", ("one",)),
        ("C# and a#b and &#39; and /#x and ##y", ()),
        ("issue #42 but #42nd", ("42nd",)),
        ("#snake_case #kebab-case", ("snake_case", "kebab")),
        ("(#in) «#quotes» #dots...", ("in", "quotes", "dots")),
        ("#Kafka #KAFKA", ("kafka",)),
        ("#fire🔥", ("fire",)),
        ("# alone #", ()),
        ("#" + "x" * (TAG_LENGTH_LIMIT + 1), ()),
    ],
)
def test_tags_are_words_behind_a_number_sign(prose, tags):
    assert tags_of((), prose) == tags


def test_the_sources_tags_come_first_and_are_written_the_same_way():
    assert tags_of(("#Big Data", "Kafka", ""), "#new #kafka") == ("big data", "kafka", "new")


def test_tags_are_bounded():
    assert len(tags_of([f"t{n}" for n in range(150)], " ".join(f"#w{n}" for n in range(150)))) == TAG_LIMIT


# The rule as it reads: a sign that stands behind nothing of this, and what follows up to white space or punctuation.
WRITTEN_OUT = re.compile(r"(?<![\w&/#])[#\uff03]([^\s!-/:-@\[-^`{-~]+)")


@given(
    st.lists(
        st.one_of(st.sampled_from(list("#\uff03&/ \n_aZ1ß日.-")), st.characters(exclude_categories=["Cs"])), max_size=20
    ).map("".join)
)
def test_candidates_are_found_where_the_rule_as_it_reads_finds_them(prose):
    """The pattern that is used puts the sign first, for speed."""
    candidates = hashtags._CANDIDATE if "\uff03" in prose else hashtags._ASCII_CANDIDATE
    assert candidates.findall(prose) == WRITTEN_OUT.findall(prose)
