"""Text → checked tree. The grammar is in docs/ranking.md; nothing of it is ever run as a program."""

import math
from collections.abc import Mapping, Sequence
from typing import Final, NoReturn

from services.stream.feeds.ranking.invalid import RankingInvalid, meant
from services.stream.feeds.ranking.operations import FUNCTIONS, MOST_ARGUMENTS, OPERATORS, Operation
from services.stream.feeds.ranking.tokens import Kind, Token, tokens_of
from services.stream.feeds.ranking.tree import Apply, Flag, Node, Number, Signal, Text, Type

MOST_NODES = 200
DEEPEST = 32
# How strongly an operator binds. Comparisons don't chain; a power binds to the right, and more strongly than the sign before it.
_BINDING: Final = {
    "or": 1,
    "and": 2,
    **dict.fromkeys(("==", "!=", "<", "<=", ">", ">="), 4),
    "+": 5,
    "-": 5,
    "*": 6,
    "/": 6,
    "^": 8,
}
_NOT, _COMPARISON, _SIGN, _POWER = 3, 4, 7, 8
_WORDS: Final = frozenset({"or", "and", "not", "true", "false"})


def parse(text: str, signals: Mapping[str, Type]) -> Node:
    """Return the tree of an expression that gives a number. signals: name → type. Raises RankingInvalid and nothing else.

    O(length): at most 2,000 characters, MOST_NODES operations and values, DEEPEST levels of brackets.
    """
    return _Parser(text, signals).expression()


