"""Names of types, read strictly before they become a part of SQL.

The names come from catalogs and manifests, which somebody else may have written: one that is more than a name could
make a statement of ours do anything. So each is parsed, and what is no type is refused by its name. That a name is
well formed says nothing of whether its values can be carried.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

_PLAIN = frozenset({
    "BIGINT", "BIGNUM", "BINARY", "BIT", "BITSTRING", "BLOB", "BOOL", "BOOLEAN", "BPCHAR", "BYTEA", "CHAR", "DATE",
    "DATETIME", "DEC", "DECIMAL", "DOUBLE", "FLOAT", "FLOAT4", "FLOAT8", "GEOMETRY", "GUID", "HUGEINT", "INT", "INT1",
    "INT128", "INT16", "INT2", "INT32", "INT4", "INT64", "INT8", "INTEGER", "INTEGRAL", "INTERVAL", "JSON", "LOGICAL",
    "LONG", "NULL", "NUMERIC", "NVARCHAR", "OID", "REAL", "SHORT", "SIGNED", "SMALLINT", "STRING", "TEXT", "TIME",
    "TIMESTAMP", "TIMESTAMPTZ", "TIMESTAMPTZ_NS", "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMP_S", "TIMESTAMP_US",
    "TIMETZ", "TIME_NS", "TINYINT", "UBIGINT", "UHUGEINT", "UINT128", "UINT16", "UINT32", "UINT64", "UINT8",
    "UINTEGER", "USMALLINT", "UTINYINT", "UUID", "VARBINARY", "VARCHAR", "VARIANT", "VARINT",
})  # fmt: skip
"""DuckDB's types without arguments, under all of their names, up to 2.0."""

_WITH_WORDS = {
    "TIME": ("WITH TIME ZONE", "WITHOUT TIME ZONE"),
    "TIMESTAMP": ("WITH TIME ZONE", "WITHOUT TIME ZONE"),
    "DOUBLE": ("PRECISION",),
    "CHARACTER": ("VARYING",),
}

_DECIMALS = frozenset({"DECIMAL", "DEC", "NUMERIC"})
_DIGITS = 38
_TEXTS = frozenset({"VARCHAR", "CHAR", "BPCHAR", "TEXT", "STRING", "NVARCHAR"})
_DEEPEST = 100
_LONGEST = 1 << 20

_TOKEN = re.compile(
    r"""\s*(?:(?P<word>[A-Za-z_][A-Za-z0-9_]*)|(?P<number>[0-9]{1,9})|(?P<name>"(?:[^"\0]|"")*")"""
    r"""|(?P<text>'(?:[^'\0]|'')*')|(?P<mark>[(),\[\]]))""",
    re.ASCII,
)


_SHOWN = 80
"""As much of a text as a message repeats."""


class TypeNameError(ValueError):
    """A text is no name of a type."""

    def __init__(self, text: str) -> None:
        shown = text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
        super().__init__(f"{shown!r} is no name of a type")


def check_type(text: str) -> str:
    """See that a text is the name of a type of DuckDB's and nothing else.

    Args:
        text: The name as DuckDB spells it, such as ``DECIMAL(18,3)`` or ``STRUCT(a INTEGER, "b c" VARCHAR[])``.

    Returns:
        The same text.

    Raises:
        TypeNameError: It is none.
    """
    if not _is_type(text):
        raise TypeNameError(text)
    return text


def check_declared(text: str) -> str:
    """See that a text is a type as SQLite or PostgreSQL spells it in a column's declaration, and nothing else.

    Args:
        text: The type; SQLite knows columns without one.

    Returns:
        The same text.

    Raises:
        TypeNameError: It holds a clause besides the type, or anything that is none.
    """
    if text and not _is_declared(text) and not _is_type(text):
        raise TypeNameError(text)
    return text


@cache
def _is_type(text: str) -> bool:
    if len(text) > _LONGEST:
        return False
    try:
        parser = _Parser(_tokens(text))
        parser.type(0)
    except _NoTypeError:
        return False
    return parser.at_end


class _NoTypeError(Exception):
    """What was read is no type; never leaves this module."""


def _tokens(text: str) -> list[tuple[str, str]]:
    found, at = [], 0
    end = len(text.rstrip())
    while at < end:
        token = _TOKEN.match(text, at)
        if token is None or token.lastgroup is None:
            raise _NoTypeError
        found.append((token.lastgroup, token[token.lastgroup]))
        at = token.end()
    return found


