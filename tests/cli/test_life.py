"""tag, note, hold, forget and unforget as a user meets them; marks that a backup makes; and a damaged register."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from canvasback.model.manifest import Manifest
from canvasback.repository.documents import stamped
from tests.cli.running import Place, Ran, fails, tree
from tests.cli.test_commands import answered


def said(place: Place, *arguments: object, code: int = 0) -> str:
    """The text that a command prints, which has to go well."""
    ran = place.run(*arguments, "-r", "repo")
    assert (ran.code, ran.err) == (code, ""), ran
    return ran.out


def listed(place: Place, *options: str) -> list[Any]:
    found: list[Any] = list(answered(place.run("list", "-r", "repo", *options, "--json"), "list").points)
    return found


def register(place: Place) -> list[Path]:
    """The objects of the register, oldest first."""
    return sorted(place.repo.glob("register/*.json"))


@pytest.fixture
def points(place: Place) -> list[str]:
    """Four points, oldest first: two of other stages, and two of the lake as it is."""
    for _ in range(2):
        assert place.run("backup", place.catalog, "-r", "repo").code == 0
    return place.points


def test_names_of_a_point(place: Place, points: list[str]) -> None:
    assert said(place, "tag", points[0], "b", "a") == f"point {points[0]} has the tags a, b\n"
    assert answered(place.run("tag", points[0], "c", "-r", "repo", "--json"), "tag").tags == ("a", "b", "c")
    assert said(place, "tag", points[0], "a", "b", "c", "--remove") == f"point {points[0]} has no tags\n"
    assert said(place, "tag", "latest", "a") == f"point {points[-1]} has the tags a\n"


def test_a_note(place: Place, points: list[str]) -> None:
    assert said(place, "note", points[0], "the last before 2.0") == f"noted of point {points[0]}: the last before 2.0\n"
    assert answered(place.run("note", points[1], "x\ny", "-r", "repo", "--json"), "note").note == "x\ny"
    out = said(place, "list")
    assert "the last before 2.0" in out
    assert r"x\ny" in out
    assert "  note       the last before 2.0\n" in said(place, "show", points[0])
    assert said(place, "note", points[0], "") == f"nothing is noted of {points[0]}\n"


def test_a_hold(place: Place, points: list[str]) -> None:
    assert said(place, "hold", points[0]) == f"point {points[0]} is held for ever\n"
    assert "  held       for ever\n" in said(place, "show", points[0])
    held = answered(place.run("hold", points[0], "--until", "2126-01-01", "-r", "repo", "--json"), "hold")
    assert (held.point, held.held, str(held.held_until)) == (points[0], True, "2126-01-01 00:00:00+00:00")
    assert "held until 2126-01-01 00:00:00 UTC" in said(place, "list")
    assert said(place, "hold", points[0], "--release") == f"point {points[0]} is not held\n"
    assert answered(place.run("hold", "latest", "--until", "1y6m", "-r", "repo", "--json"), "hold").held_until


def test_a_backup_marks_its_point(place: Place) -> None:
    made = answered(
        place.run("backup", place.catalog, "-r", "repo", "--tag", "b", "--tag", "a", "--note", "by hand", "--json"),
        "backup",
    )
    assert (made.tags, made.note) == (("a", "b"), "by hand")
    newest = listed(place)[-1]
    assert (newest.point, newest.tags, newest.note) == (made.point, ("a", "b"), "by hand")
    out = said(place, "backup", place.catalog, "--only-new", "--tag", "c")
    assert out.startswith(f"nothing new since point {made.point}")
    assert "  tags       c\n" in out
    assert (listed(place)[-1].tags, listed(place)[-1].note) == (("a", "b", "c"), "by hand")


def test_a_batch_marks_its_point(place: Place) -> None:
    ran = place.run("run", place.catalog, "-r", "repo", "--tag", "nightly", "--note", "job 7", "true")
    assert ran.code == 0
    assert "  tags       nightly\n" in ran.err
    assert (listed(place)[-1].tags, listed(place)[-1].note) == (("nightly",), "job 7")


def test_a_plan_and_what_it_does(place: Place, points: list[str]) -> None:
    before = tree(place.folder)
    planned = answered(place.run("forget", "-r", "repo", "--keep-last", "1", "--dry-run", "--json"), "forget")
    assert tree(place.folder) == before
    assert [(one.point, one.kept, one.reasons) for one in planned.points] == [
        *((point, False, ("keep-last 1",)) for point in points[:-1]),
        (points[-1], True, ("last",)),
    ]
    assert (planned.reason, planned.dry_run, planned.lost_tables) == ("keep-last 1", True, ())
    assert planned.freed_objects > 0
    assert planned.freed_bytes > 0

    done = answered(place.run("forget", "-r", "repo", "--keep-last", "1", "--json"), "forget")
    assert (done.points, done.unreachable, done.freed_bytes) == (
        planned.points,
        planned.unreachable,
        planned.freed_bytes,
    )
    assert len(register(place)) == 1
    changed = tree(place.folder).items() ^ before.items()
    assert {name for name, _ in changed} == {"repo/register/0000000001.json"}
    assert [one.point for one in listed(place)] == [points[-1]]
    assert [one.point for one in listed(place, "--forgotten")] == points[:-1]
    assert [bool(one.forgotten) for one in listed(place, "--all")] == [True, True, True, False]
    again = answered(place.run("forget", "-r", "repo", "--keep-last", "1", "--json"), "forget")
    assert [one.point for one in again.points] == [points[-1]]
    assert len(register(place)) == 1


def test_the_text_of_a_plan(place: Place, points: list[str]) -> None:
    said(place, "hold", points[1])
    out = said(place, "forget", "--keep-last", "1", "--dry-run")
    lines = out.splitlines()
    assert lines[0].split() == ["POINT", "MADE", "(UTC)", "SNAPSHOT", "REASONS"]
    assert [line.split()[0] for line in lines[1:5]] == points
    assert [" ".join(line.split()[4:]) for line in lines[1:5]] == [
        "forget",
        "keep held for ever",
        "forget",
        "keep last",
    ]
    assert "would forget 2 points\n  every snapshot is held by another point\n  a prune would then free " in out
    assert lines[-1] == "nothing was changed (--dry-run)"
    done = said(place, "forget", points[0])
    assert "forgot 1 point\n" in done
    assert done.endswith("  unforget brings back what was forgotten, until a prune deletes it\n")


def test_forgotten_and_back(place: Place, points: list[str]) -> None:
    said(place, "tag", points[0], "a")
    assert (
        answered(place.run("forget", points[0][:20], points[1], "-r", "repo", "--json"), "forget").reason == "by name"
    )
    assert "  forgotten  since 20" in said(place, "show", points[0])  # by its whole id it opens
    restored = place.run("restore", points[0], "-r", "repo", "--to", "r.ducklake", "--data-path", "r")
    assert restored.code == 0
    fails(place, 2, "unknown-point", "show", points[0][:-2], "-r", "repo")
    fails(place, 4, "point-forgotten", "hold", points[0], "-r", "repo")
    verified = answered(place.run("verify", "--all", "-r", "repo", "--json"), "verify")
    assert verified.points == tuple(points[2:])
    fails(place, 2, "ambiguous-point", "unforget", points[0][:5], "-r", "repo")
    assert said(place, "unforget", points[1], points[0]) == "".join(f"point {p} is there again\n" for p in points[:2])
    assert [one.tags for one in listed(place)] == [("a",), (), (), ()]
    fails(place, 2, "unknown-point", "unforget", points[0], "-r", "repo")


def test_what_is_refused(place: Place, points: list[str]) -> None:
    said(place, "hold", points[0])
    fails(place, 4, "newest-point", "forget", points[-1], "-r", "repo")
    fails(place, 4, "newest-point", "forget", "latest", "-r", "repo")
    fails(place, 4, "held-point", "forget", points[1], points[0], "-r", "repo")
    fails(place, 2, "keeps-nothing", "forget", "-r", "repo")
    fails(place, 2, "keeps-nothing", "forget", "--keep-last", "0", "-r", "repo")
    fails(place, 2, "keeps-nothing", "forget", "--keep-tag", "typo", "-r", "repo")
    fails(place, 2, "duration-not-understood", "forget", "--keep-within", "2w", "-r", "repo")
    fails(place, 2, "options-together", "forget", points[0], "--keep-last", "1", "-r", "repo")
    fails(place, 2, "unknown-point", "forget", "1999", "-r", "repo")
    fails(place, 2, "tag-not-understood", "tag", points[0], "good", "two words", "-r", "repo")
    fails(place, 2, "tag-not-understood", "backup", place.catalog, "--tag", "two words", "-r", "repo")
    fails(place, 2, "note-too-long", "note", points[0], "x" * 1001, "-r", "repo")
    fails(place, 2, "time-past", "hold", points[0], "--until", "2020-01-01", "-r", "repo")
    fails(place, 2, "time-past", "hold", points[0], "--until", "2 weeks", "-r", "repo")
    fails(place, 2, "time-not-understood", "hold", points[0], "--until", "soon", "-r", "repo")
    fails(place, 2, "options-together", "hold", points[0], "--until", "1d", "--release", "-r", "repo")


def test_a_batch_does_not_run_for_a_tag_that_is_none(place: Place) -> None:
    ran = place.run("run", place.catalog, "-r", "repo", "--tag", "two words", "touch", "ran")
    assert ran.code == 2
    assert "[tag-not-understood]" in ran.err
    assert not (place.folder / "ran").exists()


def test_a_clock_that_is_behind(place: Place, points: list[str]) -> None:
    ahead = f"21{points[-1][2:]}"  # as whoever has a clock of the next century would write it
    made, forged = (place.repo / "points" / f"{point}.json" for point in (points[-1], ahead))
    manifest = msgspec.json.decode(made.read_bytes(), type=Manifest)
    forged.write_bytes(msgspec.json.encode(stamped(msgspec.structs.replace(manifest, id=ahead))))
    assert "newest point" in fails(place, 4, "clock-behind", "forget", "--keep-last", "1", "-r", "repo")
    fails(place, 4, "clock-behind", "forget", points[0], "-r", "repo")


def test_the_policy_of_the_settings(place: Place, points: list[str]) -> None:
    settings = place.folder / "canvasback.toml"
    settings.write_text('repository = "repo"\n[retention]\nkeep_last = 2\nkeep_tag = ["a"]\nkeep_within = "0h"\n')
    planned = answered(place.run("forget", "--dry-run", "--json"), "forget")
    assert planned.reason == "keep-last 2, keep-within 0h, keep-tag a"
    assert planned.points[2].reasons == ("last",)
    assert answered(place.run("forget", "--keep-last", "3", "--dry-run", "--json"), "forget").reason == "keep-last 3"
    assert answered(place.run("forget", points[0], "--dry-run", "--json"), "forget").reason == "by name"
    settings.write_text('repository = "repo"\n[retention]\nkeep_lasst = 2\n')
    fails(place, 2, "settings-file", "forget", "--dry-run")


# Damage


def damage(place: Place, points: list[str]) -> Path:
    """A register of which the newest object is damaged."""
    said(place, "forget", points[0])
    said(place, "tag", points[1], "a")
    newest = register(place)[-1]
    newest.write_bytes(newest.read_bytes().replace(b'"a"', b'"b"'))
    return newest


def findings(ran: Ran) -> list[str]:
    assert ran.code == 3
    return [finding["code"] for finding in ran.document["findings"]]


def test_a_damaged_register(place: Place, points: list[str]) -> None:
    newest = damage(place, points)
    ran = place.run("list", "-r", "repo")
    assert ran.code == 3
    assert all(point in ran.out for point in points)
    assert "register-corrupt" in ran.out
    assert findings(place.run("list", "-r", "repo", "--json")) == ["register-corrupt"]
    assert findings(place.run("verify", "--all", "-r", "repo", "--json")) == ["register-corrupt"]
    restore = ("restore", "-r", "repo", "--to", "r.ducklake", "--data-path", "r", "--json")
    assert findings(place.run(*restore)) == ["register-corrupt"]
    for command in (
        ("forget", "--keep-last", "1"),
        ("unforget", points[0]),
        ("tag", points[1], "c"),
        ("note", points[1], "text"),
        ("hold", points[1]),
        ("backup", place.catalog, "--tag", "c"),
    ):
        assert "before its last change" in fails(place, 1, "register-corrupt", *command, "-r", "repo")
    newest.unlink()  # as the hint says
    assert [(one.point, one.tags) for one in listed(place)] == [(point, ()) for point in points[1:]]
    said(place, "tag", points[1], "a")
    assert [one.tags for one in listed(place)] == [("a",), (), ()]


def test_a_backup_relies_on_nothing_where_the_register_is_damaged(place: Place, points: list[str]) -> None:
    damage(place, points)
    ran = place.run("backup", place.catalog, "-r", "repo", "--json")
    assert findings(ran) == ["repository-damaged"]
    assert ran.document["new_files"] == 0  # what is there was compared
    assert findings(place.run("verify", "-r", "repo", "--level", "checksum", "--json")) == ["register-corrupt"]


def test_points_that_cannot_be_read_stay_and_are_told(place: Place, points: list[str]) -> None:
    for point in (points[0], points[-1]):
        (place.repo / "points" / f"{point}.json").write_bytes(b"{")
    ran = place.run("forget", "-r", "repo", "--keep-last", "1", "--json")
    assert findings(ran) == ["manifest-corrupt", "manifest-corrupt"]
    assert [(one["point"], one["kept"]) for one in ran.document["points"]] == [(points[1], False), (points[2], True)]
    assert (ran.document["freed_objects"], ran.document["freed_bytes"]) == (None, None)
    assert "not known" in place.run("forget", "-r", "repo", "--keep-last", "1", "--dry-run").out
    # The newest that can be read is the one that stays; those that cannot be go by name.
    fails(place, 4, "newest-point", "forget", points[2], "-r", "repo")
    named = answered(place.run("forget", points[0], points[-1], "-r", "repo", "--json"), "forget")
    assert [one.kept for one in named.points] == [False, False]
    assert named.freed_objects is not None
    assert [one.point for one in listed(place)] == [points[2]]
    # The next backup takes none of them for the point before.
    assert place.run("backup", place.catalog, "-r", "repo", "--json").document["findings"] == []


def test_a_prune(place: Place, points: list[str]) -> None:
    """Nothing is old enough here: what is deleted, and when, other tests say."""
    assert place.run("forget", points[0], "-r", "repo").code == 0
    left = Path(place.repo, "data", "left")
    left.write_bytes(b"half")
    waiting = (
        "  - 1 object (4 bytes) that no point names and that is younger than 7d: left, as a run may be going to need it"
    )
    assert said(place, "prune", "--dry-run").splitlines()[1:] == [waiting, "nothing was changed (--dry-run)"]
    pruned = said(place, "prune", "--grace", "36h").splitlines()
    assert pruned[0].startswith("pruned ")
    assert pruned[-1].startswith("0 points and 0 objects (0 B) are gone, in ")
    old = time.time() - 40 * 3600
    os.utime(left, (old, old))
    assert answered(place.run("prune", "--grace", "36h", "-r", "repo", "--json"), "prune").objects == 1
    assert not left.exists()
    for grace, code in (("soon", "duration-not-understood"), ("0h", "grace-too-short")):
        fails(place, 2, code, "prune", "--grace", grace, "-r", "repo")


def test_a_prune_of_a_damaged_repository(place: Place, points: list[str]) -> None:
    newest = place.repo / "points" / f"{points[-1]}.json"
    whole = newest.read_bytes()
    newest.unlink()
    fails(place, 1, "point-missing", "prune", "-r", "repo")
    newest.write_bytes(whole[:-9])
    fails(place, 1, "manifest-corrupt", "prune", "-r", "repo")
