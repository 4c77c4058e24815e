"""What is wrong with an expression, and where."""

from difflib import get_close_matches

from services.contracts.errors import SluiceError

_AROUND = 60


class RankingInvalid(SluiceError):
    """An expression that can't be taken. line, column: where, from 1; at: the same as an index into the text, 0 to its length."""

    status = "INVALID_ARGUMENT"
    reason = "RANKING_INVALID"

    def __init__(self, problem: str, text: str, at: int) -> None:
        """Point at a place of text. The message has three lines: what is wrong, the line of the expression, a caret under the place."""
        begin = text.rfind("\n", 0, at) + 1
        end = text.find("\n", at)
        self.problem, self.at = problem, at
        self.line, self.column = text.count("\n", 0, at) + 1, at - begin + 1
        first, last = max(begin, at - _AROUND), min(len(text) if end < 0 else end, at + _AROUND)
        # A tab stays one, so that the caret stands under it whatever its width.
        blank = "".join(char if char == "\t" else " " for char in text[first:at])
        super().__init__(
            f"line {self.line}, column {self.column}: {problem}\n  {text[first:last]}\n  {blank}^",
            metadata={"line": str(self.line), "column": str(self.column), "problem": problem},
            field="expression",
        )


def meant(name: str, known: list[str]) -> str:
    """Return a hint at the known name that is most like a name, which may be none."""
    alike = get_close_matches(name, known, n=1)
    return f"; did you mean {alike[0]}?" if alike else ""
