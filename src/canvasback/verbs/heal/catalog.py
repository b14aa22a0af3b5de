"""Mending a catalog: each kind of damage by itself, where that provably changes nothing that a reader could see."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from canvasback.catalog.dialects import in_dialect
from canvasback.catalog.engines import Engine
from canvasback.catalog.image import Image
from canvasback.catalog.rules import check_catalog
from canvasback.catalog.rules.rule import Fault, Rule
from canvasback.catalog.writing.edits import Edit, statements
from canvasback.catalog.writing.unchanged import expected_of
from canvasback.checks import catalog_repairs
from canvasback.checks.damaged_files import DamagedFiles
from canvasback.model.results.heal import CatalogRepair
from canvasback.storage.locations import Stores
from canvasback.verbs.heal.next_row_id import next_row_id


class Planned(msgspec.Struct, frozen=True):
    """A repair of one kind of damage.

    Attributes:
        repair: What it is.
        edits: What becomes of the catalog.
    """

    repair: CatalogRepair
    edits: list[Edit]


def planned_repairs(image: Image, faults: Sequence[tuple[Rule, Fault]], damaged: DamagedFiles) -> list[CatalogRepair]:
    """What can be mended of a catalog, in the order in which it is done."""
    found = [
        CatalogRepair(code=rule.kind.code, faults=len(of_rule), words=rule.repair.words)
        for rule, of_rule in _by_rule(faults)
        if rule.repair
    ]
    return found + [planned.repair for planned in _file_rows(image, damaged)]


def repair_rules(engine: Engine, root: str, stores: Stores) -> list[CatalogRepair]:
    """Mend what rules find, one rule after the other: each in a transaction, and from a fresh look at the catalog.

    Args:
        engine: The catalog.
        root: The data path, where files tell what a repair needs to know.
        stores: How to reach them.

    Raises:
        LockedError: Somebody has the catalog open, or changed it meanwhile; what was mended before stays.
    """
    done: list[CatalogRepair] = []
    tried: set[str] = set()
    while True:
        with engine.read() as stored:
            image = in_dialect(stored, "duckdb")
            faults = _by_rule(list(check_catalog(image)))
            todo = [(rule, of_rule) for rule, of_rule in faults if rule.repair and rule.kind.code not in tried]
            if not todo:
                return done
            rule, of_rule = todo[0]
            assert rule.repair is not None  # see above
            tried.add(rule.kind.code)
            if rule.repair.next_row_id:
                of_rule = _with_row_ids(image, of_rule, root, stores)
                if not of_rule:
                    continue  # what cannot be proved is left as it is
            engine.change(statements(rule.repair.edits(image, of_rule)), expected_of(image))
            done.append(CatalogRepair(code=rule.kind.code, faults=len(of_rule), words=rule.repair.words))


def repair_file_rows(engine: Engine, image: Image, damaged: DamagedFiles) -> list[CatalogRepair]:
    """Mend what the catalog says wrongly of files that are whole.

    Args:
        engine: The catalog.
        image: The same in DuckDB's dialect.
        damaged: What is wrong with its files.
    """
    done = []
    for planned in _file_rows(image, damaged):
        engine.change(statements(planned.edits), expected_of(image))
        done.append(planned.repair)
    return done


def _with_row_ids(image: Image, faults: Sequence[Fault], root: str, stores: Stores) -> list[Fault]:
    """The faults of those tables whose next row id can be proved, with it."""
    found = []
    for fault in faults:
        next_ = None if fault.table_id is None else next_row_id(image, fault.table_id, root, stores)
        if next_ is not None:
            found.append(msgspec.structs.replace(fault, ids=(next_,)))
    return found


def _file_rows(image: Image, damaged: DamagedFiles) -> list[Planned]:
    return [
        Planned(CatalogRepair(code=code, faults=files, words=words), edits)
        for code, files, words, edits in catalog_repairs(image, list(damaged.each("NOT lost")))
    ]


def _by_rule(faults: Sequence[tuple[Rule, Fault]]) -> list[tuple[Rule, list[Fault]]]:
    found: dict[str, tuple[Rule, list[Fault]]] = {}
    for rule, fault in faults:
        found.setdefault(rule.kind.code, (rule, []))[1].append(fault)
    return list(found.values())
