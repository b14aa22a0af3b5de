"""What real DuckLake extensions see in a lake, and lakes that real DuckLake writers left behind.

Each DuckLake version lives in an environment of its own, which `make test` creates; `readers.py` asks a process of
that environment. The version of the test's own environment is asked in another process too: what the extension sees
then owes nothing to what the test has attached, locked or cached, and a crash of it is an answer.
"""

from __future__ import annotations

import json
import os
import tarfile
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import duckdb

from tests.oracle.readers import Died, Readers

__all__ = [
    "FIXTURES",
    "OTHER_ENGINES",
    "Conflict",
    "Fixture",
    "Json",
    "OracleError",
    "Version",
    "conflict",
    "load_fixture",
    "read_lake",
    "use_lake",
    "write_lake",
]

Version = Literal["1.3.0", "1.3.2", "1.4.4", "1.5.5"]
Json = dict[str, Any]
Conflict = Literal["delete", "alter"]

ROOT = Path(__file__).parents[2]
PYTHONS: dict[Version, Path] = {
    "1.3.0": ROOT / ".oracles/1.3.0/bin/python",
    "1.3.2": ROOT / ".oracles/1.3.2/bin/python",
    "1.4.4": ROOT / ".venv-0.3/bin/python",
    "1.5.5": ROOT / ".venv/bin/python",
}

OWN: Version = next((version for version in PYTHONS if version == duckdb.__version__), "1.5.5")
"""The version that tests of this environment write with; that of users where it has no extension."""

READERS = Readers(ROOT)

WITHOUT_OVERRIDE: set[Version] = {"1.3.0", "1.3.2"}

FIXTURES: list[tuple[str, Version]] = [
    ("duckdb-0.1", "1.3.0"),
    ("duckdb-0.2", "1.3.2"),
    ("duckdb-0.3", "1.4.4"),
    ("duckdb-0.3-encrypted", "1.4.4"),
    ("duckdb-0.3-maintained", "1.4.4"),
    ("duckdb-1.0", "1.5.5"),
    ("duckdb-1.0-encrypted", "1.5.5"),
    ("duckdb-1.0-maintained", "1.5.5"),
    ("duckdb-1.0-migrated", "1.5.5"),
]
OTHER_ENGINES = ["sqlite-0.2", "sqlite-0.3", "sqlite-1.0", "postgres-0.3", "postgres-1.0"]
"""The lakes of tests/fixtures: those in DuckDB with the version that reads them without migrating."""


class OracleError(Exception):
    """The real DuckLake refused a lake, or cannot be asked; the message is the extension's own."""


