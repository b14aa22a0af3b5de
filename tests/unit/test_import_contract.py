"""The picture of the house, held: what may import what, and what a module may be, in src/canvasback."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "canvasback"

# A module imports its own part of the house and parts of a lower number, so `repository` and `catalog` never
# import each other. The root package is the public API: it shows the verbs, and only cli is above it.
LEVELS = {
    "__about__": 0,
    "errors": 0,
    "model": 1,
    "storage": 2,
    "clouds": 3,
    "catalog": 4,
    "repository": 4,
    "postgres": 5,
    "datapath": 6,
    "parquet": 7,
    "history": 8,
    "transfer": 9,
    "checks": 10,
    "verbs": 11,
    "": 12,
    "cli": 13,
    "__main__": 14,
}
STORES = {"storage.local.store", "storage.bucket.store", "storage.http"}
"""The kinds of stores, which nobody above storage tells apart."""
FORBIDDEN_NAMES = {"utils", "helpers", "common", "base"}
ENVIRONMENT = {"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv"}
LONGEST = 350


@dataclass(frozen=True)
class Module:
    """One source file."""

    name: str
    """Dotted, relative to canvasback; the root package itself is the empty string."""
    text: str
    is_package: bool = False
    stub: bool = False
    """Whether it says what the package has, which is loaded when it is asked for."""

    @property
    def part(self) -> str:
        """The part of the house that the module belongs to."""
        return self.name.split(".")[0]

    @property
    def tree(self) -> ast.Module:
        """The parsed file."""
        return ast.parse(self.text, self.name)


def load() -> list[Module]:
    """Read every module of the package.

    Raises:
        AssertionError: There are none, so that no contract holds for want of anything to hold it.
    """
    modules = []
    for path in sorted([*SOURCE.rglob("*.py"), *SOURCE.rglob("*.pyi")]):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        modules.append(Module(name, path.read_text(encoding="utf-8"), is_package, path.suffix == ".pyi"))
    assert modules, f"no modules in {SOURCE}"
    return modules


def imported(module: Module) -> list[str]:
    """List what a module imports of canvasback, dotted and relative to it, in any place and form."""
    package = ["canvasback", *module.name.split(".")] if module.name else ["canvasback"]
    if not module.is_package:
        package = package[:-1]
    found: list[str] = []
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            up = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*up, *([node.module] if node.module else [])])
            if origin == "canvasback":
                # `from canvasback import model` names a part; any other name is of the public API.
                parts = {alias.name for alias in node.names if alias.name in LEVELS}
                found += [f"canvasback.{part}" for part in parts]
                found += ["canvasback"] if len(parts) < len(node.names) else []
            else:
                found.append(origin)
    return [
        name.removeprefix("canvasback").removeprefix(".")
        for name in found
        if name == "canvasback" or name.startswith("canvasback.")
    ]


def imported_names(module: Module) -> list[tuple[str, str]]:
    """List what a module takes from others of canvasback: from which, and what of it."""
    return [
        (node.module.removeprefix("canvasback").removeprefix("."), alias.name)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ImportFrom) and not node.level and node.module
        if node.module.split(".")[0] == "canvasback"
        for alias in node.names
    ]


def upward_imports(module: Module) -> list[str]:
    """List the imports that do not point down."""
    if module.part not in LEVELS:
        return [f"{module.name} belongs to no part of the house"]
    return [
        f"{module.name or 'canvasback'} imports {name or 'canvasback'}"
        for name in imported(module)
        if name.split(".")[0] != module.part
        and LEVELS.get(name.split(".")[0], max(LEVELS.values())) >= LEVELS[module.part]
    ]


def chosen_stores(module: Module) -> list[str]:
    """List the imports of one kind of store where any will do: what differs between them the contract tells."""
    if module.part in {"errors", "model", "storage"}:
        return []
    return [f"{module.name} imports {name}" for name in imported(module) if name in STORES]


def other_verbs(module: Module) -> list[str]:
    """List the imports by which one verb rests on another: what both need belongs below them."""
    if module.part != "verbs":
        return []
    own = module.name.split(".")[1:2]
    found = [f"{origin}.{name}" for origin, name in imported_names(module)]
    return [
        f"{module.name} imports {name}"
        for name in found
        if re.match(r"verbs\.\w", name) and name.split(".")[1:2] != own
    ]


def circles(modules: list[Module]) -> list[str]:
    """List the modules that import each other in a circle, in any place of theirs, and those between such."""
    names = {module.name for module in modules}
    graph: dict[str, set[str]] = {}
    for module in (module for module in modules if not module.stub):
        taken = {f"{a}.{b}" if f"{a}.{b}" in names else a for a, b in imported_names(module)}
        graph[module.name] = taken - {module.name, ""}
    while True:  # what imports nothing, and what nothing imports, is in no circle
        wanted = {name for taken in graph.values() for name in taken}
        left = {name: taken & graph.keys() for name, taken in graph.items() if name in wanted and taken & graph.keys()}
        if left == graph:
            return sorted(graph)
        graph = left


def environment_reads(module: Module) -> list[str]:
    """List the places where a module outside cli reads or changes the environment."""
    # Azure's library leaves it to programs to read the variables of its own convention.
    if module.part in {"cli", "__main__"} or module.name == "storage.bucket.azure":
        return []
    nodes = list(ast.walk(module.tree))
    aliases = {
        alias.asname or alias.name
        for node in nodes
        if isinstance(node, ast.Import)
        for alias in node.names
        if alias.name == "os"
    }
    lines = [
        node.lineno
        for node in nodes
        if isinstance(node, ast.Attribute)
        and node.attr in ENVIRONMENT
        and isinstance(node.value, ast.Name)
        and node.value.id in aliases
    ] + [
        node.lineno
        for node in nodes
        if isinstance(node, ast.ImportFrom)
        and node.module == "os"
        and any(alias.name in {*ENVIRONMENT, "*"} for alias in node.names)
    ]
    return [f"{module.name}:{line}" for line in lines]


def forbidden_names(module: Module) -> list[str]:
    """List the words in a module's name that say nothing about it."""
    return [part for part in module.name.split(".") if part.strip("_") in FORBIDDEN_NAMES]


