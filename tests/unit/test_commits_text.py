"""Commits in plain words."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from canvasback.cli.text.commits import commit_lines
from canvasback.model.commit import CommitSummary


@pytest.mark.parametrize(
    ("noted", "said"),
    [
        ("deleted_from_table:1,inlined_delete:1", "deleted from main.t"),
        ("inlined_insert:1,inlined_delete:1,inserted_into_table:1", "inserted into main.t, deleted from main.t"),
        ('created_table:"s"."a,b",inserted_into_table:2', 'created table "s"."a,b", inserted into table 2'),
        ("inserted_into_table:1,inlined_insert:2", "inserted into main.t, inserted into table 2"),
    ],
)
def test_what_a_commit_did_is_said_once(noted: str, said: str) -> None:
    """DuckLake 1.0 notes rows in files and rows in the catalog apart; to a reader both are rows."""
    commit = CommitSummary(3, datetime(2026, 11, 27, tzinfo=UTC), "ana", "", noted)
    [text] = commit_lines([commit], {1: "main.t"})
    assert text.splitlines()[1].endswith(f"  {said}")
