"""Covers canvasback.model.level: a level that a function does not know is refused, and changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import canvasback

ASKED: dict[str, Callable[[str], object]] = {
    "verify": lambda level: canvasback.verify("/nowhere", level=level),
    "check": lambda level: canvasback.check("ducklake:/nowhere.ducklake", level=level),
    "heal": lambda level: canvasback.heal("ducklake:/nowhere.ducklake", level=level),
    "restore": lambda level: canvasback.restore("ducklake:/nowhere.ducklake", "/nowhere", level=level),
}


@pytest.mark.parametrize(
    ("verb", "level"),
    [("verify", "footers"), ("check", "row"), ("heal", ""), ("restore", "rows"), ("restore", "Checksum")],
)
def test_an_unknown_level_is_refused(verb: str, level: str) -> None:
    with pytest.raises(canvasback.UsageError, match=repr(level)) as refused:
        ASKED[verb](level)
    assert refused.value.code == "unknown-level"
    assert "exists" in str(refused.value.hint)
    assert not Path("/nowhere.ducklake").exists()


def test_levels_are_their_words() -> None:
    assert [str(level) for level in canvasback.CheckLevel] == ["catalog", "exists", "footers", "rows", "checksum"]
    assert canvasback.RestoreLevel("checksum") is canvasback.RestoreLevel.CHECKSUM
    assert canvasback.VerifyLevel.of("rows") is canvasback.VerifyLevel.ROWS
