"""`mirror` and `repair` as a user types them."""

from __future__ import annotations

import canvasback
from tests.cli.running import Place, fails, tree
from tests.cli.test_commands import answered


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
