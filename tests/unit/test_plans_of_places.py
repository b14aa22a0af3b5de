"""Plans: values that compare, and say in words what is about to be done."""

from __future__ import annotations

import msgspec
import pytest

from canvasback.model.plans.mirror import MirrorPlan
from canvasback.model.plans.repair import RepairPlan

NOTHING_TO_MIRROR = MirrorPlan(target="/m/", makes=False, held=0, points=(), objects=0, bytes=0)
COPIED = "that no point there names are copied and compared, unless they have arrived before"
NOTHING_TO_REPAIR = RepairPlan(
    source="/m/",
    level="exists",
    looked=9,
    missing=0,
    damaged=0,
    bytes=0,
    lost=0,
    missing_points=(),
    damaged_points=(),
)


@pytest.mark.parametrize(
    ("plan", "steps"),
    [
        ({}, ["/m/ lacks nothing"]),
        ({"held": 1}, ["1 point is there already and stays"]),
        (
            {"makes": True, "points": ("a",), "objects": 1, "bytes": 1200},
            [
                "/m/ becomes a place of this repository",
                "1 object (1,200 bytes) that no point there names is copied and compared, unless it has arrived before",
                "then point a is published there",
            ],
        ),
        (
            {"held": 2, "points": ("a", "b", "c"), "objects": 2, "bytes": 5},
            [
                "2 points are there already and stay",
                f"2 objects (5 bytes) {COPIED}",
                "then 3 points, from a to c, are published there",
            ],
        ),
    ],
)
def test_a_mirror_in_words(plan: dict[str, object], steps: list[str]) -> None:
    planned = msgspec.structs.replace(NOTHING_TO_MIRROR, **plan)
    assert list(planned.steps) == steps
    assert planned == msgspec.structs.replace(planned)


@pytest.mark.parametrize(
    ("plan", "steps"),
    [
        ({}, ["nothing is broken at level exists"]),
        ({"lost": 1}, ["1 object stays broken"]),
        ({"missing": 1, "bytes": 7}, ["1 object (7 bytes) is put in place from /m/, and compared on the way"]),
        (
            {"missing": 1, "damaged": 2, "bytes": 7000, "lost": 3, "missing_points": ("b",), "damaged_points": ("a",)},
            [
                "2 objects that are damaged are moved aside",
                "3 objects (7,000 bytes) are put in place from /m/, and compared on the way",
                "the damaged manifest of point a is moved aside",
                "2 points, from a to b, are published again",
                "3 objects stay broken",
            ],
        ),
    ],
)
def test_a_repair_in_words(plan: dict[str, object], steps: list[str]) -> None:
    planned = msgspec.structs.replace(NOTHING_TO_REPAIR, **plan)
    assert list(planned.steps) == steps


def test_points_are_published_again_in_their_order() -> None:
    plan = msgspec.structs.replace(NOTHING_TO_REPAIR, missing_points=("a", "c"), damaged_points=("b", "d"))
    assert plan.points == ("a", "b", "c", "d")
    assert plan.steps[0] == "the damaged manifests of 2 points, from b to d, are moved aside"