def exported(module: Module) -> list[str]:
    """Return the literal `__all__` of a module."""
    (value,) = (
        node.value
        for node in module.tree.body
        if isinstance(node, ast.Assign)
        and [target.id for target in node.targets if isinstance(target, ast.Name)] == ["__all__"]
    )
    names: list[str] = ast.literal_eval(value)
    return names


def test_every_part_of_the_house_is_there() -> None:
    found = {module.part for module in load()}
    assert found >= LEVELS.keys() - {"__about__", "__main__"}


def test_imports_point_down() -> None:
    modules = load()
    assert any(imported(module) for module in modules), "no module imports another: the check sees nothing"
    assert [line for module in modules for line in upward_imports(module)] == []


def test_nobody_above_storage_asks_which_store_it_is() -> None:
    assert [line for module in load() for line in chosen_stores(module)] == []
    assert chosen_stores(Module("verbs.watch", "from canvasback.storage.local.store import LocalStore"))


def test_no_verb_imports_another() -> None:
    assert [line for module in load() for line in other_verbs(module)] == []


def test_no_modules_import_each_other() -> None:
    assert circles(load()) == []


def test_only_cli_reads_the_environment() -> None:
    assert [line for module in load() for line in environment_reads(module)] == []


def test_names_say_what_a_module_is() -> None:
    assert [module.name for module in load() if forbidden_names(module)] == []


def test_files_are_short() -> None:
    lengths = {module.name: len(module.text.splitlines()) for module in load()}
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}


def test_public_names_are_sorted() -> None:
    (root,) = (module for module in load() if not module.name and module.stub)
    names = exported(root)
    assert names
    assert names == sorted(set(names))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("repository.chunks", "from canvasback.catalog import image"),
        ("catalog.image", "import canvasback.repository.chunks"),
        ("catalog.image", "from ..repository import chunks"),
        ("catalog.image", "from .. import repository"),
        ("model.lake", "def f():\n    from canvasback.storage import local"),
        ("model.lake", "if TYPE_CHECKING:\n    from canvasback import storage"),
        ("errors", "from .model import lake"),
        ("verbs.backup", "from canvasback import backup"),
        ("verbs.backup", "from canvasback.cli.app import main"),
        ("", "from canvasback.cli import app"),
        ("errors", "import canvasback.unknown"),
        ("unknown", ""),
    ],
)
def test_an_upward_import_is_noticed(name: str, text: str) -> None:
    assert upward_imports(Module(name, text, is_package=not name))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("repository.chunks", "from canvasback.storage import local"),
        ("repository.chunks", "from . import layout\nfrom ..errors import CanvasbackError"),
        ("cli.app", "from canvasback import __version__, verbs"),
        ("verbs.backup", "from canvasback import __about__, catalog, repository\nimport json"),
    ],
)
def test_a_downward_import_is_allowed(name: str, text: str) -> None:
    assert upward_imports(Module(name, text)) == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("verbs.watch", "from canvasback.verbs.backup import backup"),
        ("verbs.watch", "from canvasback.verbs import backup"),
        ("verbs.heal.copies", "def f():\n    from canvasback.verbs.salvage.verb import salvage"),
    ],
)
def test_a_verb_on_another_is_noticed(name: str, text: str) -> None:
    assert other_verbs(Module(name, text))


def test_a_verb_may_rest_on_its_own_parts_and_on_what_is_below() -> None:
    text = "from canvasback.checks.copies import Copies\nfrom canvasback.transfer import placement"
    assert other_verbs(Module("verbs.heal.verb", text)) == []


def test_a_circle_is_noticed() -> None:
    one = Module("catalog.image", "def f():\n    from canvasback.catalog.spec import g")
    other = Module("catalog.spec", "from canvasback.catalog import image")
    user = Module("catalog.blank", "from canvasback.catalog.image import Image")
    assert circles([one, other, user]) == ["catalog.image", "catalog.spec"]
    assert circles([one, user]) == []


@pytest.mark.parametrize(
    "text",
    [
        "import os\nos.environ['HOME']",
        "import os as system\nsystem.getenv('HOME')",
        "from os import environ",
        "from os import *",
    ],
)
def test_a_read_of_the_environment_is_noticed(text: str) -> None:
    assert environment_reads(Module("storage.local", text))
    assert environment_reads(Module("cli.app", text)) == []


@pytest.mark.parametrize("name", ["storage.utils", "catalog._base", "verbs.common.backup"])
def test_an_empty_name_is_noticed(name: str) -> None:
    assert forbidden_names(Module(name, ""))
