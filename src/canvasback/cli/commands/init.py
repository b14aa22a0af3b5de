"""``init``: create a repository."""

from __future__ import annotations

from typing import Annotated

import typer

import canvasback
from canvasback.cli.exit_codes import run_command
from canvasback.cli.options import AsJson, LockDays, LockIt
from canvasback.cli.settings import read_passphrase, read_settings
from canvasback.cli.text.findings import findings_lines
from canvasback.errors import UsageError
from canvasback.model.holding import StorageKind
from canvasback.model.plurals import many
from canvasback.model.results.init import InitResult
from canvasback.model.seal import no_recipients

app = typer.Typer()


@app.command()
def init(
    repository: Annotated[str, typer.Argument(metavar="REPO", help="An absent or empty folder, or a URL.")],
    lake: Annotated[str, typer.Option("--lake", help="The lake that the repository is for.")],
    lock: LockIt = None,
    lock_days: LockDays = None,
    seal: Annotated[bool, typer.Option("--seal", help="Seal it; implied by who can open it.")] = False,
    recipients: Annotated[
        list[str] | None,
        typer.Option(
            "--recipient", metavar="NAME=age1…", help="Seal it for this public key of age; again for another."
        ),
    ] = None,
    passphrases: Annotated[
        list[str] | None,
        typer.Option("--new-passphrase", metavar="NAME=FILE", help="Seal it for the passphrase in a file."),
    ] = None,
    seal_data: Annotated[
        bool, typer.Option("--seal-data", help="Seal copies of data files too: then points cannot be attached.")
    ] = False,
    storage: Annotated[
        str,
        typer.Option(
            "--storage",
            metavar="[copy|versions|replica]",
            help="Copies, versions that the lake's bucket keeps, or what arrives at a replica.",
        ),
    ] = "copy",
    replica_url: Annotated[
        str | None, typer.Option("--replica-url", metavar="URL", help="Where the data path is copied to by others.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Create a repository for a lake."""

    def work() -> InitResult:
        settings = read_settings()
        keys = _named(recipients or [])
        secrets = {name: read_passphrase(path) for name, path in _named(passphrases or []).items()}
        if seal and not (keys or secrets):
            raise no_recipients()
        return canvasback.init(
            settings.lake(lake).lake,
            repository,
            lock=lock,
            lock_days=lock_days,
            recipients=keys,
            passphrases=secrets,
            seal_data=seal_data,
            storage=storage,
            replica_url=replica_url,
            stores=settings.stores(),
        )

    run_command(work, _text, as_json=as_json)


def _named(given: list[str]) -> dict[str, str]:
    """Values with names for them; one without a name is called by itself.

    Raises:
        UsageError: Two have one name (``name-twice``).
    """
    named: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if name in named:
            raise UsageError("name-twice", f"{name!r} is named twice", hint="Give each a name of its own.")
        named[name] = value if equals else name
    return named


def _text(result: InitResult) -> str:
    said = [f"created a repository for the lake {result.lake_id} at {result.repository}"]
    if result.lock_days is not None:
        said.append(f"its objects are locked for {many(result.lock_days, 'day')}, in mode {result.lock}")
    if result.sealed_for:
        said.append(f"it is sealed for {', '.join(result.sealed_for)}; without a key of theirs it is lost")
    if len(result.sealed_for) == 1:
        said.append("add somebody else, so that a lost key is no lost repository: canvasback key add")
    if result.storage == StorageKind.VERSIONS:
        said.append(f"it copies no files: points name the versions that the bucket of {result.storage_url} keeps")
    elif result.storage == StorageKind.REPLICA:
        said.append(f"it copies no files: points name what has arrived at the replica {result.storage_url}")
    if result.lock_days is not None and result.storage_url is not None:
        said.append("the locks hold for its own objects: what is in those places has such as its bucket gives it")
    if result.readable_data:
        said.append(
            "the lake is not encrypted, so whoever reads the repository can read the copies of its data files; "
            "--seal-data seals those too"
        )
    return "\n".join([*said, *findings_lines(result.findings, result.finding_counts)])
