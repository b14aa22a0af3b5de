"""Configurations of Terraform, written from values.

Source: HashiCorp, "Terraform Language, Configuration Syntax".
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec


class Expression(msgspec.Struct, frozen=True):
    """What Terraform works out, such as a name of another resource; written as it is.

    Attributes:
        text: The expression.
    """

    text: str


class Block(msgspec.Struct, frozen=True):
    """A block of a configuration.

    Attributes:
        kind: Its first word.
        labels: What follows that, in quotes.
        body: Its arguments by name; an argument that is a `Block`, or several of them, is a block inside.
        note: What stands above it, for people.
    """

    kind: str
    labels: tuple[str, ...] = ()
    body: Mapping[str, Any] = {}
    note: str = ""


def resource(kind: str, name: str, body: Mapping[str, Any], note: str = "") -> Block:
    """A resource."""
    return Block("resource", (kind, name), body, note)


def imported(kind: str, name: str, id_: str) -> Block:
    """What tells Terraform that a resource is there already."""
    return Block("import", (), {"to": Expression(f"{kind}.{name}"), "id": id_})


def as_json(content: Any) -> Expression:
    """A document that a resource takes as JSON."""
    return Expression(f"jsonencode({_value(content, 1)})")


def configuration(blocks: Iterable[Block]) -> tuple[str, ...]:
    """The blocks as lines of text, with an empty one between them."""
    lines: list[str] = []
    for block in blocks:
        lines += [""] if lines else []
        lines += "\n".join(_block(block, 0)).split("\n")
    return tuple(lines)


def _block(block: Block, depth: int) -> Iterator[str]:
    indent = "  " * depth
    if block.note:
        yield f"{indent}# {block.note}"
    yield f"{indent}{' '.join([block.kind, *map(_text, block.labels)])} {{"
    for name, value in block.body.items():
        inner = value if isinstance(value, list | tuple) else [value]
        if inner and all(isinstance(one, Block) for one in inner):
            for one in inner:
                yield from _block(one, depth + 1)
        else:
            yield f"{indent}  {name} = {_value(value, depth + 1)}"
    yield f"{indent}}}"


def _value(value: Any, depth: int) -> str:
    indent = "  " * depth
    match value:
        case Expression():
            return value.text
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case list() | tuple():
            return f"[{', '.join(_value(one, depth) for one in value)}]"
        case dict():
            lines = [f"{indent}  {_text(name)} = {_value(one, depth + 1)}" for name, one in value.items()]
            return "\n".join(["{", *lines, f"{indent}}}"])
        case _:
            return _text(str(value))


def _text(text: str) -> str:
    """In quotes; what would begin an expression inside of them is doubled."""
    return json.dumps(text, ensure_ascii=False).replace("${", "$${").replace("%{", "%%{")
