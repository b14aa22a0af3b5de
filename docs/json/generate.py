"""Write the JSON schemas of what `--json` prints, from the types that it prints.

    python docs/json/generate.py

tests/test_docs.py fails while a schema here differs from what this script would write.
"""

from __future__ import annotations

import enum
import inspect
import json
import pkgutil
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec

from canvasback.model import protection, results
from canvasback.model.access_policy import Statement
from canvasback.model.finding import Finding
from canvasback.model.results.pitr_run import PitrEvent
from canvasback.model.results.watch import WatchEvent

FOLDER = Path(__file__).parent
DIALECT = "https://json-schema.org/draft/2020-12/schema"


class Error(msgspec.Struct, frozen=True, tag_field="schema", tag="canvasback.error/1"):
    """The command failed or was refused.

    Attributes:
        code: Stable kebab-case name; docs/errors.md lists them.
        message: What was wrong, and where.
        hint: What to do next, or empty.
    """

    code: str
    message: str
    hint: str


MODULES = [
    import_module(f"{package.__name__}.{module.name}")
    for package in (results, protection)
    for module in pkgutil.iter_modules(package.__path__)
]
TYPES = {
    kind.__name__: kind
    for kind in [Finding, Statement, Error, *(value for module in MODULES for value in vars(module).values())]
    if inspect.isclass(kind) and issubclass(kind, msgspec.Struct | enum.Enum)
}


def schemas() -> dict[str, str]:
    """The content of every schema file, by file name."""
    found = {}
    for kind in TYPES.values():
        config = getattr(kind, "__struct_config__", None)
        if config is not None and config.tag_field == "schema":
            name = str(config.tag).removeprefix("canvasback.").partition("/")[0]
            found[f"{name}.schema.json"] = json.dumps(_schema(kind), indent=2) + "\n"
    for name, events in (("watch", WatchEvent), ("pitr-run", PitrEvent)):  # each line is one of these
        found[f"{name}.schema.json"] = json.dumps(_schema(events), indent=2) + "\n"
    return found


def _schema(kind: Any) -> dict[str, Any]:
    schema = {"$schema": DIALECT, **msgspec.json.schema(kind)}
    for name, definition in schema["$defs"].items():
        summary, attributes = _described(TYPES[name])
        definition["description"] = summary
        for attribute, text in attributes.items():
            definition["properties"][attribute]["description"] = text
    return schema


def _described(kind: type) -> tuple[str, dict[str, str]]:
    """The first paragraph of a type's docstring, and what it says of each attribute."""
    text = inspect.getdoc(kind) or ""
    summary, _, attributes = text.partition("\n\nAttributes:\n")
    found = re.findall(r"^    (\w+): (.*(?:\n {8}.*)*)", attributes, re.MULTILINE)
    return " ".join(summary.split()), {name: " ".join(said.split()) for name, said in found}


def main() -> None:
    """Write the files, and remove those of types that are gone."""
    wanted = schemas()
    for path in FOLDER.glob("*.schema.json"):
        if path.name not in wanted:
            path.unlink()
    for name, content in wanted.items():
        (FOLDER / name).write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main()