class _Parser:
    def __init__(self, text: str, signals: Mapping[str, Type]) -> None:
        self._text = text
        self._signals = signals
        self._tokens = tokens_of(text)
        self._next = 0
        self._nodes = 0
        self._depth = 0

    def expression(self) -> Node:
        node = self._operators(0)
        if self._token.kind is not Kind.END:
            self._refuse(f"expected an operator or the end, not {_called(self._token)}", self._token.at)
        return self._typed(node, Type.NUMBER, "a ranking gives a number")

    def _operators(self, above: int) -> Node:
        """Return what stands here and is joined by operators that bind more strongly than above."""
        left = self._operand()
        while (binding := _BINDING.get(self._sign(), 0)) > above:
            token = self._take()
            left = self._applied(token, (left, self._operators(binding - (binding == _POWER))))
            if binding == _COMPARISON and _BINDING.get(self._sign()) == _COMPARISON:
                self._refuse("comparisons don't chain: join two of them with and", self._token.at)
        return left

    def _operand(self) -> Node:
        self._depth += 1
        if self._depth > DEEPEST:
            self._refuse(f"at most {DEEPEST} levels stand in each other", self._token.at)
        node = self._value(self._take())
        self._depth -= 1
        return node

    def _value(self, token: Token) -> Node:
        match token:
            case (Kind.NUMBER, text, at):
                return self._number(float(text), at)
            case (Kind.TEXT, text, at):
                return self._counted(Text(text, at))
            case (Kind.SIGN, "(", at):
                node = self._operators(0)
                self._expect(")", f"the bracket of column {self._column(at)} isn't closed")
                return node
            case (Kind.SIGN, "-", at):
                return self._applied(Token(Kind.SIGN, "negative", at), (self._operators(_SIGN),))
            case (Kind.NAME, "not", at):
                return self._applied(token, (self._operators(_NOT),))
            case (Kind.NAME, "true" | "false" as text, at):
                return self._counted(Flag(text == "true", at))
            case (Kind.NAME, text, at) if text not in _WORDS:
                return self._call(token) if self._sign() == "(" else self._signal(text, at)
            case _:
                return self._refuse(f"expected a value, not {_called(token)}", token.at)

    def _number(self, value: float, at: int) -> Node:
        if not math.isfinite(value):
            self._refuse("this number is too large", at)
        return self._counted(Number(value, at))

    def _signal(self, name: str, at: int) -> Node:
        if name in FUNCTIONS:
            self._refuse(f"{name} is a function: its arguments stand in brackets", at)
        if name not in self._signals:
            self._refuse(f"there is no signal {name[:40]}{meant(name[:40], [*self._signals, *FUNCTIONS])}", at)
        return self._counted(Signal(name, self._signals[name], at))

    def _call(self, token: Token) -> Node:
        if token.text not in FUNCTIONS:
            self._refuse(f"there is no function {token.text[:40]}{meant(token.text[:40], list(FUNCTIONS))}", token.at)
        self._expect("(", "")
        arguments = [self._operators(0)]
        while self._sign() == ",":
            self._take()
            arguments.append(self._operators(0))
        self._expect(")", f"the bracket of {token.text} isn't closed")
        takes, most = len(FUNCTIONS[token.text].takes), MOST_ARGUMENTS
        if FUNCTIONS[token.text].many:
            if not takes <= len(arguments) <= most:
                self._refuse(f"{token.text} takes {takes} to {most} values, not {len(arguments)}", token.at)
        elif len(arguments) != takes:
            self._refuse(f"{token.text} takes {takes} value{'s' * (takes > 1)}, not {len(arguments)}", token.at)
        return self._applied(token, tuple(arguments))

    def _applied(self, token: Token, arguments: tuple[Node, ...]) -> Node:
        operation = FUNCTIONS.get(token.text) or OPERATORS[token.text]
        takes = operation.takes if not operation.many else operation.takes[:1] * len(arguments)
        what = "the minus" if token.text == "negative" else token.text
        for argument, wanted in zip(arguments, takes, strict=True):
            if wanted is not None:
                self._typed(argument, wanted, f"{what} takes {wanted.value} here")
        alike = [argument for argument, wanted in zip(arguments, takes, strict=True) if wanted is None]
        return self._counted(Apply(token.text, arguments, self._type(token.text, operation, alike), token.at))

    def _type(self, name: str, operation: Operation, alike: Sequence[Node]) -> Type:
        """Return what an operation gives, given those of its arguments that must be of one type."""
        if not alike:
            return operation.gives or Type.NUMBER
        first, second = alike
        self._typed(second, first.type, f"{name} takes two values of one type, and the first is {first.type.value}")
        if first.type is Type.TEXT:
            if operation.gives is None:
                self._refuse(f"{name} gives a number, or true or false", first.at)
            if isinstance(first, Text) and isinstance(second, Text):
                self._refuse("a text is compared with a signal", first.at)
        return operation.gives or first.type

    def _typed(self, node: Node, wanted: Type, problem: str) -> Node:
        if node.type is not wanted:
            hint = "; if(…, 1, 0) makes one of it" if (node.type, wanted) == (Type.BOOLEAN, Type.NUMBER) else ""
            self._refuse(f"{problem}, this is {node.type.value}{hint}", node.at)
        return node

    def _counted(self, node: Node) -> Node:
        self._nodes += 1
        if self._nodes > MOST_NODES:
            self._refuse(f"an expression has at most {MOST_NODES} values and operations", node.at)
        return node

    @property
    def _token(self) -> Token:
        return self._tokens[self._next]

    def _sign(self) -> str:
        """Return the text of the next word where it may be a sign or an operator."""
        return "" if self._token.kind is Kind.TEXT else self._token.text

    def _take(self) -> Token:
        token = self._token
        self._next += token.kind is not Kind.END
        return token

    def _expect(self, sign: str, problem: str) -> None:
        if self._sign() != sign:
            self._refuse(f"expected {sign} and not {_called(self._token)}: {problem}", self._token.at)
        self._take()

    def _column(self, at: int) -> int:
        return at - self._text.rfind("\n", 0, at)

    def _refuse(self, problem: str, at: int) -> NoReturn:
        raise RankingInvalid(problem, self._text, at)


def _called(token: Token) -> str:
    return token.kind.value if token.kind in {Kind.END, Kind.TEXT} else token.text[:40]
