"""Which lake and which repository a command is about, where it can do without one of them."""

from __future__ import annotations

import pytest

from canvasback.cli.settings import LakeSettings, Settings
from canvasback.errors import UsageError

NAMED = Settings(
    lakes={"sales": LakeSettings("ducklake:sales.ducklake", repository="/backups/sales"), "bare": LakeSettings("b")}
)


@pytest.fixture(autouse=True)
def _nothing_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CANVASBACK_REPO", raising=False)


@pytest.mark.parametrize(
    ("repository", "lake", "places"),
    [
        ("/r", None, ("/r", None)),
        ("/r", "sales", ("/r", "ducklake:sales.ducklake")),
        (None, "sales", ("/backups/sales", "ducklake:sales.ducklake")),
        (None, "bare", (None, "b")),
        (None, "ducklake:x", (None, "ducklake:x")),
    ],
)
def test_a_live_lake_needs_no_repository(
    repository: str | None, lake: str | None, places: tuple[str | None, str | None]
) -> None:
    assert NAMED.find_places(repository, lake) == places


@pytest.mark.parametrize(("repository", "lake"), [(None, None), ("", None), ("", "sales"), ("", "bare")])
def test_no_repository_and_an_empty_one_are_refused(repository: str | None, lake: str | None) -> None:
    with pytest.raises(UsageError, match="no-repository"):
        NAMED.find_places(repository, lake)
