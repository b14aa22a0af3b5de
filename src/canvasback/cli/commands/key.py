"""``key``: who can open a sealed repository."""

from __future__ import annotations

from typing import Annotated

import typer

import canvasback
from canvasback.cli.exit_codes import run_command
from canvasback.cli.options import AsJson, Repo
from canvasback.cli.settings import read_passphrase, read_settings
from canvasback.cli.text.table import table
from canvasback.model.moment import in_utc
from canvasback.model.plurals import many
from canvasback.model.results.keys import (
    KeyAddResult,
    KeyListResult,
    KeyRemoveResult,
    KeyRotateResult,
    KeySqlResult,
    KeysResult,
)

app = typer.Typer()
key = typer.Typer(no_args_is_help=True, help="Tell and change who can open a sealed repository.")
app.add_typer(key, name="key")

Name = Annotated[str, typer.Argument(metavar="NAME", help="What whoever it is is called.")]


@key.command("list")
def list_(repo: Repo = None, as_json: AsJson = False) -> None:
    """Tell who can open the repository."""

    def work() -> KeyListResult:
        settings = read_settings()
        return canvasback.key_list(settings.find_repository(repo), stores=settings.stores())

    run_command(work, _text, as_json=as_json)


@key.command()
def add(
    name: Name,
    repo: Repo = None,
    recipient: Annotated[str | None, typer.Option("--recipient", help="A public key of age: age1….")] = None,
    passphrase: Annotated[
        str | None, typer.Option("--new-passphrase", metavar="FILE", help="A file with a passphrase, instead of a key.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Let somebody else open the repository too."""

    def work() -> KeyAddResult:
        settings = read_settings()
        return canvasback.key_add(
            settings.find_repository(repo),
            name=name,
            recipient=recipient,
            passphrase=None if passphrase is None else read_passphrase(passphrase),
            stores=settings.stores(),
        )

    run_command(work, _text, as_json=as_json)


@key.command()
def remove(name: Name, repo: Repo = None, as_json: AsJson = False) -> None:
    """Let somebody open the repository no longer. Then rotate: who could open it may have kept its keys."""

    def work() -> KeyRemoveResult:
        settings = read_settings()
        return canvasback.key_remove(settings.find_repository(repo), name=name, stores=settings.stores())

    run_command(work, _text, as_json=as_json)


@key.command()
def rotate(repo: Repo = None, as_json: AsJson = False) -> None:
    """Write with new keys from now on; what is there opens as before."""

    def work() -> KeyRotateResult:
        settings = read_settings()
        return canvasback.key_rotate(settings.find_repository(repo), stores=settings.stores())

    run_command(work, _text, as_json=as_json)


@key.command()
def sql(repo: Repo = None, as_json: AsJson = False) -> None:
    """Print what lets a session of DuckDB read an attached point. The keys are in it."""

    def work() -> KeySqlResult:
        settings = read_settings()
        return canvasback.key_sql(settings.find_repository(repo), stores=settings.stores())

    run_command(work, lambda result: "\n".join(result.statements), as_json=as_json)


def _text(result: KeysResult) -> str:
    rows = [("NAME", "ID", "OPENS WITH", "ADDED (UTC)", "OPENED IT NOW")]
    rows += [
        (r.name, r.id, "a passphrase" if r.passphrase else r.key, in_utc(r.added), "yes" if r.present else "")
        for r in result.recipients
    ]
    rotated = f"rotated {many(result.rotations, 'time')}" if result.rotations else "never rotated"
    return f"{table(rows)}\nfingerprint {result.fingerprint}, {rotated}"
