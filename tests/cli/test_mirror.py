"""`mirror`, `repair` and `backup --also` as a user types them."""

from __future__ import annotations

import re

import canvasback
from canvasback import PointHeld, WatchStarted
from tests.cli.running import Place, clean, fails, tree
from tests.cli.test_commands import answered
from tests.watching import watching


def test_mirror_and_repair_say_what_they_do(place: Place) -> None:
    first, second = place.points
    before = tree(place.folder)
    dry = place.run("mirror", "repo", "--to", "mirror", "--dry-run")
    assert (dry.code, dry.err) == (0, "")
    assert tree(place.folder) == before
    head, made, copied, published, last = dry.out.splitlines()
    assert head == f"would mirror {place.folder}/repo/ to {place.folder}/mirror/"
    assert made == f"  - {place.folder}/mirror/ becomes a place of this repository"
    assert " objects (" in copied
    assert published == f"  - then 2 points, from {first} to {second}, are published there"
    assert last == "nothing was changed (--dry-run)"

    some = answered(place.run("mirror", "repo", "--to", "mirror", first, "--json"), "mirror")
    assert (some.points, some.made, some.held_points) == ((first,), True, 0)
    rest = place.run("mirror", "repo", "--to", "mirror").out.splitlines()
    assert rest[1] == "  - 1 point is there already and stays"
    assert rest[-1].startswith("1 point published, ")

    assert place.run("verify", "--all", "--level", "rows", "-r", "mirror").code == 0
    victim = next(place.repo.glob("data/**/*.parquet"))
    victim.unlink()
    (place.repo / "points" / f"{second}.json").unlink()
    dry = place.run("repair", "repo", "--from", "mirror", "--dry-run")
    assert dry.out.startswith(f"would repair {place.folder}/repo/, looking at ")
    assert dry.out.endswith(f"  - point {second} is published again\nnothing was changed (--dry-run)\n")
    done = answered(place.run("repair", "repo", "--from", "mirror", "--level", "checksum", "--json"), "repair")
    assert (done.repaired_objects, done.points, done.findings) == (1, (second,), ())
    whole = place.run("repair", "repo", "--from", "mirror").out.splitlines()
    assert whole[1] == "  - nothing is broken at level exists"
    assert place.run("verify", "--all", "--level", "rows", "-r", "repo").code == 0


def test_findings_have_their_exit_code(place: Place) -> None:
    next(place.repo.glob("data/**/*.parquet")).write_bytes(b"torn")
    ran = place.run("mirror", "repo", "--to", "mirror")
    assert ran.code == 3
    assert "not mirrored" in ran.out
    assert "[object-corrupt]" in ran.out
    assert "[point-not-mirrored]" in ran.out
    assert place.run("mirror", "repo", "--to", "mirror").code == 3
    ran = place.run("repair", "repo", "--from", "mirror")
    assert ran.code == 3
    assert "stays so" in ran.out
    assert "[object-size]" in ran.out


def test_refusals(place: Place) -> None:
    fails(place, 4, "one-place", "mirror", "repo", "--to", "repo/inside")
    fails(place, 4, "one-place", "repair", "repo", "--from", "repo")
    fails(place, 1, "not-a-repository", "mirror", "nothing", "--to", "mirror")
    fails(place, 1, "not-a-repository", "repair", "repo", "--from", "nothing")
    fails(place, 2, "unknown-point", "mirror", "repo", "--to", "mirror", "19990101")
    assert place.run("mirror", "repo").code == 2
    assert place.run("repair", "repo", "--from", "mirror", "--level", "rows").code == 2
    canvasback.init(str(place.catalog), str(place.folder / "own"))
    fails(place, 4, "other-repository", "mirror", "repo", "--to", "own")


def test_backup_to_both_places(place: Place) -> None:
    place.run("mirror", "repo", "--to", "mirror")
    dry = place.run("backup", place.catalog, "-r", "repo", "--also", "mirror", "--dry-run")
    assert (dry.code, dry.err) == (0, "")
    same = f"the same point is published in {place.folder}/mirror/, with what that lacks from {place.folder}/repo/"
    assert f"  - {same}\n\nnothing was changed" in dry.out

    ran = place.run("backup", place.catalog, "-r", "repo", "--also", "mirror")
    assert (ran.code, ran.err) == (0, "")
    assert re.search(
        rf"\n  also       {place.folder}/mirror/: 1 point published, \d+ objects? \(.+\) copied, in ", ran.out
    )
    again = place.run("backup", place.catalog, "-r", "repo", "--also", "mirror", "--only-new")
    assert again.out.splitlines()[1] == f"  also       {place.folder}/mirror/: has all points"

    (place.folder / "mirror").rename(place.folder / "away")
    ran = place.run("run", place.catalog, "-r", "repo", "--also", "mirror", "--json", "true")
    missed = answered(ran, "run", code=3).backup
    assert (missed.findings, [finding.code for finding in missed.also.findings]) == ((), ["place-behind"])
    ran = place.run("backup", place.catalog, "-r", "repo", "--also", "mirror")
    assert (ran.code, ran.err) == (3, "")
    assert f"  also       {place.folder}/mirror/: no point published\n" in ran.out
    assert "[not-a-repository] [place-behind]" in ran.out
    (place.folder / "away").rename(place.folder / "mirror")

    settings = f'[lakes.sales]\nlake = "{place.catalog}"\nrepository = "repo"\nalso = "mirror"\n'
    (place.folder / "canvasback.toml").write_text(settings)
    dry = place.run("backup", "sales", "--dry-run")
    assert "  - so are 2 points, from " in dry.out
    made = answered(place.run("backup", "sales", "--json"), "backup")
    assert len(made.also.points) == 3
    assert place.run("verify", "--all", "-r", "mirror").code == 0
    fails(place, 4, "one-place", "backup", "sales", "--also", "repo")
    fails(place, 2, "empty-argument", "backup", "sales", "--also", "")
    ran = place.run("run", "sales", "--also", "", "touch", "ran")
    assert (ran.code, (place.folder / "ran").exists()) == (2, False)
    with watching("sales", "repo", cwd=place.folder, env=clean(place.folder)) as watch:
        assert watch.wait_for(WatchStarted).also == f"{place.folder}/mirror/"
        watch.wait_for(PointHeld)
        assert watch.stop() == 0
