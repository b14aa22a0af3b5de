"""Places that a user names: wrong, empty, shared with another lake, not there yet."""

from __future__ import annotations

import json
import shutil

import pytest

from tests.cli.running import Place, fail, fails

LAKE = "lake/main.ducklake"
REPO = ("-r", "repo")


def test_empty_arguments(place: Place) -> None:
    """An unset variable of a script makes one; it must not be taken for the working folder, or for nothing at all."""
    data = ("--data-path", "")
    fail(
        place,
        2,
        "empty-argument",
        [
            ("backup", LAKE, *REPO, *data),
            ("check", LAKE, *data),
            ("salvage", LAKE, *data),
            ("repoint", LAKE, *data),
            ("restore", *REPO, "--to", "new.ducklake", *data),
            ("attach", *REPO, "--out", ""),
            ("check", LAKE, "--html", ""),
            ("heal", LAKE, *REPO, "--from", ""),
            ("init", "", "--lake", LAKE),
        ],
    )
    assert place.run("watch", LAKE, *REPO, *data).code == 2
    fail(place, 2, "no-repository", [("list", "-r", ""), ("check", LAKE, "-r", "")])
    fail(place, 2, "rate-not-understood", [("backup", LAKE, *REPO, "--limit-rate", "")])
    for command in (("restore", *REPO, "--to", LAKE, "--table", ""), ("check", LAKE, "--table", "")):
        assert place.run(*command).code == 2


def test_a_wrong_data_path_of_a_backup(place: Place) -> None:
    (place.folder / "empty").mkdir()
    for wrong in ("nope", "empty"):
        said = fails(place, 4, "data-path-empty", "backup", LAKE, *REPO, "--data-path", wrong)
        assert f"{place.folder}/{wrong}/" in said
    assert len(place.points) == 2


def test_a_catalog_that_says_another_data_path_than_where_its_files_were(place: Place) -> None:
    shutil.move(place.lake / "data", place.folder / "moved")
    assert place.run("backup", LAKE, *REPO, "--data-path", "moved").code == 0
    said = fails(place, 4, "data-path-differs", "restore", *REPO, "--to", "new.ducklake", "--shares-files")
    assert f"--data-path {place.folder}/moved/" in said
    assert place.run("restore", *REPO, "--to", "new.ducklake", "--data-path", "own").code == 0


def test_a_spare_beside_the_living_lake(place: Place) -> None:
    assert place.run("backup", LAKE, *REPO).code == 0
    restore = ("restore", *REPO, "--to", "spare.ducklake")
    said = fails(place, 4, "shares-files", *restore)
    assert str(place.catalog) in said
    fails(place, 2, "options-together", *restore, "--table", "t", "--shares-files")
    assert place.run(*restore, "--shares-files").code == 0


def test_where_nobody_can_tell_the_exit_code_says_so(place: Place) -> None:
    assert place.run("backup", LAKE, *REPO).code == 0
    content = bytearray(place.catalog.read_bytes())
    content[4096:12288] = b"\0" * 8192
    place.catalog.write_bytes(content)
    ran = place.run("restore", *REPO, "--to", "spare.ducklake", "--json")
    assert (ran.code, ran.document["finding_counts"]) == (3, {"shares-files-unknown": 1})


def test_a_watch_of_a_catalog_that_never_was(place: Place) -> None:
    ran = place.run("watch", "lake/other.ducklake", *REPO, "--json")
    *_, last = [json.loads(line) for line in ran.out.splitlines()]
    assert (ran.code, last["code"]) == (1, "catalog-missing")


def test_salvage_where_nothing_is(place: Place) -> None:
    fail(
        place,
        4,
        "data-path-empty",
        [
            ("salvage", LAKE, "--data-path", "/nope"),
            ("salvage", LAKE, *REPO, "--data-path", "/nope"),
            ("salvage", "new.ducklake", "--new-catalog", "--data-path", "/nope"),
        ],
    )


def test_attach_makes_the_folder(place: Place) -> None:
    assert place.run("attach", *REPO, "--out", "looks/of/today.ducklake").code == 0
    assert (place.folder / "looks" / "of" / "today.ducklake").is_file()


@pytest.mark.parametrize("option", ["--relative", "--absolute"])
def test_how_the_catalog_names_the_folder(place: Place, option: str) -> None:
    ran = place.run("repoint", LAKE, "--data-path", "lake/data", option, "--keep-elsewhere", "--dry-run")
    assert ran.code == 0
    assert ("the catalog names it as lake/data/" in ran.out) == (option == "--relative")
