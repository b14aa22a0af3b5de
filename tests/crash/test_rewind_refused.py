"""A rewind whose statements are refused, or whose server goes away between two of them, changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

import canvasback
from canvasback import CanvasbackError
from canvasback.catalog.engines import open_engine
from canvasback.catalog.engines.arrow import command
from canvasback.catalog.engines.expected import Expected
from canvasback.model.lake import parse_lake
from tests.crash.rewinds import KEPT, MERGE, TO, UNDONE
from tests.lake.builder import Contents, read, session
from tests.lake.test_engines import ENGINES, Engine, attach_string
from tests.lake.values import literal
from tests.postgres import Server

HEAD = TO + len(UNDONE)


def build(attach: str, data: Path) -> tuple[Contents, Contents]:
    """The lake of the crash tests; what it showed at the snapshot to go back to, and what it shows now."""
    then: Contents = {}
    for number, statement in enumerate([*KEPT, *UNDONE, MERGE], 1):
        with session(attach, f"DATA_PATH {literal(f'{data}/')}", "DATA_INLINING_ROW_LIMIT 4") as connection:
            connection.execute(statement)
        if number == TO:
            then = read(attach)
    return then, read(attach)


def everything(attach: str) -> dict[int, Contents]:
    """What the extension shows of some snapshots, of before and after."""
    return {at: read(attach, f"SNAPSHOT_VERSION {at}") for at in (TO - 1, TO, TO + 2, HEAD)}


@pytest.mark.parametrize("engine", ENGINES)
def test_a_statement_that_fails_undoes_the_others(
    engine: Engine, tmp_path: Path, postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    attach = attach_string(engine, tmp_path, postgres)
    then, _ = build(attach, tmp_path / "data")
    before = everything(attach)
    kind = type(open_engine(parse_lake(attach)))
    change: Callable[..., None] = kind.change

    for place in (0, 7, None):

        def spoilt(
            engine: object, statements: Sequence[str], expected: Expected | None, place: int | None = place
        ) -> None:
            at = len(statements) if place is None else place
            change(engine, [*statements[:at], "UPDATE ducklake_snapshot SET no_such = 1", *statements[at:]], expected)

        with monkeypatch.context() as patch:
            patch.setattr(kind, "change", spoilt)
            with pytest.raises(CanvasbackError) as caught:
                canvasback.rewind(attach, to_snapshot=TO, safety_point=False)
        assert "no_such" in str(caught.value)
        assert everything(attach) == before

    canvasback.rewind(attach, to_snapshot=TO, safety_point=False)
    assert read(attach) == then


def test_a_connection_that_is_cut_undoes_everything(
    tmp_path: Path, postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    attach = attach_string("postgres", tmp_path, postgres)
    then, _ = build(attach, tmp_path / "data")
    before = everything(attach)

    for place in (1, 9, 25):
        done = 0

        def cut_off(cursor: Any, statement: str, place: int = place) -> None:
            nonlocal done
            if statement.startswith(("DELETE", "UPDATE", "INSERT", "DROP")):
                done += 1
                if done == place:
                    postgres.psql(
                        "postgres",
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'canvasback'",
                    )
            command(cursor, statement)

        with monkeypatch.context() as patch:
            patch.setattr("canvasback.catalog.engines.postgres.engine.command", cut_off)
            with pytest.raises(CanvasbackError) as caught:
                canvasback.rewind(attach, to_snapshot=TO, safety_point=False)
        assert (done, caught.value.code) == (place, "connection-lost")
        assert everything(attach) == before

    canvasback.rewind(attach, to_snapshot=TO, safety_point=False)
    assert read(attach) == then