class _Parser:
    """Reads one type from tokens."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = tokens
        self._at = 0

    @property
    def at_end(self) -> bool:
        """Whether nothing is left."""
        return self._at == len(self._tokens)

    def type(self, depth: int) -> None:
        """Read a type with its lengths of arrays."""
        if depth > _DEEPEST:
            raise _NoTypeError
        self._base(depth)
        while self._take("["):
            self._kind("number")
            self._must("]")

    def _base(self, depth: int) -> None:
        if not self.at_end and self._tokens[self._at] == ("name", '"NULL"'):  # the type of nothing but NULL
            self._at += 1
            return
        word = self._word()
        if word in {"STRUCT", "UNION", "ROW"}:
            self._list(lambda: self._field(depth))
        elif word == "MAP":
            self._must("(")
            self.type(depth + 1)
            self._must(",")
            self.type(depth + 1)
            self._must(")")
        elif word == "ENUM":
            self._list(self._text)
        else:
            self._scalar(word)

    def _scalar(self, word: str) -> None:
        for more in _WITH_WORDS.get(word, ()):
            if self._words(more.split()):
                return
        if word not in _PLAIN:
            raise _NoTypeError
        if word in _DECIMALS and self._take("("):
            width = self._number()
            scale = self._number() if self._take(",") else 0
            self._must(")")
            if not 1 <= width <= _DIGITS or scale > width:
                raise _NoTypeError
        elif word in _TEXTS and self._take("("):
            self._number()
            self._must(")")
        elif word == "GEOMETRY" and self._take("("):
            self._text()
            self._must(")")

    def _list(self, read: Callable[[], None]) -> None:
        self._must("(")
        read()
        while self._take(","):
            read()
        self._must(")")

    def _field(self, depth: int) -> None:
        if self._kind("name") is None:
            self._word()
        self.type(depth + 1)

    def _text(self) -> None:
        if self._kind("text") is None:
            raise _NoTypeError

    def _word(self) -> str:
        found = self._kind("word")
        if found is None:
            raise _NoTypeError
        return found.upper()

    def _number(self) -> int:
        found = self._kind("number")
        if found is None:
            raise _NoTypeError
        return int(found)

    def _words(self, wanted: list[str]) -> bool:
        """Read these words, all of them or none."""
        following = [(kind, text.upper()) for kind, text in self._tokens[self._at : self._at + len(wanted)]]
        if following != [("word", word) for word in wanted]:
            return False
        self._at += len(wanted)
        return True

    def _kind(self, kind: str) -> str | None:
        """Read a token of a kind, if that is what follows."""
        if self.at_end or self._tokens[self._at][0] != kind:
            return None
        self._at += 1
        return self._tokens[self._at - 1][1]

    def _take(self, mark: str) -> bool:
        if self.at_end or self._tokens[self._at] != ("mark", mark):
            return False
        self._at += 1
        return True

    def _must(self, mark: str) -> None:
        if not self._take(mark):
            raise _NoTypeError


_WORD = r"[^\W\d]\w*"
_NAME = rf'(?:{_WORD}|"(?:[^"\0]|"")+")'
_ARGUMENTS = rf"\s*\(\s*(?:[-+]?[0-9]+|{_WORD})(?:\s*,\s*(?:[-+]?[0-9]+|{_WORD}))*\s*\)"
_DECLARED = re.compile(
    rf"\s*{_NAME}(?:\.{_NAME})?(?:{_ARGUMENTS})?(?:\s+{_WORD}){{0,8}}(?:{_ARGUMENTS})?(?:\s*\[[0-9]*\]){{0,8}}\s*"
)
_CLAUSES = frozenset({
    "ALWAYS", "AS", "AUTOINCREMENT", "CHECK", "COLLATE", "COMPRESSION", "CONSTRAINT", "DEFAULT", "DEFERRABLE",
    "EXCLUDE", "FOREIGN", "GENERATED", "IDENTITY", "INITIALLY", "KEY", "NOT", "NULL", "ON", "PRIMARY", "REFERENCES",
    "STORAGE", "STORED", "UNIQUE", "USING", "VIRTUAL",
})  # fmt: skip
"""Words that begin something else than a type in the declaration of a column."""


@cache
def _is_declared(text: str) -> bool:
    if len(text) > _LONGEST or _DECLARED.fullmatch(text) is None:
        return False
    bare = re.sub(r'"(?:[^"]|"")*"', " ", text)
    return _CLAUSES.isdisjoint(word.upper() for word in re.findall(_WORD, bare))
