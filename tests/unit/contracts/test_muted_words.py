"""Muted words are whole words, in every script and however they are written."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.contracts.muted_words import speaks_of
from services.contracts.relations import LONGEST_WORD, folded, folded_word


def muted(*words):
    return frozenset(map(folded_word, words))


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("art", "Art!"),
        ("art", "modern-art"),
        ("art", "(art)"),
        ("art", "what art, then"),
        ("art", "#art"),
        ("art", "state of the\nart"),
        ("art", "art\u2019s sake"),
        ("ART", "art"),
        ("straße", "STRASSE"),
        ("ﬁle", "a file"),
        ("\uff11\uff12\uff13", "123"),
        ("café", "cafe\u0301"),
        ("ÉTÉ", "l'été"),
        ("world cup", "The World  Cup\tagain"),
        ("c++", "C++ again"),
        (":)", "well :) then"),
        ("🚨", "news🚨news"),
        ("#tag", "a #tag"),
        ("कमी", "पानी की कमी।"),
    ],
)
def test_a_muted_word_is_found_as_a_word(word, text):
    """Case, width, composition and punctuation around it make no difference."""
    assert speaks_of(muted(word), text)


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("art", "party"),
        ("art", "artist"),
        ("art", "st_art"),
        ("art", "art2"),
        ("and", "sand, candle"),
        ("world cup", "world cups"),
        ("world cup", "world. cup"),
        ("cup", "hiccup"),
        ("été", "étés"),
        ("1", "10"),
        ("мир", "мировой"),
        ("कम", "कमी"),
        ("कमी", "कमीना"),
        ("म", "कीम"),
        ("ɛ", "bɛ\u0303"),
        ("art", ""),
    ],
)
def test_a_muted_word_is_not_found_inside_other_words(word, text):
    """Half of the language would be gone with `and`."""
    assert not speaks_of(muted(word), text)


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("猫", "私の猫です"),
        ("ネコ", "あのネコが"),
        ("ﾈｺ", "あのネコが"),
        ("แมว", "ฉันรักแมวมาก"),
        ("ខ្មែរ", "ភាសាខ្មែរគឺ"),
        ("ラグビー", "ラグビー2027"),
    ],
)
def test_where_words_have_no_borders_a_part_is_enough(word, text):
    """Scripts written without spaces."""
    assert speaks_of(muted(word), text)


def test_a_script_with_borders_keeps_them_beside_one_without():
    """The border is asked of the word's own end."""
    assert speaks_of(muted("art展"), "modern art展覧会")
    assert not speaks_of(muted("art展"), "smart展覧会")


@pytest.mark.parametrize(("tags", "expected"), [(("art",), True), (("Art",), True), (("party",), False), (("art_basel",), False)])
def test_hashtags_count_as_words(tags, expected):
    """A tag that is not written in the text, and one that only contains the word."""
    assert speaks_of(muted("art"), "nothing", tags) is expected


def test_one_of_several_words_is_enough():
    """Each counts for itself."""
    assert speaks_of(muted("cup", "art"), "a cup")
    assert speaks_of(muted("cup", "art"), "an art")
    assert not speaks_of(muted("cup", "art"), "smart hiccup")


def test_a_word_at_the_end_of_another_is_found_behind_it():
    """Alternatives of one pattern must not hide each other."""
    assert speaks_of(muted("art deco", "deco"), "art nouveau, deco")
    assert speaks_of(muted("a b", "b c"), "a bb b c")


def test_nothing_muted_hides_nothing():
    """The common case."""
    assert not speaks_of(frozenset(), "anything", ("art",))


plain = st.text(st.sampled_from("abcäé "), max_size=12)
plain_words = st.text(st.sampled_from("abcäé"), min_size=1, max_size=3)


@given(plain_words, plain)
def test_it_equals_splitting_at_spaces(word, text):
    """Said naively, for letters and spaces."""
    assert speaks_of(muted(word), text) is (word in text.split())


@given(st.text(max_size=30), st.text(max_size=30))
def test_a_word_between_spaces_is_always_found(before, after):
    """Whatever stands around it."""
    assert speaks_of(muted("art"), f"{before} art {after}")


@given(st.text(max_size=40))
def test_folding_is_done_once(text):
    """Relations carry folded words; texts are folded when they are looked at."""
    assert folded(folded(text)) == folded(text)


@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp"]), min_size=1, max_size=20))
def test_whatever_may_be_muted_is_found_in_itself(text):
    """Also where it means something in a regular expression."""
    try:
        word = folded_word(text)
    except ValueError:
        return
    assert speaks_of(frozenset({word}), text)


@pytest.mark.parametrize("text", ["", " \t", "\x00", "a\x07b", "x" * (LONGEST_WORD + 1), "\ud800"])
def test_what_is_no_word_is_refused(text):
    """Nothing, controls, too long."""
    with pytest.raises(ValueError, match="muted word"):
        folded_word(text)


def test_white_space_within_a_word_becomes_one_space():
    """Several words are one muted word."""
    assert re.fullmatch(r"\S+ \S+", folded_word("\tworld \u00a0\u3000cup "))
