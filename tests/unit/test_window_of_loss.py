"""The window of loss is never told smaller than it is, and does not grow where the archive keeps up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from canvasback.model.results.pitr_run import LogArchived, LogBehind
from canvasback.model.wal import Lsn
from canvasback.verbs.pitr_run.window import Window

BEGIN = datetime(2026, 11, 27, tzinfo=UTC)


def look(window: Window, second: float, position: int | None, written: int | None) -> LogArchived | LogBehind | None:
    return window.look(
        BEGIN + timedelta(seconds=second),
        None if position is None else Lsn(position),
        None if written is None else Lsn(written),
        0,
        None,
    )


def test_an_archive_that_follows_a_busy_server_is_not_ever_farther_behind() -> None:
    window = Window(BEGIN, every=60)
    told = [look(window, second, second * 10, second * 10 + 15) for second in range(100)]
    assert [event.behind_bytes for event in told if event is not None] == [15] * 100
    assert all(1.5 <= event.behind_seconds <= 4 for event in told[4:] if event is not None)


def test_an_outage_is_told_every_so_often_and_grows() -> None:
    window = Window(BEGIN, every=10)
    assert isinstance(look(window, 0, 100, 100), LogArchived)
    told = [event for second in range(1, 35) if (event := look(window, second, 100, 100 + second)) is not None]
    told += [event for second in range(35, 60) if (event := look(window, second, 100, None)) is not None]
    assert [(event.behind_seconds, event.behind_bytes) for event in told] == [
        (10, 10), (20, 20), (30, 30), (40, 34), (50, 34),
    ]  # fmt: skip
    assert [event.answers for event in told if isinstance(event, LogBehind)] == [True, True, True, False, False]
    closed = look(window, 60, 140, 140)
    assert isinstance(closed, LogArchived)
    assert (closed.behind_bytes, closed.behind_seconds) == (0, 0)
    assert look(window, 200, 140, 140) is None


def test_what_is_not_known_yet_is_not_told_as_nothing() -> None:
    window = Window(BEGIN, every=10)
    told = look(window, 10, None, None)
    assert isinstance(told, LogBehind)
    assert (told.position, told.written, told.behind_bytes, told.behind_seconds) == ("", "", None, 10)
