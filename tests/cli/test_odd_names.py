"""Names that do something to a terminal are shown as what they are; JSON has them as they are."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest

from canvasback.cli.control_characters import visible
from tests.cli.running import Place
from tests.lake.builder import Lake

EVIL = "a\x1b[2J\n\u202eb\u2066\t\u200f\x7f\x9bc"
SHOWN = r"a\x1b[2J\n\u202eb\u2066\t\u200f\x7f\x9bc"
_HIDDEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A lake whose tables, columns, authors and messages are full of such letters, and which lost a file."""
    lake = Lake(tmp_path_factory.mktemp("odd") / "lake", options=("DATA_INLINING_ROW_LIMIT 0",))
    with lake.session() as connection:
        connection.execute(f'CREATE TABLE lake."{EVIL}" ("{EVIL}" INTEGER)')
        connection.execute(f"COMMENT ON TABLE lake.\"{EVIL}\" IS '{EVIL}'")
        connection.execute("BEGIN")
        connection.execute(f'INSERT INTO lake."{EVIL}" SELECT range FROM range(10)')
        connection.execute(f"CALL lake.set_commit_message('{EVIL}', '{EVIL}')")
        connection.execute("COMMIT")
    lake.backup()
    with lake.session() as connection:
        connection.execute(f'ALTER TABLE lake."{EVIL}" ADD COLUMN "{EVIL}2" VARCHAR')
        connection.execute(f'CREATE TABLE lake."{EVIL}gone" (i INTEGER)')
        connection.execute(f'DROP TABLE lake."{EVIL}gone"')
    lake.backup()
    lake.files()[0].unlink()
    return lake


@pytest.mark.parametrize(
    "command", ["show", "tables", "tables --dropped", "diff", "restore --table", "rewind", "check", "error"]
)
def test_no_letter_does_anything(lake: Lake, command: str, tmp_path: Path) -> None:
    place = Place(lake.folder.parent)
    repo = ("-r", lake.repository)
    arguments: tuple[object, ...] = {
        "show": ("show", *repo),
        "tables": ("tables", *repo),
        "tables --dropped": ("tables", "--dropped", *repo),
        "diff": ("diff", "1", "latest", *repo),
        "restore --table": ("restore", "--table", f"main.{EVIL}", "--as", f"{EVIL}3", "--to", lake.attach, *repo),
        "rewind": ("rewind", lake.attach, "--to-snapshot", "1", "--no-safety-point"),
        "check": ("check", lake.attach, "--html", tmp_path / "page.html"),
        "error": ("restore", "--table", f"main.{EVIL}none", "--to", lake.attach, *repo),
    }[command]
    dry = ("--dry-run",) if arguments[0] in {"restore", "rewind"} else ()
    ran = place.run(*arguments, *dry)
    assert "Traceback" not in ran.err
    assert SHOWN in ran.out + ran.err, ran
    assert not _HIDDEN.search(ran.out + ran.err)
    assert not any(line.startswith("\u202e") for line in (ran.out + ran.err).splitlines())
    if command == "check":
        page = (tmp_path / "page.html").read_text(encoding="utf-8")
        assert SHOWN in page
        assert not _HIDDEN.search(page)
        arguments = arguments[:2]
    if command != "error":
        assert json.dumps(EVIL)[1:-1] in json.dumps(place.run(*arguments, *dry, "--json").document)


def test_only_hidden_letters_are_spelled() -> None:
    plain = "ünïcödé 日本語 🦆 C:\\new\\table 'quoted' \"twice\""
    assert visible(plain) == plain
    assert visible(EVIL) == SHOWN
    assert visible("\udc80 \ufeff\u200b\u2028\U000e0041") == r"\udc80 \ufeff\u200b\u2028\U000e0041"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp437"])
def test_a_locale_with_few_letters(place: Place, encoding: str) -> None:
    lake = Lake(place.folder / "日本", options=("DATA_INLINING_ROW_LIMIT 0",))
    lake.run("CREATE TABLE lake.ünïcödé (i INTEGER)", "INSERT INTO lake.ünïcödé VALUES (1)")
    lake.backup()
    options = {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    repo = ("-r", lake.repository)
    for command in (("tables", *repo), ("check", lake.attach), ("diff", "0", "latest", *repo)):
        process = place.start(*command, **options)
        for stream in (process.stdout, process.stderr):
            assert isinstance(stream, io.TextIOWrapper)
            stream.reconfigure(encoding=encoding)
        out, err = process.communicate()
        assert (process.returncode, err) == (0, ""), command
        assert out
    process = place.start("tables", *repo, "--json", **options)
    assert json.loads(process.communicate()[0])["tables"][0]["table"] == "ünïcödé"
    process = place.start("show", "-r", place.folder / "日本語", **options)
    assert "Traceback" not in process.communicate()[1]
    assert process.returncode == 1


@pytest.mark.parametrize("json_too", [False, True])
def test_a_path_that_is_no_text(place: Place, *, json_too: bool) -> None:
    for command in (("show", "-r", "re\udcffpo"), ("check", "ducklake:\udcff"), ("show", "\udcff", "-r", "repo")):
        ran = place.run(*command, *(["--json"] if json_too else []))
        assert "Traceback" not in ran.err
        assert ran.code in {1, 2}
        assert r"\udcff" in ran.err
        if json_too:
            assert "udcff" in json.dumps(ran.document["message"])
