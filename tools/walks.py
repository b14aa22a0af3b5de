"""How far the name of a repository walks through the modules before it is where it is needed: `make walks`.

    python tools/walks.py

The walk of a parameter is read from the code alone, depth-first and in the order in which the code is written; all
branches are walked. The parameter goes on under other names: that of an assignment, of a parameter, of the store that
``….open(it)`` gives, of an object that took it in its constructor, of the attribute that holds it. What is read with
it, such as a manifest, is something else. A function that was passed already is not walked again.

- A *stay* is the time in one module, until a call hands the parameter to another one.
- A *return* is a stay in a module that it had left.

A struct, which has no ``__init__`` of its own, is where the parameter is put down: whoever takes a field out of it
hands that on, and what its own methods do with it is the work that it was brought for. So is any object of a lower room
that took it in its constructor: to ask it is no walk. A verb's own objects are followed. Nor is a store followed, of
which only the run knows the class: `storage` and `model`, which are below all, are no stays.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

STAYS: Final = 15
RETURNS: Final = 4
"""The most that a verb may have."""

VERBS: Final = ("backup", "restore", "heal", "salvage")
PARAMETER: Final = "repository"
GROUND: Final = ("storage", "model")

Given: TypeAlias = "dict[str | int, Held]"
"""Arguments that are the parameter, by place or name."""


@dataclass(frozen=True, eq=False)
class Module:
    """A source file: what it defines, and from where it takes what it imports."""

    name: str
    defined: dict[str, ast.FunctionDef | ast.ClassDef]
    imported: dict[str, tuple[str, str]]


@dataclass(frozen=True, eq=False)
class Definition:
    """A function or a class, where it is, and the class whose method it is."""

    module: Module
    node: ast.FunctionDef | ast.ClassDef
    owner: Definition | None = None

    @property
    def parameters(self) -> list[str]:
        """What it takes by place: a method without the object, a struct for its fields."""
        if isinstance(self.node, ast.ClassDef):
            fields = [node.target for node in self.node.body if isinstance(node, ast.AnnAssign)]
            return [target.id for target in fields if isinstance(target, ast.Name)]
        names = [argument.arg for argument in [*self.node.args.posonlyargs, *self.node.args.args]]
        return names[1:] if self.owner is not None else names

    def named(self, given: Given) -> dict[str | int, Held]:
        """Arguments by name."""
        names = dict(enumerate(self.parameters))
        return {names.get(key, key) if isinstance(key, int) else key: held for key, held in given.items()}


@dataclass(eq=False)
class Held:
    """The parameter; or an object of a class, or a tuple, with the fields that hold it."""

    of: Definition | None = None
    fields: dict[str | int, Held] = field(default_factory=dict)


class Package:
    """The modules of a package, read as they are asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._modules: dict[str, Module | None] = {}
        self.name = folder.name

    def module(self, name: str) -> Module | None:
        """A module by its dotted name; of a package, what its stub says if it has one."""
        if name not in self._modules:
            below = self._folder.parent.joinpath(*name.split("."))
            files = (below.with_suffix(".py"), below / "__init__.pyi", below / "__init__.py")
            found = next((path for path in files if path.is_file() and path.is_relative_to(self._folder)), None)
            self._modules[name] = self._read(name, found) if found is not None else None
        return self._modules[name]

    def _read(self, name: str, path: Path) -> Module:
        found = Module(name, {}, {})
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                found.defined[node.name] = node
            elif isinstance(node, ast.ImportFrom):
                origin = f"{name}." * node.level + (node.module or "")
                found.imported.update({alias.asname or alias.name: (origin, alias.name) for alias in node.names})
        return found

    def find(self, module: Module | None, name: str) -> Definition | Module | None:
        """What a name means in a module."""
        if module is None:
            return None
        if name in module.defined:
            return Definition(module, module.defined[name])
        origin, original = module.imported.get(name, ("", ""))
        return self.find(self.module(origin), original) or self.module(f"{origin}.{original}") if origin else None

    def method(self, of: Definition, name: str) -> Definition | None:
        """A method of a class, or of one that it rests on."""
        for node in of.node.body:
            if isinstance(node, ast.FunctionDef) and node.name == name:
                return Definition(of.module, node, of)
        named = of.node.bases if isinstance(of.node, ast.ClassDef) else []
        bases = [self.find(of.module, base.id) for base in named if isinstance(base, ast.Name)]
        found = (self.method(base, name) for base in bases if isinstance(base, Definition))
        return next(filter(None, found), None)


class Walk:
    """The walk of one parameter of one function.

    Attributes:
        package: Where it walks.
        stays: The modules in which it was, in order.
    """

    def __init__(self, package: Package, start: Definition, parameter: str) -> None:
        self.package = package
        self.stays: list[str] = []
        self._passed: dict[ast.AST, Held | None] = {}
        self.call(start, {parameter: Held()})

    @property
    def returns(self) -> int:
        """How many stays are in a module that it had left."""
        return len(self.stays) - len(set(self.stays))

    def call(self, function: Definition, given: Given) -> Held | None:
        """Go into a function; answer what of the parameter comes back."""
        name = function.module.name.removeprefix(f"{self.package.name}.")
        if name.partition(".")[0] in GROUND:
            return None
        if self.stays[-1:] != [name]:
            self.stays.append(name)
        if function.node not in self._passed:
            self._passed[function.node] = None
            self._passed[function.node] = Body(self, function, given).back
        return self._passed[function.node]


