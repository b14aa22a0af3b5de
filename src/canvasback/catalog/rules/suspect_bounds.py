"""Which columns' bounds need a closer look, by one pass over what most of a large catalog is: statistics of files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from weakref import WeakKeyDictionary

from canvasback.catalog.image import Image
from canvasback.catalog.logical import scalar_type
from canvasback.catalog.reading.table_states import visible
from canvasback.model.relation import literal

Column = tuple[int, int]
"""The id of a table, and that of its column."""

_UNORDERED = frozenset({"BLOB", "INTERVAL", "JSON", "VARCHAR"})
"""Types whose bounds are no values, or texts that may be cut off."""

_HOLDERS = {
    **dict.fromkeys(("BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "UTINYINT", "USMALLINT", "UINTEGER"), "BIGINT"),
    "FLOAT": "DOUBLE",
    "DATE": "TIMESTAMP",
}
"""Types that hold the values of others in the same order: the fewer types, the less work is done for each row."""

_found: WeakKeyDictionary[Image, frozenset[Column]] = WeakKeyDictionary()


def live_types(image: Image) -> dict[str, list[str]]:
    """The types of live columns whose bounds can be compared, as DuckDB calls them; and how the catalog does."""
    spellings: dict[str, list[str]] = {}
    for (name,) in image.rows(
        f"SELECT DISTINCT column_type FROM {{ducklake_column}} c WHERE {visible('c', image.head()[0])} ORDER BY 1"
    ):
        type_ = scalar_type(name or "")
        if type_ is not None and type_ not in _UNORDERED:
            spellings.setdefault(type_, []).append(name)
    return spellings


def suspect_columns(image: Image, statistics: str) -> frozenset[Column]:
    """The live columns of which some file's bounds may be no values, reversed, or outside of the table's bounds.

    Those of all other columns are none of these. More columns than needed are named where only files are at fault that
    no snapshot sees any more. The answer is kept as long as the image is.

    Args:
        image: The catalog in DuckDB's dialect.
        statistics: The table of statistics of files.
    """
    if image not in _found:
        _found[image] = frozenset(_look(image, statistics))
    return _found[image]


def _look(image: Image, statistics: str) -> Iterator[Column]:
    kinds = ""
    held: dict[str, list[tuple[int, str]]] = {}
    for number, (type_, names) in enumerate(live_types(image).items()):
        kinds += f" WHEN column_type IN ({', '.join(map(literal, names))}) THEN {number}"
        held.setdefault(_HOLDERS.get(type_, type_), []).append((number, type_))
    if not held:
        return
    values, found, faults, counts = [], [], [], []
    for place, (holder, types) in enumerate(held.items()):
        low, high = _value("min_value", holder, types), _value("max_value", holder, types)
        values += [f"{low} AS low{place}", f"{high} AS high{place}"]
        found += [f"min(low{place}) AS low{place}", f"max(high{place}) AS high{place}"]
        found.append(f"bool_or(low{place} > high{place}) AS reversed{place}")
        counts.append(f"count(low{place}) + count(high{place})")
        faults += [f"low{place} < {low}", f"high{place} > {high}", f"reversed{place}"]
    columns = f"""
        SELECT table_id, column_id, (CASE {kinds} END)::INTEGER AS kind FROM {{ducklake_column}} c
        WHERE {visible("c", image.head()[0])} AND kind IS NOT NULL
    """
    yield from image.rows(
        f"""
        SELECT DISTINCT table_id, column_id FROM (
            SELECT table_id, column_id, kind, {", ".join(found)},
                count(min_value) + count(max_value) > {" + ".join(counts)} AS unfit
            FROM (
                SELECT table_id, column_id, kind, min_value, max_value, {", ".join(values)}
                FROM {{{statistics}}} x JOIN ({columns}) USING (table_id, column_id)
            ) GROUP BY ALL
        ) LEFT JOIN {{ducklake_table_column_stats}} t USING (table_id, column_id)
        WHERE unfit OR {" OR ".join(faults)}
        """
    )


def _value(bound: str, holder: str, types: Sequence[tuple[int, str]]) -> str:
    """An expression: a bound as a value of its column's type; NULL where that is another than these."""
    whens = (f"WHEN {number} THEN TRY_CAST(TRY_CAST({bound} AS {type_}) AS {holder})" for number, type_ in types)
    return f"CASE kind {' '.join(whens)} END"
