import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.cleaning import clean_language, clean_tag, clean_tags, clean_text, clean_url, unfit_for_name

anything = st.text(st.characters(), max_size=40)


@given(anything)
def test_cleaning_twice_is_cleaning_once(text):
    """Every rule is idempotent, so that a replay of a replay is the same activity."""
    for clean in (clean_text, clean_url, clean_tag, clean_language):
        assert clean(clean(text)) == clean(text)


@given(anything)
def test_clean_text_can_always_be_encoded_and_displayed(text):
    cleaned = clean_text(text)
    cleaned.encode()
    assert not any(ord(character) < 32 and character not in "\n\t" for character in cleaned)


@given(anything)
def test_clean_tags_can_be_part_of_an_entity_name(text):
    assert not unfit_for_name(f"tag:{clean_tag(text)}")


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("#Kafka", "kafka"),
        ("## kafka ", "kafka"),
        ("\uff03\u30bf\u30b0", "\u30bf\u30b0"),
        ("Release\t Notes", "release notes"),
        ("C#", "c#"),
        ("Mu\u0308nchen", "m\u00fcnchen"),
        ("x" * 201, ""),
        ("#", ""),
    ],
)
def test_tags_have_one_spelling(said, kept):
    assert clean_tag(said) == kept


def test_the_same_tag_counts_once_and_the_order_stays():
    assert clean_tags(["#B", "a", "b", "", "A"]) == ("b", "a")


@pytest.mark.parametrize(
    ("said", "kept"), [("de-AT", "de"), ("PT_br", "pt"), ("english", ""), ("", ""), (" en ", "en"), ("1", "")]
)
def test_languages_are_reduced_to_their_primary_subtag(said, kept):
    assert clean_language(said) == kept


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("HTTPS://x.example/a", "HTTPS://x.example/a"),
        ("/relative", "/relative"),
        ("\x01javascript:x", ""),
        ("vbscript:x", ""),
        ("https://x.example/" + "a" * 4096, ""),
    ],
)
def test_only_urls_to_open_are_kept(said, kept):
    assert clean_url(said) == kept
