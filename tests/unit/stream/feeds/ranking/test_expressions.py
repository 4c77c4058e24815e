"""The language of rankings: what it means, what it refuses and where, and that nothing else ever happens."""

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.stream.feeds.ranking.evaluating import evaluate
from services.stream.feeds.ranking.invalid import RankingInvalid
from services.stream.feeds.ranking.operations import FUNCTIONS, OPERATORS
from services.stream.feeds.ranking.parsing import DEEPEST, MOST_NODES, parse
from services.stream.feeds.ranking.tokens import LONGEST
from services.stream.feeds.ranking.tree import Type, signals_in
from tests.unit.stream.feeds.ranking.scalar_interpreter import MEANINGS, Name, interpret

SIGNALS = {"x": Type.NUMBER, "y": Type.NUMBER, "is_a": Type.BOOLEAN, "is_b": Type.BOOLEAN, "kind": Type.TEXT}
KINDS = ["", "rss", "mastodon"]

numbers = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from(
    [0.0, -0.0, 1.0, -1.0, 0.5, 2.0, 1e308, -1e308, 5e-324]
)
entries = st.fixed_dictionaries(
    {"x": numbers, "y": numbers, "is_a": st.booleans(), "is_b": st.booleans(), "kind": st.sampled_from(KINDS)}
)
literals = st.floats(min_value=0, allow_nan=False, allow_infinity=False) | st.integers(0, 5).map(float)


def joined(numeric, truth):
    """Return strategies of larger expressions of both types."""
    equal = st.sampled_from(["==", "!="])
    texts = st.sampled_from(KINDS).map(lambda kind: (Name("kind"), kind))
    more = st.one_of(
        st.tuples(st.sampled_from(["+", "-", "*", "/", "^", "decay", "min", "max"]), numeric, numeric),
        st.tuples(st.sampled_from(["negative", "log", "exp", "sqrt"]), numeric),
        st.tuples(st.sampled_from(["min", "max"]), numeric, numeric, numeric),
        st.tuples(st.just("if"), truth, numeric, numeric),
    )
    facts = st.one_of(
        st.tuples(st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), numeric, numeric),
        st.tuples(equal, texts).map(lambda drawn: (drawn[0], *drawn[1])),
        st.tuples(st.sampled_from(["or", "and", "==", "!="]), truth, truth),
        st.tuples(st.just("not"), truth),
        st.tuples(st.just("if"), truth, truth, truth),
    )
    return more, facts


def expressions():
    """Return a strategy of expressions that give numbers, up to three levels deep."""
    numeric, truth = (
        literals | st.sampled_from([Name("x"), Name("y")]),
        st.booleans() | st.sampled_from([Name("is_a"), Name("is_b")]),
    )
    for _ in range(3):
        more, facts = joined(numeric, truth)
        numeric, truth = numeric | more, truth | facts
    return more


def written(expression):
    """Return an expression as text, in brackets wherever they may stand."""
    if isinstance(expression, Name):
        return expression.name
    if isinstance(expression, bool):
        return str(expression).lower()
    if isinstance(expression, str):
        return f'"{expression}"'
    if not isinstance(expression, tuple):
        return repr(expression)
    operation, *operands = expression
    inner = [written(operand) for operand in operands]
    if operation in FUNCTIONS:
        return f"{operation}({', '.join(inner)})"
    if operation in {"not", "negative"}:
        return f"({'not ' if operation == 'not' else '-'}{inner[0]})"
    return f"({inner[0]} {operation} {inner[1]})"


class Columns:
    """Entries as columns."""

    def __init__(self, rows):
        self.rows = rows

    def signal(self, name):
        column = [row[name] for row in self.rows]
        return np.array([KINDS.index(value) for value in column]) if SIGNALS[name] is Type.TEXT else np.array(column)

    def code(self, text):
        return KINDS.index(text) if text in KINDS else -1


def value(text, **signals):
    """Return what an expression gives for one entry."""
    entry = {"x": 0.0, "y": 0.0, "is_a": False, "is_b": False, "kind": ""} | signals
    return float(evaluate(parse(text, SIGNALS), Columns([entry]), 1)[0])


def refused(text):
    """Return the refusal of an expression, which points at a place inside it."""
    with pytest.raises(RankingInvalid) as refusal:
        parse(text, SIGNALS)
    error = refusal.value
    lines = text.split("\n")
    assert 0 <= error.at <= len(text)
    assert 1 <= error.line <= len(lines)
    assert 1 <= error.column <= len(lines[error.line - 1]) + 1
    return error


@given(expressions(), st.lists(entries, min_size=1, max_size=5))
def test_columns_give_what_each_entry_alone_gives(expression, rows):
    """For every expression and all entries the vectorised value is the scalar interpreter's, and finite."""
    scores = evaluate(parse(written(expression), SIGNALS), Columns(rows), len(rows))
    assert np.isfinite(scores).all()
    assert scores.tolist() == [interpret(expression, row) for row in rows]


odd_words = ["(", ")", ",", "1", "2.5", '"rss"', "'", "\n", "\t", "true", "=", "!", "é", "1e999"]
words = st.sampled_from([*OPERATORS, *FUNCTIONS, *SIGNALS, *odd_words])


