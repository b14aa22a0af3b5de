"""Every command on a small lake, as text and as JSON, through the command line that a user types."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import typer.main

import canvasback
from canvasback.cli.parser import parser_of
from canvasback.cli.verbs import VERBS
from canvasback.model.clock import now
from canvasback.model.results.run import RunResult
from canvasback.repository.leases import hold_lease
from canvasback.storage.local.store import LocalStore
from tests.cli.running import Place, Ran, clean, tree
from tests.crash.lakes import Stages
from tests.oracle import read_lake

COMMANDS = (
    "init", "backup", "list", "show", "verify", "restore", "attach", "rewind", "repoint", "diff",
    "tables", "watch", "run", "check", "heal", "salvage", "tag", "note", "hold", "forget", "unforget",
    "prune", "mirror", "repair", "lock", "policy", "key list", "key add", "key remove", "key rotate", "key sql",
    "protect status", "protect enable",
    "pitr target",
    "protect status", "protect enable",
    "pitr setup", "pitr run", "pitr backup", "pitr list", "pitr verify", "pitr restore", "pitr forget",
)  # fmt: skip
STREAMS = {"watch", "pitr run"}
"""They print more than one document; their own tests look at them."""
TYPES: dict[str, type[msgspec.Struct]] = {
    "init": canvasback.InitResult,
    "backup": canvasback.BackupResult,
    "list": canvasback.ListResult,
    "show": canvasback.ShowResult,
    "verify": canvasback.VerifyResult,
    "restore": canvasback.RestoreResult,
    "attach": canvasback.AttachResult,
    "rewind": canvasback.RewindResult,
    "repoint": canvasback.RepointResult,
    "diff": canvasback.DiffResult,
    "tables": canvasback.TablesResult,
    "run": RunResult,
    "check": canvasback.CheckResult,
    "heal": canvasback.HealResult,
    "salvage": canvasback.SalvageResult,
    "tag": canvasback.TagResult,
    "note": canvasback.NoteResult,
    "hold": canvasback.HoldResult,
    "forget": canvasback.ForgetResult,
    "unforget": canvasback.UnforgetResult,
    "prune": canvasback.PruneResult,
    "mirror": canvasback.MirrorResult,
    "repair": canvasback.RepairResult,
    "lock": canvasback.LockResult,
    "policy": canvasback.PolicyResult,
    "key list": canvasback.KeyListResult,
    "key add": canvasback.KeyAddResult,
    "key remove": canvasback.KeyRemoveResult,
    "key rotate": canvasback.KeyRotateResult,
    "key sql": canvasback.KeySqlResult,
    "protect status": canvasback.ProtectStatusResult,
    "protect enable": canvasback.ProtectEnableResult,
    "pitr target": canvasback.PitrTargetResult,
    "pitr setup": canvasback.PitrSetupResult,
    "pitr backup": canvasback.PitrBackupResult,
    "pitr list": canvasback.PitrListResult,
    "pitr verify": canvasback.PitrVerifyResult,
    "pitr restore": canvasback.PitrRestoreResult,
    "pitr forget": canvasback.PitrForgetResult,
}


def answered(ran: Ran, command: str, code: int = 0) -> Any:
    """The result that a command printed as JSON, decoded as the type that the library would have given."""
    assert (ran.code, ran.err) == (code, "")
    assert ran.document["schema"] == f"canvasback.{command}/1"
    result: Any = msgspec.json.decode(ran.out, type=TYPES[command], strict=True)
    # Nothing was left out and nothing is there that the type does not know.
    assert msgspec.json.decode(msgspec.json.encode(result)) == ran.document
    return result


def test_the_commands_are_these() -> None:
    assert sorted(VERBS) == sorted({command.partition(" ")[0] for command in COMMANDS})
    assert {f"canvasback.{command.replace(' ', '-')}/1": result for command, result in TYPES.items()} == {
        result.__struct_config__.tag: result for result in TYPES.values()
    }
    assert TYPES.keys() | STREAMS == set(COMMANDS)


def test_help_documents_each_command(place: Place) -> None:
    ran = place.run("--help")
    assert (ran.code, ran.err) == (0, "")
    for command in VERBS:
        assert re.search(rf"\b{command}\b +[A-Z]", ran.out), command
    assert "--version" in ran.out


def test_help_of_each_command(place: Place) -> None:
    for command in COMMANDS:
        words = command.split()
        ran = place.run(*words, "--help")
        assert (ran.code, ran.err) == (0, "")
        declared: Any = typer.main.get_command(parser_of(words[:1]))
        for word in words:
            declared = declared.commands[word]
        for parameter in declared.params:
            if parameter.name != "help":
                assert parameter.help, parameter.name
            for option in parameter.opts:
                assert option.upper() in ran.out.upper()
        assert "--json" in ran.out


def test_version(place: Place) -> None:
    assert place.run("--version") == Ran(0, canvasback.__version__ + "\n", "")


def test_a_console_script_is_installed() -> None:
    script = Path(sys.executable).with_name("canvasback")
    ran = subprocess.run([script, "--version"], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, canvasback.__version__ + "\n", "")


# JSON


def test_json_of_every_command(place: Place, stages: Stages) -> None:
    created = answered(place.run("init", "new", "--lake", place.catalog, "--json"), "init")
    assert (created.repository, created.lake_id) == (f"{place.folder}/new/", lake_id(place))

    made = answered(place.run("backup", place.catalog, "-r", "new", "--jobs", "1", "--json"), "backup")
    assert (made.snapshot_id, made.files, made.new_files, made.reused_files) == (14, 11, 11, 0)
    assert made.bytes == made.new_bytes > 0
    assert made.catalog_bytes > 0
    assert (made.findings, made.finding_counts) == ((), {})

    [summary] = answered(place.run("list", "-r", "new", "--json"), "list").points
    assert summary.point == made.point
    assert (summary.files, summary.bytes, summary.snapshots, summary.timeline) == (11, made.bytes, 15, 1)
    assert summary.problem == ""

    shown = answered(place.run("show", "-r", "new", "--json"), "show")
    assert shown.point == summary
    assert (shown.engine, shown.ducklake_version, shown.encrypted, shown.absent) == ("duckdb", "1.0", False, 0)
    assert [(table.schema, table.table) for table in shown.tables] == [("s", "parts"), ("s", "t")]
    assert shown.data_root == f"{place.lake}/data/"

    # All but the marker, the manifest and the leases.
    objects = sum("/" in name and not name.startswith(("leases/", "points/")) for name in tree(place.folder / "new"))
    for level in ("exists", "checksum", "rows"):
        verified = answered(place.run("verify", "-r", "new", "--level", level, "--json"), "verify")
        assert (verified.points, verified.level, verified.objects) == ((made.point,), level, objects)
        assert (verified.bytes > 0) == (level != "exists")

    restored = answered(
        place.run("restore", "-r", "new", "--to", "r/r.ducklake", "--data-path", "r/data", "--json"), "restore"
    )
    assert (restored.lake, restored.data_path) == ("ducklake:r/r.ducklake", f"{place.folder}/r/data/")
    assert (restored.restored_files, restored.kept_files, restored.restored_bytes) == (11, 0, made.bytes)
    assert not restored.dry_run
    assert read_lake(f"ducklake:{place.folder}/r/r.ducklake")["snapshots"] == stages.truth["3"]

    attached = answered(place.run("attach", "-r", "new", "--out", "a.ducklake", "--json"), "attach")
    assert attached.file == f"{place.folder}/a.ducklake"
    assert attached.statement.startswith(f"ATTACH 'ducklake:{place.folder}/a.ducklake' AS lake (READ_ONLY")
    assert read_lake(f"ducklake:{place.folder}/a.ducklake")["snapshots"] == stages.truth["3"]

    (place.folder / "r/data").rename(place.folder / "moved")
    repointed = answered(place.run("repoint", "r/r.ducklake", "--data-path", "moved", "--verify", "--json"), "repoint")
    assert (repointed.old_data_path, repointed.data_path) == (f"{place.folder}/r/data/", f"{place.folder}/moved/")
    assert (repointed.files, repointed.dry_run) == (11, False)
    # A relative folder stays so: the lake is found from where it is given.
    assert read_lake(f"ducklake:{place.folder}/r/r.ducklake", cwd=place.folder)["snapshots"] == stages.truth["3"]

    ran = answered(place.run("run", place.catalog, "-r", "new", "--json", "true"), "run")
    assert (ran.exit_code, ran.backup.files, ran.backup.new_files) == (0, 11, 0)


def lake_id(place: Place) -> str:
    marker = msgspec.json.decode((place.repo / "canvasback.json").read_bytes())
    found: str = marker["lake_id"]
    return found


# Text


def test_text_of_every_command(place: Place, stages: Stages) -> None:
    def said(*arguments: object) -> str:
        ran = place.run(*arguments)
        assert (ran.code, ran.err) == (0, "")
        return ran.out

    assert said("init", "new", "--lake", place.catalog) == (
        f"created a repository for the lake {lake_id(place)} at {place.folder}/new/\n"
    )
    assert said("list", "-r", "new") == f"no points in {place.folder}/new/ yet\n"
    dry = said("backup", place.catalog, "-r", "new", "--dry-run")
    assert dry.startswith(f"what a backup would do:\n  - ducklake:{place.catalog} is at snapshot 14 of ")
    assert re.search(r"\n  - 11 files \(\d+ bytes\) of \S+/lake/data/ are copied\n  - 0 files are held already\n", dry)
    assert dry.endswith("nothing was changed (--dry-run)\n")
    assert said("list", "-r", "new") == f"no points in {place.folder}/new/ yet\n"
    point, *lines = said("backup", place.catalog, "-r", "new").splitlines()
    id_ = point.removeprefix("point ")
    assert re.fullmatch(r"\d{8}T\d{9}Z-s14", id_)
    assert [line.split()[0] for line in lines] == ["snapshot", "files", "copied", "reused", "catalog", "took"]
    header, row = said("list", "-r", "new").splitlines()
    assert header.split()[:3] == ["POINT", "TIMELINE", "SNAPSHOT"]
    assert row.split()[:3] == [id_, "1", "14"]
    shown = said("show", id_[:12], "-r", "new")
    assert shown.startswith(f"point {id_}\n")
    assert re.search(r"^s +parts +40 ", shown, re.MULTILINE)
    assert "DuckLake 1.0 in duckdb" in shown
    assert said("verify", "-r", "new", "--level", "rows").startswith(f"{id_}: sound at level rows (")
    assert said("verify", "-r", "repo", "--all").startswith("2 points: sound at level exists (")
    dry = said("restore", "-r", "new", "--to", "r.ducklake", "--data-path", "r", "--dry-run")
    assert dry.startswith(f"would restore {id_} to ducklake:r.ducklake\n  - ")
    assert dry.endswith("nothing was changed (--dry-run)\n")
    wet = said("restore", "-r", "new", "--to", "r.ducklake", "--data-path", "r")
    assert wet.startswith(f"restored {id_} to ducklake:r.ducklake\n  - ")
    assert "11 files (" in wet
    attached = said("attach", "-r", "new", "--out", "it's.ducklake")
    assert f"ATTACH 'ducklake:{place.folder}/it''s.ducklake' AS lake (READ_ONLY);" in attached


def test_attach_names_the_file_after_the_point(place: Place) -> None:
    before = tree(place.folder)
    ran = place.run("attach", place.points[0], "-r", "repo")
    assert ran.code == 0
    assert set(tree(place.folder)) - set(before) == {f"{place.points[0]}.ducklake"}


def test_a_dry_run_changes_nothing(place: Place) -> None:
    before = tree(place.folder)
    command = ["restore", "-r", "repo", "--to", "r.ducklake", "--data-path", "r", "--dry-run", "--json"]
    planned = answered(place.run(*command), "restore")
    assert planned.dry_run
    assert planned.restored_files == 11
    assert tree(place.folder) == before
    assert not (place.folder / "r").exists()


def test_a_dry_run_of_a_backup_changes_nothing(place: Place) -> None:
    command = ["backup", place.catalog, "-r", "repo", "--json"]
    with hold_lease(LocalStore(f"{place.repo}/"), "backup", now):
        during = tree(place.folder)
        planned = answered(place.run(*command, "--dry-run"), "backup")
        assert tree(place.folder) == during
    assert (planned.dry_run, planned.point, planned.made) == (True, "", False)
    made = answered(place.run(*command), "backup")
    assert (made.dry_run, made.made, made.steps) == (False, True, planned.steps)

    manifest = place.repo / "points" / f"{made.point}.json"
    manifest.write_bytes(b"nonsense")
    before = tree(place.folder)
    damaged = place.run(*command, "--dry-run")
    assert (damaged.code, damaged.document["finding_counts"]) == (3, {"repository-damaged": 1})
    assert tree(place.folder) == before


def test_restore_in_place(place: Place, stages: Stages) -> None:
    [made] = [answered(place.run("backup", place.catalog, "-r", "repo", "--json"), "backup")]
    before = tree(place.lake)
    kept = place.catalog.read_bytes()
    lost, damaged, touched = sorted(place.lake.glob("data/s/t/*.parquet"))[:3]
    lost.unlink()
    damaged.write_bytes(b"short")
    content = bytearray(touched.read_bytes())
    content[10] ^= 1
    touched.write_bytes(content)
    command = ["restore", made.point, "-r", "repo", "--to", "lake/main.ducklake", "--replace", "--json"]
    first = answered(place.run(*command), "restore")
    assert (first.restored_files, first.kept_files) == (2, 9)  # by size alone, the third looks whole
    second = answered(place.run(*command, "--level", "checksum"), "restore")
    assert (second.restored_files, second.kept_files) == (1, 10)
    after = tree(place.lake)
    assert {n: h for n, h in after.items() if n.endswith(".parquet")} == {
        n: h for n, h in before.items() if n.endswith(".parquet")
    }
    assert len([name for name in after if ".damaged-" in name]) == 2
    aside = sorted(place.lake.glob("main.ducklake.replaced-*"))
    assert len(aside) == 2
    assert aside[0].read_bytes() == kept
    assert read_lake(f"ducklake:{place.catalog}", cwd=place.lake)["snapshots"] == stages.truth["3"]


def test_a_second_backup_copies_nothing(place: Place) -> None:
    made = answered(place.run("backup", place.catalog, "-r", "repo", "--json"), "backup")
    assert (made.new_files, made.new_bytes, made.reused_files, made.findings) == (0, 0, 11, ())
    assert len(place.points) == 3


# Findings


def test_findings_of_a_backup(place: Place) -> None:
    shutil.rmtree(place.repo)
    assert place.run("init", "repo", "--lake", place.catalog).code == 0
    missing, short, *_ = sorted(place.lake.glob("data/s/t/*.parquet"))
    whole = {path: path.read_bytes() for path in (missing, short)}
    missing.unlink()
    os.truncate(short, 100)
    text = place.run("backup", place.catalog, "-r", "repo")
    assert (text.code, text.err) == (3, "")
    assert "2 findings: 1 file-missing, 1 file-size" in text.out
    assert f"  error: {missing}: not saved: the file is not there [file-missing]" in text.out
    assert text.out.count("  hint: ") == 1
    made = answered(place.run("backup", place.catalog, "-r", "repo", "--json"), "backup", code=3)
    assert made.finding_counts == {"file-missing": 1, "file-size": 1}
    assert {finding.where for finding in made.findings} == {str(missing), str(short)}
    # To show what a backup found long ago is success; what could not be saved cannot be restored.
    shown = place.run("show", "-r", "repo", "--json")
    assert answered(shown, "show").absent == 2
    assert answered(place.run("list", "-r", "repo", "--json"), "list").points[-1].findings == 2
    restored = place.run("restore", "-r", "repo", "--to", "r.ducklake", "--data-path", "r", "--json")
    assert answered(restored, "restore", code=3).finding_counts == {"file-absent": 2}
    attached = place.run("attach", "-r", "repo", "--out", "a.ducklake", "--json")
    assert answered(attached, "attach", code=3).finding_counts == {"files-absent": 1}
    verified = place.run("verify", "-r", "repo", "--level", "rows", "--json")
    assert answered(verified, "verify", code=3).finding_counts == {"files-absent": 1}
    # The files come back, and so does peace.
    for path, content in whole.items():
        path.write_bytes(content)
    assert answered(place.run("backup", place.catalog, "-r", "repo", "--json"), "backup").new_files == 2
    assert answered(place.run("verify", "-r", "repo", "--level", "rows", "--json"), "verify").findings == ()


def test_findings_of_verify(place: Place) -> None:
    victim = next(place.repo.glob("data/s/parts/*/*.parquet"))
    content = bytearray(victim.read_bytes())
    content[8] ^= 1
    victim.write_bytes(content)
    assert place.run("verify", "-r", "repo").code == 0
    text = place.run("verify", "-r", "repo", "--level", "checksum")
    assert (text.code, text.err) == (3, "")
    assert "damaged at level checksum" in text.out
    assert f"error: {victim.relative_to(place.repo)}: " in text.out
    assert "[object-corrupt]" in text.out
    found = answered(place.run("verify", "-r", "repo", "--level", "checksum", "--json"), "verify", code=3)
    assert found.finding_counts == {"object-corrupt": 1}
    restored = place.run("restore", "-r", "repo", "--to", "r.ducklake", "--data-path", "r", "--json")
    assert answered(restored, "restore", code=3).finding_counts == {"object-corrupt": 1}
    assert (place.folder / "r.ducklake").exists()


# Where the repository and the lake are named


def test_the_environment_names_the_repository(place: Place) -> None:
    assert place.run("list", CANVASBACK_REPO="repo").code == 0
    assert place.run("list", "-r", "repo", CANVASBACK_REPO="nowhere").code == 0
    ran = place.run("list", CANVASBACK_REPO="nowhere")
    assert (ran.code, "not-a-repository" in ran.err) == (1, True)


def test_the_settings_file_names_lakes(place: Place) -> None:
    settings = place.folder / "canvasback.toml"
    settings.write_text("[lakes.sales]\nlake = 'ducklake:lake/main.ducklake'\nrepository = 'repo'\n")
    made = answered(place.run("backup", "sales", "--json"), "backup")
    listed = answered(place.run("list", "--json"), "list")  # the only lake's repository
    assert listed.points[-1].point == made.point
    settings.write_text(
        "repository = 'repo'\n"
        "[lakes.sales]\nlake = 'lake/main.ducklake'\n"
        "[lakes.moved]\nlake = 'other/main.ducklake'\ndata_path = 'elsewhere'\n"
    )
    assert answered(place.run("list", "--json"), "list").points[-1].point == made.point
    shutil.copytree(place.lake, place.folder / "other")
    (place.folder / "other" / "data").rename(place.folder / "elsewhere")
    moved = answered(place.run("backup", "moved", "--json"), "backup")
    shown = answered(place.run("show", moved.point, "--json"), "show")
    assert shown.data_root == f"{place.folder}/elsewhere/"
    assert shown.findings == ()
    to_sales = ("--to", "sales", "--replace", "--dry-run", "--json")
    # The newest point says that its data path is elsewhere than its catalog says, and that a copy of it is alive.
    for point, code in ((moved.point, "data-path-differs"), (made.point, "shares-files")):
        assert place.run("restore", point, *to_sales).document["code"] == code
    restored = answered(place.run("restore", made.point, *to_sales, "--shares-files"), "restore")
    assert restored.lake == "ducklake:lake/main.ducklake"
    # The option and the environment come first.
    assert place.run("list", CANVASBACK_REPO="nowhere").code == 1
    assert place.run("list", "-r", "repo", CANVASBACK_REPO="nowhere").code == 0


def test_the_users_settings_file(place: Place) -> None:
    folder = place.folder / "config" / "canvasback"
    folder.mkdir(parents=True)
    (folder / "canvasback.toml").write_text(f"repository = '{place.repo}'\n")
    assert place.run("list", XDG_CONFIG_HOME=str(place.folder / "config")).code == 0
    home = place.folder / "home"
    (home / ".config").mkdir(parents=True)
    folder.rename(home / ".config" / "canvasback")
    assert place.run("list", HOME=str(home)).code == 0
    # The one of the working folder is taken instead, not besides.
    (place.folder / "canvasback.toml").write_text("")
    assert place.run("list", HOME=str(home)).code == 2


# Progress


def on_a_terminal(place: Place, *arguments: object) -> tuple[int, str, str]:
    """Run a command whose stderr is a terminal: its exit code, its stdout, and what the terminal showed."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "canvasback", *map(str, arguments)],
        cwd=place.folder,
        env=clean(place.folder) | {"TERM": "xterm"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
    )
    os.close(theirs)
    shown = b""
    while True:
        select.select([ours], [], [])
        try:
            shown += os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
    os.close(ours)
    with process:
        out, _ = process.communicate()
    return process.returncode, out, shown.decode()


def test_progress_is_shown_on_a_terminal(place: Place) -> None:
    shutil.rmtree(place.repo)
    assert place.run("init", "repo", "--lake", place.catalog).code == 0
    code, out, shown = on_a_terminal(place, "backup", place.catalog, "-r", "repo", "--json")
    assert code == 0
    assert msgspec.json.decode(out)["schema"] == "canvasback.backup/1"
    for task in ("reading the catalog", "copying files"):
        assert task in shown
    assert "files" in shown
    assert shown.endswith(("\x1b[?25h", "\x1b[2K", "\r", "\n"))  # the cursor is given back
    code, _, shown = on_a_terminal(place, "verify", "-r", "repo", "--level", "checksum")
    assert (code, "reading objects" in shown) == (0, True)
    code, _, shown = on_a_terminal(place, "restore", "-r", "repo", "--to", "r.ducklake", "--data-path", "r")
    assert (code, "restoring files" in shown) == (0, True)


def test_quiet_shows_none(place: Place) -> None:
    code, out, shown = on_a_terminal(place, "backup", place.catalog, "-r", "repo", "--quiet")
    assert (code, shown) == (0, "")
    assert out.startswith("point ")
