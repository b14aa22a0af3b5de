"""The arguments of the public functions: in one order, and by the same names (decision 32)."""

from __future__ import annotations

import inspect

import pytest

import canvasback

FUNCTIONS = [name for name in canvasback.__all__ if inspect.isfunction(getattr(canvasback, name))]
PLACES = (
    "connection",
    "alias",
    "lake",
    "mechanism",
    "data_path",
    "repository",
    "to",
    "source",
    "table",
    "before",
    "after",
    "point",
)
LAST = ("jobs", "stores", "progress", "clock")


def parameters(name: str, *, by_name: bool) -> list[str]:
    found = inspect.signature(getattr(canvasback, name)).parameters.values()
    return [one.name for one in found if (one.kind is inspect.Parameter.KEYWORD_ONLY) == by_name]


def test_there_are_functions() -> None:
    assert {"backup", "restore", "watch"} <= set(FUNCTIONS)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_is_given_by_position_has_one_order(name: str) -> None:
    given = parameters(name, by_name=False)
    assert given == [place for place in PLACES if place in given]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_lake_and_repository_have_it_by_name_too(name: str) -> None:
    given = [one for one in parameters(name, by_name=True) if one in {"lake", "repository", "point"}]
    assert given == [place for place in PLACES if place in given]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_all_have_comes_last(name: str) -> None:
    given = parameters(name, by_name=True)
    common = [one for one in LAST if one in given]
    assert given[len(given) - len(common) :] == common