@given(st.text() | st.lists(words, max_size=60).map(" ".join) | st.lists(words, max_size=60).map("".join))
@example("(" * LONGEST)
@example("-" * LONGEST)
@example("not " * (LONGEST // 4))
@example("1^" * (LONGEST // 2))
@example("x+" * (LONGEST // 2))
@example("min(" * (LONGEST // 4))
@example("x" * (LONGEST + 1))
def test_any_text_is_an_expression_or_refused_with_a_place(text):
    """No text brings up any other error, and what is taken can be computed."""
    try:
        tree = parse(text, SIGNALS)
    except RankingInvalid:
        assert str(refused(text)).count("\n") >= 2
    else:
        assert evaluate(tree, Columns([]), 0).shape == (0,)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("10 - 4 - 3", 3),
        ("16 / 4 / 2", 2),
        ("2 ^ 3 ^ 2", 512),
        ("-2 ^ 2", -4),
        ("2 ^ -1", 0.5),
        ("2 * -3", -6),
        ("if(1 + 1 == 2 and not 3 < 2, 1, 0)", 1),
        ("if(true or false and false, 1, 0)", 1),
        ("if(not 1 == 2, 1, 0)", 1),
        ("if((1 < 2) == true, 1, 0)", 1),
        ("min(3, 1, 2) + max(3, 1, 2)", 4),
        (".5 + 1e2", 100.5),
        ("decay(24, 24)", 0.5),
        ("decay(-5, 24)", 1),
        ("decay(5, 0)", 0),
        ("1 / 0", 0),
        ("0 / 0", 0),
        ("0 ^ -1", 0),
        ("(-1) ^ 0.5", 0),
        ("log(0) + log(-1)", 0),
        ("sqrt(-4)", 0),
        ("exp(1000)", 1.7976931348623157e308),
        ("-exp(1000)", -1.7976931348623157e308),
    ],
)
def test_an_expression_means(text, expected):
    """Operators bind as in arithmetic, and what has no value has a defined one."""
    assert math.isclose(value(text), expected)


def test_signals_and_texts_are_compared():
    assert value('if(kind == "rss", 2, 3) * x', kind="rss", x=4.0) == 8
    assert value("if(kind != 'nobody has it', 2, 3)", kind="rss") == 2
    assert signals_in(parse('if(kind == "rss", x, y)', SIGNALS)) == {"kind", "x", "y"}


@pytest.mark.parametrize(
    ("text", "line", "column", "problem"),
    [
        ("", 1, 1, "expected a value, not the end"),
        ("x +", 1, 4, "expected a value, not the end"),
        ("x y", 1, 3, "expected an operator or the end, not y"),
        ("(x", 1, 3, "the bracket of column 1 isn't closed"),
        ("x\n + z", 2, 4, "there is no signal z"),
        ("kidn", 1, 1, "did you mean kind?"),
        ("logg(x)", 1, 1, "did you mean log?"),
        ("x + is_a", 1, 5, "if(…, 1, 0) makes one of it"),
        ("if(x, 1, 2)", 1, 4, "if takes true or false here"),
        ("if(is_a, 1, is_b)", 1, 13, "if takes two values of one type"),
        ("if(kind == 3, 1, 2)", 1, 12, "== takes two values of one type"),
        ("kind", 1, 1, "a ranking gives a number"),
        ("is_a", 1, 1, "a ranking gives a number"),
        ("1 < x < 3", 1, 7, "comparisons don't chain"),
        ("x = 1", 1, 3, "to compare write =="),
        ("is_a && is_b", 1, 6, "write and, or, not"),
        ("x.__class__", 1, 2, "no meaning here"),
        ("__import__('os')", 1, 1, "there is no function __import__"),
        ("log", 1, 1, "log is a function"),
        ("log(x, y)", 1, 1, "log takes 1 value, not 2"),
        ("min(x)", 1, 1, "min takes 2 to 8 values, not 1"),
        ("'rss", 1, 1, "this text has no end"),
        ("1e999", 1, 1, "too large"),
        ("if('a' == 'a', 1, 2)", 1, 4, "compared with a signal"),
    ],
)
def test_a_refusal_points_at_the_place(text, line, column, problem):
    """A person sees what is wrong and where."""
    error = refused(text)
    assert problem in str(error)
    assert (error.line, error.column) == (line, column)


def test_the_caret_stands_under_the_place():
    problem, line, caret = str(refused("x +\n\ty + z")).split("\n")
    assert problem.startswith("line 2, column 6: there is no signal z")
    assert line == "  \ty + z"
    assert caret == "  \t    ^"


def test_length_depth_and_work_are_bounded():
    """What is just within the bounds is taken; a step beyond is refused."""
    parse("+".join("x" * (MOST_NODES // 2)), SIGNALS)
    assert "values and operations" in str(refused("+".join("x" * (MOST_NODES // 2 + 1))))
    parse("(" * (DEEPEST - 1) + "x" + ")" * (DEEPEST - 1), SIGNALS)
    assert "levels" in str(refused("(" * DEEPEST + "x" + ")" * DEEPEST))
    parse("x".ljust(LONGEST), SIGNALS)
    assert "characters" in str(refused("x".ljust(LONGEST + 1)))


def test_every_operation_has_a_meaning_of_its_own():
    """The scalar interpreter leaves nothing out."""
    assert {*OPERATORS, *FUNCTIONS} == {*MEANINGS, "if"}