class Body:
    """A function, gone through once.

    Attributes:
        back: What of the parameter it returns.
    """

    def __init__(self, walk: Walk, function: Definition, given: Given) -> None:
        self._walk = walk
        self._function = function
        self._held = function.named(given)
        self.back: Held | None = None
        self._all(function.node.body)

    def _all(self, nodes: Iterable[ast.AST]) -> None:
        for node in nodes:
            self._value(node)

    def _value(self, node: ast.AST) -> Held | None:
        """What a piece of code is of the parameter. Calls in it are gone into."""
        held: Held | None = None
        match node:
            case ast.Name(id=name):
                held = self._held.get(name)
            case ast.Attribute(value=value, attr=name):
                held = self._attribute(self._value(value), name)
            case ast.Call():
                held = self._call(node)
            case ast.Tuple(elts=parts):
                items = _given(enumerate(map(self._value, parts)))
                held = Held(fields=items) if items else None
            case ast.IfExp() | ast.BoolOp():
                held = next(filter(None, [self._value(part) for part in ast.iter_child_nodes(node)]), None)
            case ast.Assign(value=value, targets=[target]) | ast.AnnAssign(value=ast.expr() as value, target=target):
                self._bind(target, self._value(value))
            case ast.withitem(context_expr=value, optional_vars=target):
                self._bind(target, self._value(value))
            case ast.Return(value=ast.expr() as value) | ast.Yield(value=ast.expr() as value):
                self.back = self._value(value) or self.back
            case ast.FunctionDef(body=body):  # one inside has what is outside, too; what it returns is its own
                back = self.back
                self._all(body)
                self.back = back
            case _:
                self._all(ast.iter_child_nodes(node))
        return held

    def _bind(self, target: ast.AST | None, held: Held | None) -> None:
        if held is None:
            return
        match target:
            case ast.Name(id=name):
                self._held[name] = held
            case ast.Attribute(value=ast.Name(id="self"), attr=name) if "self" in self._held:
                self._held["self"].fields[name] = held
            case ast.Tuple(elts=parts):
                for place, part in enumerate(parts):
                    self._bind(part, held.fields.get(place))

    def _attribute(self, held: Held | None, name: str) -> Held | None:
        if held is None:
            return None
        method = self._method(held, name)
        if method is not None and any("property" in ast.dump(mark) for mark in method.node.decorator_list):
            return self._walk.call(method, {"self": held})
        return held.fields.get(name)

    def _method(self, held: Held, name: str) -> Definition | None:
        """A method of an object that is no struct, and was not made in another room to have the parameter."""
        package, of = self._walk.package, held.of
        if of is None or package.method(of, "__init__") is None:
            return None
        return package.method(of, name) if _room(of.module) == _room(self._function.module) else None

    def _call(self, node: ast.Call) -> Held | None:
        owner = self._value(node.func.value) if isinstance(node.func, ast.Attribute) else None
        given = _given(enumerate(map(self._value, node.args)))
        given |= _given((keyword.arg or "", self._value(keyword.value)) for keyword in node.keywords)
        called = self._called(node.func, owner)
        if called is None:  # nobody knows what it is: a store is opened, or a context entered
            goes_on = isinstance(node.func, ast.Attribute) and node.func.attr in {"open", "enter_context"}
            return given.get(0) if goes_on else None
        if not given and owner is None:
            return None
        if isinstance(called.node, ast.FunctionDef):
            return self._walk.call(called, given if owner is None else {**given, "self": owner})
        made = Held(called)
        init = self._walk.package.method(called, "__init__")
        if init is None:
            made.fields = called.named(given)
        else:
            self._walk.call(init, {**given, "self": made})
        return made if made.fields else None

    def _called(self, node: ast.expr, owner: Held | None) -> Definition | None:
        """The function or class that is called, as far as the code tells."""
        package, here = self._walk.package, self._function
        found: Definition | Module | None = None
        match node:
            case ast.Name(id=name):
                found = package.find(here.module, name)
            case ast.Attribute(value=ast.Name(id="self"), attr=name) if here.owner is not None:
                found = package.method(here.owner, name)
            case ast.Attribute(attr=name) if owner is not None:
                found = self._method(owner, name)
            case ast.Attribute(value=ast.Name(id=origin), attr=name):
                source = package.find(here.module, origin)
                found = package.find(source, name) if isinstance(source, Module) else None
        return found if isinstance(found, Definition) else None


def _room(module: Module) -> str:
    """A module; all those of one verb are one."""
    package, _, verb = module.name.partition(".verbs.")
    return f"{package}.{verb.partition('.')[0]}" if verb else module.name


def _given(values: Iterable[tuple[str | int, Held | None]]) -> Given:
    return {key: held for key, held in values if held is not None}


def walk_of(package: Package, verb: str) -> Walk:
    """The walk of the repository in a verb, which the package shows.

    Raises:
        LookupError: There is no such verb.
    """
    start = package.find(package.module(package.name), verb)
    if isinstance(start, Definition):
        return Walk(package, start, PARAMETER)
    raise LookupError(verb)


def main(package: Package) -> int:
    """Print a line for each verb; answer 1 if one is above the bounds."""
    above = False
    for verb in VERBS:
        walk = walk_of(package, verb)
        print(f"{verb:7} {len(walk.stays):3} stays {walk.returns:3} returns")
        above |= len(walk.stays) > STAYS or walk.returns > RETURNS
    if above:
        print(f"at most {STAYS} stays and {RETURNS} returns: hand on what was found out, not the {PARAMETER}")
    return int(above)


if __name__ == "__main__":
    sys.exit(main(Package(Path(__file__).parents[1] / "src" / "canvasback")))