@dataclass(frozen=True, slots=True)
class Fixture:
    """A private copy of a lake that a real DuckLake wrote."""

    path: Path
    """The folder to run in, as the lake's data path is relative to it."""
    attach: str
    """The attach string, with an absolute path."""
    catalog: Path
    data: Path
    expected: Json
    """What the writer saw: `expected["snapshots"]["42"]["main.events"] == {"rows": …, "md5": …}`."""
    ducklake_version: str
    reader_version: Version

    @property
    def truth(self) -> Json:
        """By snapshot: what the writer saw of each table when it had committed it."""
        snapshots: Json = self.expected["snapshots"]
        return snapshots

    @property
    def shown(self) -> Json:
        """By snapshot: what the extension shows of it at the end, which forgot some of it."""
        later = self.expected.get("at", {})
        return {at: {**tables, **later.get(at, {})} for at, tables in self.truth.items()}

    @property
    def head(self) -> int:
        """The newest snapshot."""
        return max(map(int, self.truth))

    def some(self, count: int) -> list[int]:
        """So many of the snapshots, evenly spread, and those of which the extension forgot some."""
        every = sorted(map(int, self.truth))
        return sorted({*every[:: max(1, len(every) // count)], *map(int, self.expected.get("at", {}))})

    def check(self, seen: Json) -> None:
        """See that an answer of `read_lake` is what this lake shows, with its row ids where they are known."""
        assert {"duckdb": seen["duckdb"], "ducklake": seen["ducklake"]} == {
            "duckdb": self.reader_version,
            "ducklake": self.ducklake_version,
        }
        assert seen["snapshots"] == {at: self.shown[at] for at in seen["snapshots"]}
        known = self.expected.get("exact", {}).get(str(self.head))
        assert known is None or seen["exact"] == known


def load_fixture(name: str, target_dir: Path) -> Fixture:
    """Unpack a fixture into `target_dir / name`.

    Args:
        name: One of `FIXTURES` or of `OTHER_ENGINES`; a dump of PostgreSQL is `catalog`, and the attach string is
            for whoever loads it to make.
        target_dir: Where the copy may live, a test's `tmp_path` as a rule.
    """
    reader_version = dict(FIXTURES).get(name, "1.5.5" if name.endswith("1.0") else "1.4.4")
    with tarfile.open(Path(__file__).parent.parent / "fixtures" / f"{name}.tar.gz") as archive:
        # Early releases of Python 3.11 have no filters; the archives are this project's own.
        archive.extraction_filter = getattr(tarfile, "data_filter", lambda member, _path: member)
        archive.extractall(target_dir)  # noqa: S202
    path = target_dir / name
    engine = name.partition("-")[0]
    catalog = path / {"duckdb": "main.ducklake", "sqlite": "main.sqlite", "postgres": "catalog.sql"}[engine]
    expected = json.loads((path / "expected.json").read_text())
    return Fixture(
        path=path,
        attach=f"ducklake:{catalog}" if engine == "duckdb" else f"ducklake:{engine}:{catalog}",
        catalog=catalog,
        data=path / "data",
        expected=expected,
        ducklake_version=expected["ducklake"],
        reader_version=reader_version,
    )


def read_lake(
    attach: str,
    version: Version = OWN,
    data_path: str | None = None,
    *,
    read_only: bool = True,
    cwd: Path | None = None,
    at: Collection[int] | None = None,
    judged: bool = True,
) -> Json:
    """Read every table at every snapshot, in the shape of expected.json, and judge what the head answers.

    Args:
        attach: The string a user puts in ATTACH, such as `ducklake:/path/main.ducklake`.
        version: The DuckDB version whose DuckLake is asked. One newer than the lake cannot read it while
            `read_only`, and migrates it otherwise.
        data_path: Where the files are, if not where the catalog says. Asked for with OVERRIDE_DATA_PATH,
            which the 1.3 versions neither know nor need.
        read_only: Whether the lake is attached READ_ONLY.
        cwd: The folder that a relative data path is relative to.
        at: The snapshots to read, if not all; the head always is.
        judged: Whether the head is asked more than its rows, which takes some seconds of a lake of many tables.

    Raises:
        OracleError: The extension refused the lake or one of its tables at one of its snapshots, or answers a question
            about the head in another way than the rows of the head do.
    """
    [seen] = _ask([_reading(at, read_only=read_only, judged=judged)], attach, version, data_path, cwd)
    return seen


def write_lake(
    attach: str,
    version: Version = OWN,
    data_path: str | None = None,
    *,
    cwd: Path | None = None,
    judged: bool = True,
) -> Json:
    """Commit a CREATE TABLE with rows, an INSERT, a DELETE of one row and an ADD COLUMN, one after the other.

    Returns:
        `ok`, and for each of the `steps` its `step`, `table`, `ok`, `error`, `snapshot` and `head`. A step is
        ok if a client that attaches anew sees the next snapshot, the right number of rows in the changed
        table, and every other table as it was.

    Raises:
        OracleError: The extension refused the lake before anything was written.
    """
    [written] = _ask([{"do": "write", "judged": judged}], attach, version, data_path, cwd)
    return written


def conflict(
    attach: str,
    kind: Conflict,
    version: Version = OWN,
    data_path: str | None = None,
    *,
    cwd: Path | None = None,
) -> Json:
    """Commit two overlapping transactions that delete the same row, or alter the same table.

    Returns:
        `succeeded`, how many came through; `lost`, what the others were told; `ok`, whether it was exactly
        one, as it is on a sound catalog, and its effect is there; `head` and `snapshot` thereafter, or the
        `error` that the next client meets.

    Raises:
        OracleError: The extension refused the lake before anything was committed.
    """
    [raced] = _ask([{"do": "conflict", "kind": kind}], attach, version, data_path, cwd)
    return raced


def use_lake(
    attach: str,
    version: Version,
    *,
    cwd: Path,
    at: Collection[int],
    kinds: Collection[Conflict],
    writes: bool,
    read_only: bool = True,
    judged: bool = True,
    judged_then: bool = True,
) -> Json:
    """Do one after the other what `read_lake`, `conflict` and `write_lake` do, which takes half as long.

    Args:
        attach: See `read_lake`.
        version: See `read_lake`.
        cwd: See `read_lake`.
        at: See `read_lake`.
        kinds: The kinds of conflicts.
        writes: Whether it is written to.
        read_only: How the lake is attached to be read.
        judged: Whether the head is asked more than its rows as it is.
        judged_then: Whether the head is asked more than its rows once it was written to.

    Returns:
        What was `seen`. That the rest was `ok` is asserted here.

    Raises:
        OracleError: See `read_lake`.
    """
    actions: list[Json] = [_reading(at, read_only=read_only, judged=judged)]
    actions += [{"do": "conflict", "kind": kind} for kind in kinds]
    if writes:
        actions.append({"do": "write", "judged": judged_then})
    seen, *others = _ask(actions, attach, version, None, cwd)
    for other in others:
        assert other["ok"], other
    return seen


def _reading(at: Collection[int] | None, *, read_only: bool, judged: bool) -> Json:
    return {"do": "read", "at": None if at is None else sorted(at), "read_only": read_only, "judged": judged}


def _ask(actions: list[Json], attach: str, version: Version, data_path: str | None, cwd: Path | None) -> list[Json]:
    """Have actions run in the environment of `version` and return their answers."""
    python = PYTHONS[version]
    if not python.exists():
        message = f"no environment with duckdb {version} at {python.relative_to(ROOT)}: `make test` creates it"
        raise OracleError(message)
    request = {
        "cwd": os.path.abspath(cwd or "."),
        "attach": attach,
        "data_path": data_path,
        "override": data_path is not None and version not in WITHOUT_OVERRIDE,
        "actions": actions,
    }
    try:
        answer = READERS.ask(python, request)
    except Died as error:
        # 0.3 crashes on some bad catalogs.
        message = f"duckdb {version} {error} on {attach}"
        raise OracleError(message) from error
    if "error" in answer:
        message = f"duckdb {version} on {attach}: {answer['error']}"
        raise OracleError(message)
    if answer["duckdb"] != version:
        message = f"{python.relative_to(ROOT)} has duckdb {answer['duckdb']}, not {version}: `make test` mends it"
        raise OracleError(message)
    answers: list[Json] = answer["answers"]
    return answers
