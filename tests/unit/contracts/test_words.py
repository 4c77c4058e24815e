import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.contracts.relations import LONGEST_WORD, WORD, Relation, RelationKind, folded, folded_word, relation_of_key


@given(st.text())
def test_folding_twice_changes_nothing(text):
    """What was muted under one spelling can be unmuted under any other."""
    assert folded(folded(text)) == folded(text)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [("Spoiler", "spoiler"), ("  Great\n\tSTRASSE ", "great strasse"), ("Straße", "strasse"), ("ﬁnal", "final"), ("\uff21", "a")],
)
def test_spellings_of_a_word_are_one(typed, kept):
    assert folded_word(typed) == kept


@pytest.mark.parametrize("typed", ["", " \t\n", "x" * (LONGEST_WORD + 1), "a\x00b", "a\ud800"])
def test_what_is_no_word_is_a_value_error(typed):
    """An edge's key has no control characters, and a word that matches everything or nothing helps nobody."""
    with pytest.raises(ValueError, match="a muted word has"):
        folded_word(typed)


@given(st.text(min_size=1, max_size=120))
def test_every_word_makes_a_key_that_can_be_read_back(text):
    """The separator of keys is white space, so no folded word holds it."""
    try:
        word = folded_word(text)
    except ValueError:
        return
    muted = Relation("person:anna", RelationKind.MUTES, WORD + word)
    assert relation_of_key(muted.key) == muted
