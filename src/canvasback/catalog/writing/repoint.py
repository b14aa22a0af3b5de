"""Pointing a catalog at other places: the same lake with its files elsewhere.

A catalog whose paths still lead to the original could delete the original's files through DuckLake's
cleanup. So every absolute path is replaced, and what was scheduled for deletion is forgotten.
"""

from __future__ import annotations

from canvasback.catalog.image import Image
from canvasback.catalog.reading.files import KINDS
from canvasback.model.relation import Relation, identifier, literal

_SCHEDULED = "ducklake_files_scheduled_for_deletion"
_URL = "file://"


def repoint(image: Image, old_root: str, new_root: str, moved: str | None, spelled: str = "") -> Image:
    """The image with its data path at ``new_root``.

    Args:
        image: The image.
        old_root: Where the data path was: an absolute folder or URL that ends in a slash.
        new_root: Where it is now, likewise.
        moved: A SELECT of ``kind``, ``file_id`` and ``location``, an absolute path, for the files whose new
            place does not follow from the data path; None where there are none.
        spelled: How the catalog is to spell the new data path, if not absolutely; it ends in a slash.
    """
    tables = image.tables
    if spelled and moved is not None:
        below = f"starts_with(location, {literal(new_root)})"
        shown = f"{literal(spelled)} || substr(location, {len(new_root) + 1})"
        moved = f"SELECT kind, file_id, CASE WHEN {below} THEN {shown} ELSE location END AS location FROM ({moved})"
    new_root = spelled or _written(image, new_root)
    replaced = {
        "ducklake_metadata": _with(
            tables["ducklake_metadata"],
            {"value": f"CASE WHEN key = 'data_path' THEN {literal(new_root)} ELSE value END"},
        )
    }
    for table, key, kind in (("ducklake_schema", "schema_id", "schema"), ("ducklake_table", "table_id", "table")):
        if image.has(table, "path"):
            own = f"{literal(f'{new_root}external/{kind}-')} || {key} || '/'"
            replaced[table] = _with(tables[table], {"path": _replaced_prefix("", old_root, new_root, own)})
    for kind, (table, key) in KINDS.items():
        if table in tables:
            replaced[table] = _move_files(tables[table], kind, key, old_root, new_root, moved)
    if _SCHEDULED in tables:
        none = tables[_SCHEDULED]
        replaced[_SCHEDULED] = Relation(none.name, none.columns, f"{none.select} LIMIT 0", none.primary_key)
    return image.transformed(replaced)


def repoint_statements(image: Image, old_root: str, new_root: str, spelled: str = "") -> list[str]:
    """Statements that do the same in place, to a live lake whose files are at the new place already.

    Files outside of the data path stay where they are. What was scheduled for deletion stays so at the new place;
    what was scheduled outside of the data path is forgotten, for it may be another's by now.

    Args:
        image: The catalog as it is.
        old_root: Where the data path was: an absolute folder or URL that ends in a slash.
        new_root: Where it is now, likewise.
        spelled: How the catalog is to spell that, if not absolutely; it ends in a slash.
    """
    new_root = spelled or new_root
    spelled = spelled or _written(image, new_root)
    scope = ' AND "scope" IS NULL' if image.has("ducklake_metadata", "scope") else ""
    statements = [f'UPDATE ducklake_metadata SET "value" = {literal(spelled)} WHERE "key" = \'data_path\'{scope}']
    absolute = "NOT coalesce(path_is_relative, true)"
    tables = ("ducklake_schema", "ducklake_table", *(table for table, _ in KINDS.values()), _SCHEDULED)
    statements += [
        f"UPDATE {table} SET path = {literal(new_root)} || substr(path, {len(old) + 1}) "
        f"WHERE {absolute} AND substr(path, 1, {len(old)}) = {literal(old)}"
        for table in tables
        if image.has(table, "path")
        for old in (old_root, _URL + old_root)
    ]
    if _SCHEDULED in image.tables:
        statements.append(
            f"DELETE FROM {_SCHEDULED} WHERE {absolute} AND substr(path, 1, {len(new_root)}) <> {literal(new_root)}"
        )
    return statements


def _written(image: Image, root: str) -> str:
    """Who writes paths as URLs reads only URLs."""
    return (_URL if image.data_path.startswith(_URL) and root.startswith("/") else "") + root


def folders_elsewhere(image: Image, old_root: str) -> list[str]:
    """The folders of schemas and tables that lie outside of the data path."""
    found: list[str] = []
    for table in ("ducklake_schema", "ducklake_table"):
        if image.has(table, "path"):
            rows = image.connection.execute(
                f"SELECT DISTINCT regexp_replace(path, '^file://', '') AS plain FROM ({image.tables[table].select}) "
                f"WHERE NOT coalesce(CAST(path_is_relative AS BOOLEAN), true) "
                f"AND NOT starts_with(plain, {literal(old_root)}) ORDER BY 1"
            ).fetchall()
            found += [path for (path,) in rows]
    return found


def _move_files(relation: Relation, kind: str, key: str, old_root: str, new_root: str, moved: str | None) -> Relation:
    if moved is None:
        return _with(relation, {"path": _replaced_prefix("", old_root, new_root, "path")})
    prefixed = _replaced_prefix("x.", old_root, new_root, "x.path")
    flag = next(c.type for c in relation.columns if c.name == "path_is_relative")  # a number in SQLite
    columns = {
        "path": f"coalesce(m.location, {prefixed})",
        "path_is_relative": f"CASE WHEN m.location IS NULL THEN x.path_is_relative ELSE CAST(false AS {flag}) END",
    }
    return _with(
        relation,
        columns,
        f"LEFT JOIN (SELECT file_id, location FROM ({moved}) WHERE kind = {literal(kind)}) m ON m.file_id = x.{key}",
    )


def _replaced_prefix(alias: str, old_root: str, new_root: str, otherwise: str) -> str:
    """A path expression: relative paths stay, absolute ones below the old root move, others become ``otherwise``."""
    plain = f"regexp_replace({alias}path, '^file://', '')"
    return (
        f"CASE WHEN coalesce(CAST({alias}path_is_relative AS BOOLEAN), true) THEN {alias}path "
        f"WHEN starts_with({plain}, {literal(old_root)}) "
        f"THEN {literal(new_root)} || substr({plain}, {len(old_root) + 1}) ELSE {otherwise} END"
    )


def _with(relation: Relation, expressions: dict[str, str], join: str = "") -> Relation:
    """The relation with some columns computed."""
    shown = ", ".join(
        f"{expressions[c.name]} AS {identifier(c.name)}" if c.name in expressions else f"x.{identifier(c.name)}"
        for c in relation.columns
    )
    return Relation(
        relation.name, relation.columns, f"SELECT {shown} FROM ({relation.select}) x {join}", relation.primary_key
    )
