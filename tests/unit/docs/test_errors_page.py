"""docs/errors.md against the code: what a service can say is explained, and nothing that it can't."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
# Whatever is called by one of these names is given a code.
REFUSALS = {
    "Rejection",
    "MalformedPayload",
    "Refused",
    "_Refused",
    "RecordRefused",
    "FetchFailed",
    "_rejected",
    "TokenInvalid",
    "_status",
}
CODE = re.compile(r"[A-Z]+(_[A-Z]+)*|[a-z0-9…]+(-[a-z0-9…]+)*")


def codes_in(folder: Path) -> dict[str, str]:
    """Return every reason that the code can give, and where."""
    trees = {
        path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(folder.rglob("*.py")) if "cli" not in path.parts
    }
    constants = dict(pair for tree in trees.values() for pair in _constants(tree))
    found = {}
    for path, tree in trees.items():
        for node in ast.walk(tree):
            for given in _given(node):
                for code in _texts(given, constants):
                    if CODE.fullmatch(code):
                        found.setdefault(code, path.relative_to(ROOT).as_posix())
    return found


def _constants(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(name)], value=ast.Constant(str() as text)):
                yield name, text


def _given(node: ast.AST) -> Iterator[ast.expr]:
    """Yield the expressions of a node that are reasons."""
    match node:
        case ast.Assign(targets=[ast.Name("reason") | ast.Attribute(attr="reason")], value=value):
            yield value
        case ast.Call(func=ast.Name(name) | ast.Attribute(attr=name), args=args) if name in REFUSALS:
            # Only the code is written like one: what follows a lower-case code are fields and sentences.
            yield from args[:1]
            yield from (arg for arg in args[1:] if isinstance(arg, ast.Constant) and str(arg.value).isupper())
    match node:
        case ast.Call(keywords=keywords):
            yield from (keyword.value for keyword in keywords if keyword.arg == "reason")
        case ast.arguments(args=args, defaults=defaults):
            named = zip(args[len(args) - len(defaults) :], defaults, strict=True)
            yield from (default for arg, default in named if arg.arg == "reason")


def _texts(node: ast.expr, constants: dict[str, str]) -> Iterator[str]:
    match node:
        case ast.Constant(str() as text):
            yield text
        case ast.Name(name) if name in constants:
            yield constants[name]
        case ast.IfExp(body=body, orelse=orelse):
            yield from _texts(body, constants)
            yield from _texts(orelse, constants)
        case ast.JoinedStr(values=values):
            yield "".join(value.value if isinstance(value, ast.Constant) else "…" for value in values)


CODES = codes_in(ROOT / "services")
EXPLAINED = set(re.findall(r"^\| `([^`]+)`", PAGE, re.MULTILINE))


def test_the_codes_are_found():
    """A search that finds nothing would let everything pass."""
    assert {"TOKEN_MISSING", "PAGE_TOKEN_INVALID", "NO_SUCH_INBOX", "control-character", "undecodable", "http-…"} <= set(CODES)


@pytest.mark.parametrize("code", sorted(CODES))
def test_every_reason_in_the_code_is_explained(code):
    """Clients branch on reasons, so each needs a meaning and an advice."""
    assert f"`{code}`" in PAGE, f"{code} of {CODES[code]} is missing in docs/errors.md"


def test_no_reason_is_explained_that_nobody_gives():
    assert EXPLAINED - set(CODES) - {str(status) for status in range(200, 600)} == set()
