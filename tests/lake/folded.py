"""A table whose delete files hold the deletes of several commits, with numbers that may be wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.lake.builder import Lake


def two_files(lake: Lake, *, interleaved: bool) -> dict[int, int]:
    """Make a table of two files, from each of which three commits deleted; answer its rows by snapshot."""
    truth: dict[int, int] = {}
    with lake.session() as connection:
        other = connection.cursor()
        connection.execute("CREATE TABLE lake.t AS SELECT range::INTEGER AS i FROM range(1000)")
        connection.execute("INSERT INTO lake.t SELECT range + 1000 FROM range(1000)")
        for at, low in enumerate((0, 1000, 100, 1100, 200, 1200), 3):
            statement = f"DELETE FROM lake.t WHERE i >= {low} AND i < {low + 100}"
            if interleaved and at == 5:
                other.execute("BEGIN")
                other.execute(statement)
                statement = "DELETE FROM lake.t WHERE i >= 1100 AND i < 1200"
            elif interleaved and at == 6:
                other.execute("COMMIT")
                statement = ""
            if statement:
                connection.execute(statement)
            truth[at] = len(connection.execute("SELECT i FROM lake.t").fetchall())
        other.close()
    return truth
