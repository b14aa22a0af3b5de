"""Files of deletes: of which data file each deletes rows, and in what order they replace one another."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb

from canvasback.verbs.salvage.evidence import Evidence, deleted_positions
from canvasback.verbs.salvage.folders import TableFolders


class Chains:
    """The unknown files of deletes, by the data file whose rows they delete.

    Each holds all that was deleted from its data file until then: of two of one data file the newer holds what the
    older does.

    Args:
        connection: Reads them.
        files: The files of deletes, the oldest first.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, files: list[Evidence]) -> None:
        self._files = files
        self._positions: dict[str, set[int]] = {}
        self._bases: dict[str, str] = {}
        self._chains: dict[str, list[Evidence]] = {}
        for file in files:
            named = deleted_positions(connection, file.path)
            if len(named) == 1:
                [(base, positions)] = named.items()
                self._bases[file.name], self._positions[file.name] = base, positions
                self._chains.setdefault(base, []).append(file)

    def unfit(self, table_folders: TableFolders) -> Iterator[tuple[Evidence, str]]:
        """Those that cannot have been committed, with the reason; they are forgotten."""
        for file in self._files:
            if file.name not in self._bases:
                yield file, "does not delete rows of exactly one data file"
        for base, chain in self._chains.items():
            table = table_folders.table(chain[0])
            holder = table.holders.get(base) if table else None
            known = holder.deleted if holder else set()
            fitting: list[Evidence] = []
            for file in chain:
                mine = self._positions[file.name]
                later = [other for other in chain if other.moment > file.moment]
                if any(not mine <= self._positions[other.name] for other in later):
                    yield file, "lacks in a later file of deletes of the same data file: it was never committed"
                elif not known <= mine:
                    yield file, "lacks rows whose deletion the catalog knows: it is older, or was never committed"
                else:
                    fitting.append(file)
            self._chains[base] = fitting

    def base(self, file: Evidence) -> str:
        """The name of the data file whose rows a file deletes, without its folder."""
        return self._bases.get(file.name, "")

    def ever(self, base: str) -> set[int]:
        """All positions of a data file that were ever deleted."""
        return set().union(*(self._positions[file.name] for file in self._chains.get(base, [])))

    def positions(self, file: Evidence) -> set[int]:
        """What it deletes."""
        return self._positions.get(file.name, set())

    def named(self, file: Evidence) -> bool:
        """Whether a file of deletes speaks of a data file."""
        return bool(self._chains.get(file.basename))

    def following(self, base: str, done: set[str]) -> Evidence | None:
        """The next file of deletes of a data file."""
        return next((file for file in self._chains.get(base, []) if file.name not in done), None)
