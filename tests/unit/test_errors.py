"""Covers canvasback.errors, and holds every error and finding of the source to its form."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import canvasback
from canvasback import errors
from canvasback.errors import CanvasbackError
from canvasback.model.finding import Finding

SOURCE = Path(canvasback.__file__).parent
KEBAB = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)+")
PROPER_NAMES = ("AWS", "Barman", "DuckDB", "DuckLake", "SQLite", "PostgreSQL", "Parquet")

CLASSES: dict[str, type[CanvasbackError]] = {
    name: value for name, value in vars(errors).items() if inspect.isclass(value) and issubclass(value, CanvasbackError)
}
EXIT_CODES = {
    "CanvasbackError": 1,
    "UsageError": 2,
    "RefusedError": 4,
    "LockedError": 5,
    "LakeError": 1,
    "RepositoryError": 1,
    "CorruptError": 1,
    "StorageError": 1,
    "ObjectExistsError": 1,
    "ObjectMissingError": 1,
    "ObjectLockedError": 1,
    "NoSpaceError": 1,
    "AccessDeniedError": 1,
}


def test_every_class_has_its_exit_code() -> None:
    assert {name: class_.exit_code for name, class_ in CLASSES.items()} == EXIT_CODES


def test_every_class_is_public_and_drawn() -> None:
    drawing = errors.__doc__ or ""
    for name, class_ in CLASSES.items():
        assert name in canvasback.__all__
        assert getattr(canvasback, name) is class_
        assert re.search(rf"\b{name} ", drawing), f"{name} is missing in the tree of errors"


def test_the_whole_tree_stands_in_one_module() -> None:
    def below(class_: type[CanvasbackError]) -> Iterator[type[CanvasbackError]]:
        for child in class_.__subclasses__():
            yield child
            yield from below(child)

    assert {class_.__module__ for class_ in below(CanvasbackError)} == {"canvasback.errors"}


def test_what_an_error_says() -> None:
    error = canvasback.RefusedError("some-code", "it went wrong", hint="Do it better.")
    assert (error.code, error.message, error.hint, error.exit_code) == (
        "some-code",
        "it went wrong",
        "Do it better.",
        4,
    )
    assert str(error) == "it went wrong [some-code]"


@pytest.mark.parametrize(
    "name", ["ObjectExistsError", "ObjectMissingError", "ObjectLockedError", "NoSpaceError", "AccessDeniedError"]
)
def test_storage_errors_name_the_place(name: str) -> None:
    error = CLASSES[name]("/some/where")  # type: ignore[call-arg]
    assert "/some/where" in error.message
    assert KEBAB.fullmatch(error.code)
    assert not error.message[0].isupper()


# The source, scanned


@dataclass
class Made:
    """A place where the source makes an error or a finding; each text with `…` for what is computed."""

    where: str
    class_: str
    codes: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    advice: list[str] | None = None
    severities: list[str] = field(default_factory=list)


def texts(node: ast.expr | None, constants: dict[str, ast.expr]) -> list[str]:
    """All texts that an expression can be; one that cannot be told is `…`."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.JoinedStr):
        found = [""]
        for part in node.values:
            piece = texts(part, constants) if isinstance(part, ast.Constant) else ["…"]
            found = [start + end for start in found for end in piece]
        return found
    if isinstance(node, ast.IfExp):
        return texts(node.body, constants) + texts(node.orelse, constants)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return [a + b for a in texts(node.left, constants) for b in texts(node.right, constants)]
    if isinstance(node, ast.Name) and node.id in constants:
        return texts(constants[node.id], {})
    return ["…"]


def assigned(tree: ast.AST) -> dict[str, ast.expr]:
    """Names that are given a text somewhere, with the text."""
    return {
        target.id: node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name) and texts(node.value, {}) != ["…"]
    }


def scan() -> list[Made]:
    found = []
    for path in sorted(SOURCE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        constants = assigned(tree)
        for scope in [tree, *(n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef))]:
            local = constants | assigned(scope)
            for node in ast.walk(scope):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                    where = f"{path.relative_to(SOURCE)}:{node.lineno}"
                    made = read(node, node.func.id, where, local)
                    if made is not None:
                        found.append(made)
    return found


def read(node: ast.Call, class_: str, where: str, constants: dict[str, ast.expr]) -> Made | None:
    keywords = {keyword.arg: keyword.value for keyword in node.keywords}

    def argument(position: int, name: str) -> list[str] | None:
        value = node.args[position] if len(node.args) > position else keywords.get(name)
        return None if value is None else texts(value, constants)

    if class_ == "Finding":
        return Made(
            where,
            class_,
            argument(0, "code") or [],
            argument(3, "message") or [],
            argument(4, "cure"),
            argument(1, "severity") or [],
        )
    if class_ == "StorageError":
        return Made(where, class_, argument(99, "code") or [], argument(0, "message") or [], argument(99, "hint"))
    if class_ in CLASSES and class_ not in {
        "ObjectExistsError",
        "ObjectMissingError",
        "ObjectLockedError",
        "NoSpaceError",
        "AccessDeniedError",
    }:
        return Made(where, class_, argument(0, "code") or [], argument(1, "message") or [], argument(99, "hint"))
    return None


MADE = scan()


def known(found: list[str] | None) -> list[str]:
    return [text for text in found or [] if text != "…"]


def test_the_scan_sees_them() -> None:
    assert len(MADE) > 40
    assert {"Finding", "UsageError", "RefusedError", "CorruptError", "LakeError", "LockedError"} <= {
        m.class_ for m in MADE
    }
    assert sum(bool(known(made.messages)) for made in MADE) > 35


def test_codes_are_kebab_case() -> None:
    wrong = [(made.where, code) for made in MADE for code in known(made.codes) if not KEBAB.fullmatch(code)]
    assert wrong == []


def test_messages_begin_small_and_have_no_full_stop() -> None:
    wrong = []
    for made in MADE:
        for message in known(made.messages):
            begins = message[:1].islower() or message[:1] in "…'\"" or message.startswith(PROPER_NAMES)
            if not begins or message.endswith((".", "!")) or message != message.strip():
                wrong.append((made.where, message))
    assert wrong == []


def test_hints_and_cures_are_full_sentences() -> None:
    wrong = [
        (made.where, text)
        for made in MADE
        for text in known(made.advice)
        if not (text[:1].isupper() or text.startswith(("…", "docs/"))) or not text.endswith((".", "…"))
    ]
    assert wrong == []


def test_every_error_has_a_hint() -> None:
    # A storage error may have none: what the operating system says is all that is known.
    assert [made.where for made in MADE if made.class_ not in {"Finding", "StorageError"} and not made.advice] == []


def test_every_finding_that_matters_has_a_cure() -> None:
    assert [made.where for made in MADE if made.class_ == "Finding" and made.advice is None] == []


def test_severities_are_known() -> None:
    severities = Finding.__annotations__["severity"]
    assert severities == "Severity"
    assert {text for made in MADE for text in known(made.severities)} <= {"info", "warning", "error"}


def test_a_code_means_one_thing() -> None:
    """The same code is always of the same class of error, so that it always gives the same exit code."""
    exit_codes: dict[str, set[int]] = {}
    for made in MADE:
        if made.class_ != "Finding":
            for code in known(made.codes):
                exit_codes.setdefault(code, set()).add(CLASSES[made.class_].exit_code)
    assert {code: exits for code, exits in exit_codes.items() if len(exits) > 1} == {}
