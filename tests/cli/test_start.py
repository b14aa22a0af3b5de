"""The start: what is slow to load is loaded when a command needs it, and nobody sees a difference."""

from __future__ import annotations

import inspect
import subprocess
import sys
from importlib import import_module
from typing import Any

import pytest
import typer

import canvasback
from canvasback.cli.app import main
from canvasback.cli.parser import parser_of
from canvasback.cli.verbs import VERBS

CLOUDS = ("boto3", "botocore", "obstore", "google.cloud.storage", "azure.storage.blob")
SLOW = ("duckdb", "jinja2", "pyarrow", "adbc_driver_manager", "adbc_driver_postgresql", *CLOUDS)
PARSERS = ("typer", "click", "rich", "msgspec", "lazy_loader", "canvasback.cli.parser", "canvasback.model")


def loaded(code: str) -> set[str]:
    """The modules that a Python loads to run something."""
    code = f"import sys\ntry:\n {code}\nfinally: print(*sys.modules, file=sys.stderr)"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    modules = set(process.stderr.splitlines()[-1].split())
    assert "sys" in modules
    return modules


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], []])
def test_what_names_no_verb_loads_no_verb_and_no_library(arguments: list[str]) -> None:
    modules = loaded(f"sys.argv[1:] = {arguments}; from canvasback.cli.app import main; main()")
    assert "canvasback.cli.app" in modules
    assert modules & {*SLOW, *PARSERS} == set()


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_loads_no_other(verb: str) -> None:
    modules = loaded(f"sys.argv[1:] = ['{verb}', '--help']; from canvasback.cli.app import main; main()")
    named = {name.removeprefix("canvasback.cli.commands.") for name in modules if "cli.commands." in name}
    named = {name for name in named if not name.startswith(f"{verb}_")}  # the commands of a verb that has several
    assert named == ({"run", "backup"} if verb == "run" else {verb})
    assert modules & set(SLOW) == set()


def test_the_library_loads_nothing_before_it_is_asked() -> None:
    modules = loaded("import canvasback")
    assert modules & {*SLOW, *PARSERS} == set()
    assert "lazy_loader" in loaded("import canvasback; canvasback.UsageError")


@pytest.mark.parametrize("verb", VERBS)
def test_the_list_of_verbs_says_what_each_command_says(verb: str) -> None:
    app = import_module(f"canvasback.cli.commands.{verb}").app
    for group in app.registered_groups:  # a verb that has several commands
        assert (group.name, group.typer_instance.info.help) == (verb, VERBS[verb])
        return
    [command] = app.registered_commands
    assert (command.name or command.callback.__name__) == verb
    assert inspect.getdoc(command.callback) == VERBS[verb]


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
@pytest.mark.parametrize("columns", [60, 61, 72, 80, 100, 200])
def test_the_page_of_all_verbs_is_what_typer_would_print(columns: int, encoding: str) -> None:
    def printed(code: str) -> list[str]:
        process = subprocess.run(
            [sys.executable, "-c", code],
            env={"COLUMNS": str(columns), "PYTHONIOENCODING": encoding, "PYTHONPATH": ":".join(sys.path)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding=encoding,
            check=True,
        )
        return [line.rstrip() for line in process.stdout.rstrip().split("\n")]

    ours = printed("import sys; sys.argv[1:] = ['--help']; from canvasback.cli.app import main; main()")
    theirs = printed(
        "from canvasback.cli.parser import parser_of; from canvasback.cli.verbs import VERBS;"
        "parser_of(VERBS)(['--help'], prog_name='canvasback')"
    )
    assert ours == theirs
    assert any("salvage" in line for line in ours)


def run(arguments: list[str], capsys: Any, monkeypatch: pytest.MonkeyPatch) -> tuple[object, str, str]:
    """Run the program here, and answer its exit code, stdout and stderr."""
    monkeypatch.setattr(sys, "argv", ["canvasback", *arguments])
    try:
        main()
        code: object = 0
    except SystemExit as exit_:
        code = exit_.code
    return (code, *capsys.readouterr())


@pytest.mark.parametrize("arguments", [["--version", "list"], ["--", "list", "--help"], ["--help", "list"]])
def test_what_is_not_quite_a_verb_is_for_typer(
    arguments: list[str], capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, out, err = run(arguments, capsys, monkeypatch)
    assert (code, err) == (0, "")
    assert out == f"{canvasback.__version__}\n" if arguments[0] == "--version" else "Usage: canvasback " in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["bakcup"], "No such command 'bakcup'. Did you mean 'backup'?"),
        (["--nope"], "No such option: --nope"),
        (["list", "--nope"], "No such option: --nope"),
    ],
)
def test_a_mistake_is_answered_with_what_was_meant(
    arguments: list[str], said: str, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, out, err = run(arguments, capsys, monkeypatch)
    assert (code, out) == (2, "")
    assert said in err
    assert f"Usage: {'canvasback list' if arguments[0] == 'list' else 'canvasback'} [OPTIONS]" in err


def test_nothing_asked_is_answered_with_the_page(capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    help_ = run(["--help"], capsys, monkeypatch)
    assert help_[::2] == (0, "")
    assert run([], capsys, monkeypatch) == (2, help_[1], "")


def test_colours_are_for_terminals(capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert "\x1b" not in run(["--help"], capsys, monkeypatch)[1]
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[1;36minit    \x1b[0m" in run(["--help"], capsys, monkeypatch)[1]
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in run(["--help"], capsys, monkeypatch)[1]


def test_every_public_name_is_there() -> None:
    assert len(canvasback.__all__) == len(set(canvasback.__all__))
    for name in canvasback.__all__:
        assert getattr(canvasback, name) is not None
    assert set(canvasback.__all__) <= set(dir(canvasback))
    with pytest.raises(AttributeError):
        _ = canvasback.nonsense  # type: ignore[attr-defined]


@pytest.mark.parametrize("asked", ["canvasback.__all__", "dir(canvasback)"])
def test_public_names_are_there_whatever_is_asked_first(asked: str) -> None:
    code = f"import canvasback\nassert 'backup' in {asked}\nfrom canvasback import *\nassert callable(restore)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_one_parser_has_all_verbs() -> None:
    assert list(typer.main.get_command(parser_of(VERBS)).commands) == list(VERBS)  # type: ignore[attr-defined]
