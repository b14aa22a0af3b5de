"""The judge of answers: whether a lake's own tables answer like copies of them.

`SELECT *` reads files. Much else DuckLake answers from its catalog: counts, `min` and `max`, and filters, which are
decided by statistics of tables and of files before a file is opened. So the truth is a copy of each table, made by
reading all of it, and the judge asks both the same questions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import duckdb

from tests.lake.judged_before import states

__all__ = ["wrong_answers"]

_COPY = "answers_of_the_copy"
_WITHOUT_ORDER = ("GEOMETRY", "VARIANT")
"""Types whose values have no order that statistics could know."""

_STEPS = {
    **dict.fromkeys(("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"), "1"),
    **dict.fromkeys(("FLOAT", "DOUBLE", "DATE"), "1"),
    **dict.fromkeys(("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"), "INTERVAL 1 SECOND"),
}
"""What one adds to a value, and takes off, to be outside: of the other types but texts and decimals, nothing is.

Files keep 128-bit integers as floats, so of those DuckLake itself cannot tell neighbours apart.
"""

_OPERATORS = {"low": ("=", "<=", ">"), "high": ("=", ">=", "<"), "middle": ("=", "<=", ">"), "below": "=", "above": "="}
"""By place of a sample among the values, the comparisons with it that statistics could answer wrongly."""
_FEW = dict.fromkeys(("low", "high", "middle"), "=")
"""Those that find each bound that leaves a value out: what is equal to a value lies on neither side of a bound."""


@dataclass(frozen=True)
class _Asked:
    """An expression on a table, and the type of its values."""

    sql: str
    type: str

    @property
    def ordered(self) -> bool:
        return not any(word in self.type for word in _WITHOUT_ORDER)


def wrong_answers(
    connection: duckdb.DuckDBPyConnection, lake: str = "lake", *, thorough: bool = True, passed: set[str] | None = None
) -> list[str]:
    """Compare what every table of an attached lake answers with what a copy of it answers.

    Asked are counts of all rows and of NULLs, `min`, `max`, groups, sums, and how many rows are equal, less or greater
    than the least, the greatest, one in the middle, and values just outside: of each column, of the fields of structs,
    of the first elements of lists and the first keys and values of maps, and of the fields of shredded variants.

    Args:
        connection: Has the lake attached.
        lake: The name under which it is.
        thorough: Whether all is asked, or of each column just what finds bounds that are too narrow or too wide.
        passed: The states of tables, as `tests.lake.judged_before` tells them, that have answered rightly: these are
            not asked again, and others that do are added.

    Returns:
        One line for each answer that is not right.
    """
    tables = connection.execute(
        "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = ? ORDER BY ALL", [lake]
    ).fetchall()
    known = states(connection, lake) if passed is not None else {}
    wrong = []
    for schema, table in tables:
        state = known.get((schema, table))
        if passed is not None and state in passed:
            continue
        quoted = ".".join(map(_quoted, (lake, schema, table)))
        found = [*_wrong(connection, quoted, f"{schema}.{table}", thorough=thorough)]
        if passed is not None and state is not None and not found:
            passed.add(state)
        wrong += found
    return wrong


def _wrong(connection: duckdb.DuckDBPyConnection, table: str, name: str, *, thorough: bool) -> Iterator[str]:
    try:
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {_COPY} AS SELECT * FROM {table}")
    except duckdb.Error as error:
        yield f"{name}: cannot be read: {error}"
        return
    copy = f"temp.{_COPY}"
    columns = connection.execute(f"DESCRIBE {copy}").fetchall()
    questions, sums = ["(SELECT count(*) FROM {})"], list[str]()
    for column, type_, *_ in columns:
        for asked in _parts(connection, _Asked(_quoted(column), type_)):
            questions += [f"({question})" for question in _questions(connection, asked, thorough=thorough)]
            sums += _sums(asked)
    for start in range(0, len(questions), 32):
        yield from _compared(connection, table, name, questions[start : start + 32])
    yield from _compared(connection, table, name, sums, " FROM {}")  # all of a table are one scan of it
    connection.execute(f"DROP TABLE {copy}")


def _compared(
    connection: duckdb.DuckDBPyConnection, table: str, name: str, questions: list[str], rest: str = ""
) -> Iterator[str]:
    def ask(of: str, some: list[str]) -> tuple[object, ...]:
        shown = ", ".join(f"CAST({question.format(of)} AS VARCHAR)" for question in some)
        [answers] = connection.execute(f"SELECT {shown}{rest.format(of)}").fetchall()
        return tuple(answers)

    right = ask(f"temp.{_COPY}", questions)
    try:
        given = ask(table, questions)
    except duckdb.Error:
        given = ()
    for place, question in enumerate(questions):
        shown = (question + rest).format(name).replace("{", "").replace("}", "")
        if given:
            answer = given[place]
        else:  # one of them fails: which does?
            try:
                [answer] = ask(table, [question])
            except duckdb.Error as error:
                answer = f"an error, {str(error).splitlines()[0]}"
        if answer != right[place]:
            yield f"{name}: {shown}: {answer} for {right[place]}"


def _sums(asked: _Asked) -> Iterator[str]:
    """What is counted and added of all rows: statistics say whether there are NULLs, and whether a sum may overflow."""
    value = _escaped(asked.sql)
    yield f"count({value})"
    if asked.type.endswith("INT") or asked.type == "INTEGER":
        yield f"sum({value})"


def _questions(connection: duckdb.DuckDBPyConnection, asked: _Asked, *, thorough: bool) -> Iterator[str]:
    value = _escaped(asked.sql)
    yield f"SELECT count(*) FROM {{}} WHERE {value} IS NULL"
    if not asked.ordered:
        if asked.type == "GEOMETRY":
            yield from _places(connection, asked)
        return
    yield f"SELECT min({value}) FROM {{}}"
    yield f"SELECT max({value}) FROM {{}}"
    yield f"SELECT count(*) FROM (SELECT {value} FROM {{}} GROUP BY 1)"
    for place, sample in _samples(connection, asked).items():
        for operator in (_OPERATORS if thorough else _FEW).get(place, ()):
            yield f"SELECT count(*) FROM {{}} WHERE {value} {operator} {_escaped(sample)}"


def _samples(connection: duckdb.DuckDBPyConnection, asked: _Asked) -> dict[str, str]:
    """Constants to compare with, by their places among the values."""
    [(low, high, middle)] = connection.execute(
        f"SELECT CAST(min({asked.sql}) AS VARCHAR), CAST(max({asked.sql}) AS VARCHAR), "
        f"(SELECT CAST({asked.sql} AS VARCHAR) FROM temp.{_COPY} WHERE {asked.sql} IS NOT NULL ORDER BY {asked.sql} "
        f"LIMIT 1 OFFSET (SELECT count({asked.sql}) // 2 FROM temp.{_COPY})) FROM temp.{_COPY}"
    ).fetchall()
    if low is None:
        return {"middle": f"CAST('1' AS {asked.type})"} if asked.type in _STEPS and asked.type[0] not in "DT" else {}
    samples = {
        place: f"CAST({_literal(text)} AS {asked.type})"
        for place, text in (("low", low), ("high", high), ("middle", middle))
        if place != "middle" or text not in {low, high}
    }
    if asked.type == "VARCHAR":
        return {**samples, "below": "''", "above": _literal(high + "~")}
    step = f"1::{asked.type}" if asked.type.startswith("DECIMAL") else _STEPS.get(asked.type, "")
    if step and _fits(connection, step):
        outside = {"below": f"{samples['low']} - {step}", "above": f"{samples['high']} + {step}"}
        samples |= {place: sample for place, sample in outside.items() if _fits(connection, sample)}
    return samples


def _fits(connection: duckdb.DuckDBPyConnection, sql: str) -> bool:
    """Whether a constant is in the range of its type: beyond the greatest value of a type nothing is."""
    try:
        connection.execute(f"SELECT {sql}")
    except (duckdb.OutOfRangeException, duckdb.ConversionException):
        return False
    return True


def _places(connection: duckdb.DuckDBPyConnection, asked: _Asked) -> Iterator[str]:
    """Whether each of some shapes meets the box of one of them: that is decided by boxes in the statistics."""
    shapes = connection.execute(
        f"SELECT DISTINCT CAST({asked.sql} AS VARCHAR) FROM temp.{_COPY} WHERE {asked.sql} IS NOT NULL ORDER BY 1"
    ).fetchall()
    for (shape,) in {shapes[0], shapes[-1]} if shapes else ():
        yield f"SELECT count(*) FROM {{}} WHERE {_escaped(asked.sql)} && CAST({_escaped(_literal(shape))} AS GEOMETRY)"


def _parts(connection: duckdb.DuckDBPyConnection, asked: _Asked) -> Iterator[_Asked]:
    """The expression itself and those of what is in it."""
    yield asked
    type_ = asked.type
    if type_.endswith("]"):
        yield from _parts(connection, _Asked(f"{asked.sql}[1]", type_[: type_.rindex("[")]))
    elif type_.startswith("STRUCT"):
        fields = connection.execute(f"SELECT unnest({asked.sql}) FROM temp.{_COPY} LIMIT 0").description or ()
        for name, *_ in fields:
            yield from _typed_parts(connection, f"struct_extract({asked.sql}, {_literal(name)})")
    elif type_.startswith("MAP"):
        for function in ("map_keys", "map_values"):
            yield from _typed_parts(connection, f"{function}({asked.sql})[1]")
    elif type_ == "VARIANT":
        yield from _shredded(connection, asked)


def _typed_parts(connection: duckdb.DuckDBPyConnection, sql: str) -> Iterator[_Asked]:
    [(_, type_, *_)] = connection.execute(f"DESCRIBE SELECT {sql} FROM temp.{_COPY}").fetchall()
    yield from _parts(connection, _Asked(sql, type_))


def _shredded(connection: duckdb.DuckDBPyConnection, asked: _Asked) -> Iterator[_Asked]:
    """The fields of objects that hold values of one kind: those are what DuckLake has statistics of."""
    kinds = connection.execute(
        f"SELECT DISTINCT variant_typeof({asked.sql}) FROM temp.{_COPY} WHERE {asked.sql} IS NOT NULL"
    ).fetchall()
    names: set[str] = set()
    for (kind,) in kinds:
        if found := re.fullmatch(r"OBJECT\((.*)\)", kind):
            names |= set(found[1].split(", "))
    for name in sorted(names):
        field = f"variant_extract({asked.sql}, {_literal(name)})"
        types = connection.execute(
            f"SELECT DISTINCT variant_typeof({field}) FROM temp.{_COPY} "
            f"WHERE variant_typeof({asked.sql}) LIKE 'OBJECT%' AND {field} IS NOT NULL"
        ).fetchall()
        scalars = {kind for (kind,) in types if re.fullmatch(r"U?INT(8|16|32|64)|VARCHAR|DOUBLE|FLOAT", kind)}
        if scalars and len(scalars) == len(types):
            type_ = "BIGINT" if all("INT" in kind for kind in scalars) else "VARCHAR"
            yield _Asked(f"TRY_CAST({field} AS {type_})", type_)


def _escaped(sql: str) -> str:
    """Keep the braces of a text that will be a format."""
    return sql.replace("{", "{{").replace("}", "}}")


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
