"""Commits as text, in plain words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from canvasback.cli.text.shown import SHOWN
from canvasback.cli.text.table import table
from canvasback.model.commit import CommitSummary
from canvasback.model.moment import in_utc
from canvasback.model.plurals import many

_NOTED = re.compile(r'(?:^|(?<=,))([a-z_]+):(\d+(?=,|$)|"(?:[^"]|"")*"(?:\."(?:[^"]|"")*")?)(,?)')
"""One of the changes that DuckLake notes of a commit: a kind, and the id of a table, or a name."""
_KINDS = {
    "inserted_into_table": "inserted into", "inlined_insert": "inserted into", "deleted_from_table": "deleted from",
    "inlined_delete": "deleted from", "altered_table": "altered", "dropped_table": "dropped",
    "compacted_table": "compacted", "merge_adjacent": "merged", "rewrite_delete": "rewrote",
    "flushed_inlined": "flushed", "inline_flush": "flushed",
}  # fmt: skip


def commit_lines(commits: Sequence[CommitSummary], names: Mapping[int, str]) -> Iterator[str]:
    """The newest commits as a table, with authors and messages where any has some.

    Args:
        commits: The commits, oldest first.
        names: What tables are called, by ``table_id``.
    """
    hidden = len(commits) - SHOWN
    rows: list[tuple[str, ...]] = [("SNAPSHOT", "COMMITTED (UTC)", "AUTHOR", "MESSAGE", "CHANGES")]
    rows += [_commit(commit, names) for commit in commits[-SHOWN:]]
    named = any(commit.author or commit.message for commit in commits)
    yield table(rows if named else [(*row[:2], row[4]) for row in rows])
    if hidden > 0:
        yield f"… and {many(hidden, 'commit')} before these; --json shows them"


def _commit(commit: CommitSummary, names: Mapping[int, str]) -> tuple[str, ...]:
    told: set[str] = set()

    def said(noted: re.Match[str]) -> str:
        kind, what, comma = noted.groups()
        if what.isdecimal():
            what = names.get(int(what), f"table {what}")
        words = f"{_KINDS.get(kind, kind.replace('_', ' '))} {what}"
        if words in told:  # a commit may put some rows into files, and others into the catalog
            return ""
        told.add(words)
        return f"{words}{', ' if comma else ''}"

    time = in_utc(commit.time)
    changes = _NOTED.sub(said, _line(commit.changes)).removesuffix(", ")
    return str(commit.snapshot_id), time, _line(commit.author), _line(commit.message), changes


def _line(text: str) -> str:
    """The first line of what a writer said."""
    return text.splitlines()[0] if text else ""
