"""Sealed repositories on the command line: keys from files, and what is said to who has none."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import canvasback
from tests.cli.running import Place, clean, fails
from tests.oracle import read_lake
from tests.sealing import Person


def keep(folder: Path, name: str, person: Person) -> str:
    """A file with a secret key, as age-keygen writes it."""
    path = folder / name
    path.write_text(f"# created: 2026-11-27\n# public key: {person.key}\n{person.identity}\n", "utf-8")
    return str(path)


def test_a_sealed_repository_from_its_making_to_a_restore(place: Place) -> None:
    ops, deputy = Person(), Person()
    key = keep(place.folder, "ops.key", ops)
    made = place.run(
        "init",
        "sealed",
        "--lake",
        "lake/main.ducklake",
        "--seal",
        "--seal-data",
        "--recipient",
        f"ops={ops.key}",
        "--json",
    )
    assert (made.code, made.document["sealed_for"], made.document["seals_data"]) == (0, ["ops"], True)
    said = fails(place, 4, "key-missing", "backup", "lake/main.ducklake", "-r", "sealed")
    assert "ops (age1" in said
    assert "CANVASBACK_IDENTITY" in said

    (place.folder / "canvasback.toml").write_text(
        f'repository = "sealed"\nidentity = "{key}"\nwitness = "witness"\n', "utf-8"
    )
    assert place.run("backup", "lake/main.ducklake").code == 0
    assert len(list((place.folder / "witness").rglob("*.json"))) == 1
    assert place.run("verify", "--all", "--level", "checksum").code == 0
    ran = place.run("restore", "--to", "new.ducklake", "--data-path", "new")
    assert (ran.code, ran.err) == (0, "")
    assert read_lake(f"ducklake:{place.folder}/new.ducklake") == read_lake(f"ducklake:{place.catalog}", cwd=place.lake)

    # What the environment names goes before the file's, and may be nothing.
    fails(place, 4, "key-missing", "list", CANVASBACK_IDENTITY="")
    assert place.run("list", "-r", "repo", CANVASBACK_IDENTITY="").code == 0
    assert "CANVASBACK_IDENTITY= " in fails(place, 4, "not-sealed", "list", "-r", "repo")
    gone = str(place.folder / "gone")
    assert "gone cannot be read" in fails(place, 2, "secret-file", "list", CANVASBACK_PASSPHRASE_FILE=gone)

    fails(place, 4, "data-sealed", "attach", "--out", "a.ducklake")
    added = place.run("key", "add", "deputy", "--recipient", deputy.key, "--json").document
    assert [(one["name"], one["present"]) for one in added["recipients"]] == [("ops", True), ("deputy", False)]
    assert added["schema"] == "canvasback.key-add/1"
    other = keep(place.folder, "deputy.key", deputy)
    listed = place.run("key", "list", CANVASBACK_IDENTITY=other)
    assert re.search(r"^deputy +[0-9a-f]{8} +age1\w+ +2\S+ \S+ +yes$", listed.out, re.MULTILINE)
    assert re.search(r"^fingerprint [0-9a-f]{32}, never rotated$", listed.out, re.MULTILINE)
    removed = place.run("key", "remove", "deputy", "--json").document
    assert (removed["schema"], len(removed["recipients"])) == ("canvasback.key-remove/1", 1)
    fails(place, 4, "key-wrong", "list", CANVASBACK_IDENTITY=other)
    rotated = place.run("key", "rotate", "--json").document
    assert (rotated["schema"], rotated["rotations"]) == ("canvasback.key-rotate/1", 1)
    statements = place.run("key", "sql").out.splitlines()
    assert [line.partition("(")[0] for line in statements] == ["PRAGMA add_parquet_key"] * 2
    assert place.run("key", "sql", "--json").document["statements"] == statements
    assert place.run("key", "list", "--json").document["schema"] == "canvasback.key-list/1"


def test_what_is_wrong_with_keys_is_said_and_no_secret_with_it(place: Place) -> None:
    owner = Person()
    for arguments, code in (
        (("--seal",), "no-recipients"),
        (("--seal-data",), "no-recipients"),
        (("--recipient", "ops=age1no"), "key-not-understood"),
        (("--recipient", owner.identity), "key-not-understood"),
        (("--recipient", f"a={owner.key}", "--recipient", f"a={owner.key}"), "name-twice"),
        (("--new-passphrase", "safe=nowhere"), "secret-file"),
    ):
        said = fails(place, 2, code, "init", "sealed", "--lake", "lake/main.ducklake", *arguments)
        assert owner.identity[20:50] not in said
    assert not (place.folder / "sealed").exists()

    for name, content in (("empty", b"\n"), ("binary", b"\xff\xfe")):
        (place.folder / name).write_bytes(content)
        fails(place, 2, "secret-file", "list", "-r", "repo", CANVASBACK_PASSPHRASE_FILE=str(place.folder / name))
        fails(place, 2, "secret-file", "list", "-r", "repo", CANVASBACK_IDENTITY=str(place.folder / name))
    (place.folder / "broken").write_text(owner.identity[:-1], "utf-8")
    said = fails(place, 4, "not-sealed", "list", "-r", "repo", CANVASBACK_IDENTITY=str(place.folder / "broken"))
    assert owner.identity[20:50] not in said
    fails(place, 2, "no-keys", "key", "list", "-r", "repo")
    one = place.run("init", "sealed", "--lake", "lake/main.ducklake", "--recipient", owner.key)
    assert "add somebody else" in one.out
    assert "can read the copies" in one.out
    broken = str(place.folder / "broken")
    said = fails(place, 2, "key-not-understood", "list", "-r", "sealed", CANVASBACK_IDENTITY=broken)
    assert owner.identity[20:50] not in said
    assert canvasback.Secrets([owner.identity]).__repr__() == "Secrets(1 identities, 0 passphrases)"


def test_no_log_is_archived_in_a_sealed_repository(place: Place, tmp_path: Path) -> None:
    owner = Person()
    assert place.run("init", "sealed", "--lake", "lake/main.ducklake", "--recipient", owner.key).code == 0
    history = tmp_path / "00000002.history"
    history.write_text("1\t0/3000000\tno recovery target specified\n", "utf-8")
    program = Path(sys.executable).parent / "canvasback-wal-push"
    push = [program, "-r", str(place.folder / "sealed"), "--system", "7", str(history)]
    ended = subprocess.run(push, capture_output=True, text=True, check=False, env=clean(place.folder))
    assert ended.returncode == 1
    assert "log-not-sealed" in ended.stderr
    assert not (place.folder / "sealed" / "pitr").exists()
