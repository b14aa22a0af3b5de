"""Lose a lake and bring it back: run by `make demo`.

Everything happens in a temporary folder that is removed at the end. The lake is written and read by the real
DuckLake extension; canvasback is called as a user calls it.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb

from tests import extension
from tests.lake.answers import wrong_answers

TABLES = ("customers", "orders")


class Demo:
    """One run: a folder, and a DuckDB session that a user would call their own."""

    def __init__(self, folder: Path) -> None:
        self._prefix = f"{folder}/"
        self._session = extension.connect()

    def say(self, text: str) -> None:
        """Tell what comes next."""
        print(f"\n# {text}")

    def show(self, text: str) -> None:
        """Print output; paths are shortened to what they are in the demo's folder."""
        print(text.rstrip().replace(self._prefix, ""))

    def sql(self, statement: str) -> list[tuple[object, ...]]:
        """Run a statement in the session; an error is shown and answered with no rows."""
        print(f"sql> {statement}")
        try:
            rows = self._session.execute(statement).fetchall()
        except duckdb.Error as error:
            self.show(str(error).splitlines()[0])
            return []
        if statement.startswith(("SELECT", "FROM")):
            for row in rows:
                self.show("  ".join(map(str, row)))
        return rows

    def canvasback(self, *arguments: str, ends_with: int = 0) -> None:
        """Run the command line; end the demo if it does not end with this exit code."""
        print("$ canvasback", *arguments)
        ended = subprocess.run(
            [sys.executable, "-m", "canvasback", *arguments], capture_output=True, text=True, check=False
        )
        self.show(ended.stdout + ended.stderr)
        if ended.returncode != ends_with:
            sys.exit(f"canvasback ended with exit code {ended.returncode}")

    def fingerprints(self, lake: str) -> dict[str, str]:
        """The number of rows and an MD5 of all rows, sorted, of each table."""
        found = {}
        for table in TABLES:
            count, digest = self._session.execute(
                f"SELECT count(*), md5(string_agg(t::VARCHAR, chr(10) ORDER BY t::VARCHAR)) FROM {lake}.{table} t"
            ).fetchall()[0]
            found[table] = f"{count} rows, md5 {digest}"
        return found

    def compare(self, lake: str, before: dict[str, str]) -> bool:
        """Show the fingerprints of a lake next to those that were recorded; answer whether they are equal.

        Rows are read from files. `min`, `max` and filters are answered by statistics, which have to be right too.
        """
        after = self.fingerprints(lake)
        for table in TABLES:
            verdict = "the same" if after[table] == before[table] else f"NOT THE SAME, it was {before[table]}"
            print(f"{lake}.{table}: {after[table]}: {verdict}")
        wrong = wrong_answers(self._session, lake)
        for line in wrong:
            print("NOT WHAT THE ROWS SAY:", line)
        if not wrong:
            print("count, min, max and filters of every column: what the rows say")
        return after == before and not wrong


def run(demo: Demo) -> bool:
    """Play the night through; answer whether the lake came back as it was."""
    demo.say("A lake: a catalog, sales.ducklake, and its data files below sales.files.")
    demo.sql("ATTACH 'ducklake:sales.ducklake' AS lake (DATA_PATH 'sales.files')")
    demo.sql("CREATE TABLE lake.customers AS SELECT i AS id, 'customer ' || i AS name FROM range(500) t(i)")
    demo.sql(
        "CREATE TABLE lake.orders AS SELECT i AS id, i * 7 % 500 AS customer, i * 37 % 900 AS amount "
        "FROM range(20000) t(i)"
    )

    demo.say("A repository for it, and the first recovery point. The session above still has the lake open.")
    demo.canvasback("init", "backup", "--lake", "ducklake:sales.ducklake")
    demo.canvasback("backup", "ducklake:sales.ducklake", "-r", "backup")

    demo.say(
        "The day goes on. The next backup copies only the new files: one of rows, one of deleted positions.\n"
        "# DuckLake keeps small changes in the catalog (inlined), and the backup with it: three deletes, an update."
    )
    demo.sql("INSERT INTO lake.orders SELECT i, i * 7 % 500, i * 37 % 900 FROM range(20000, 23000) t(i)")
    demo.sql("DELETE FROM lake.orders WHERE id % 1000 = 999")
    demo.sql("UPDATE lake.customers SET name = 'Zoe' WHERE id = 7")
    demo.canvasback("backup", "ducklake:sales.ducklake", "-r", "backup")

    demo.say("What the lake holds now, to compare with later.")
    before = demo.fingerprints("lake")
    for table, fingerprint in before.items():
        print(f"lake.{table}: {fingerprint}")

    demo.say("The night: somebody drops a table, and somebody else deletes the files of the other.")
    demo.sql("DROP TABLE lake.customers")
    print("$ rm sales.files/main/orders/*.parquet")
    for file in Path("sales.files/main/orders").glob("*.parquet"):
        file.unlink()
    if demo.sql("SELECT count(*) FROM lake.customers") or demo.sql("SELECT sum(amount) FROM lake.orders"):
        sys.exit("the lake should be broken now, and is not")
    demo.sql("DETACH lake")

    demo.say("Read first, repair later: a point can be attached where it lies, in the repository.")
    demo.canvasback("attach", "-r", "backup", "--out", "look.ducklake")
    demo.sql("ATTACH 'ducklake:look.ducklake' AS look (READ_ONLY)")
    demo.sql("SELECT name FROM look.customers WHERE id = 7")
    demo.sql("SELECT sum(amount) FROM look.orders")
    readable = demo.compare("look", before)
    demo.sql("DETACH look")

    demo.say("Then restore. The broken catalog is moved aside, and only files that are missing are put back.")
    demo.canvasback("restore", "-r", "backup", "--to", "ducklake:sales.ducklake", "--replace")

    demo.say("Is it the same lake?")
    demo.sql("ATTACH 'ducklake:sales.ducklake' AS lake")
    demo.sql("SELECT count(*) FROM lake.orders AT (VERSION => 2)")
    demo.sql("SELECT max(id), max(name) FROM lake.customers")
    restored = demo.compare("lake", before)
    demo.sql("DETACH lake")

    demo.say("Another night, a disk loses one file. Check tells what is damaged, and heal puts back just that.")
    lost = next(Path("sales.files/main/customers").glob("*.parquet"))
    print("$ rm", lost)
    lost.unlink()
    demo.canvasback("check", "ducklake:sales.ducklake", ends_with=3)  # there are findings
    demo.canvasback("heal", "ducklake:sales.ducklake", "-r", "backup")
    demo.sql("ATTACH 'ducklake:sales.ducklake' AS lake")
    return demo.compare("lake", before) and restored and readable


def main() -> int:
    """Run the demo in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="canvasback-demo-") as folder, contextlib.chdir(folder):
        same = run(Demo(Path.cwd()))
    print("\nEvery row is back." if same else "\nThe lake is not what was recorded before the damage.")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
