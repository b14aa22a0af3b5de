"""``protect enable``: what a cloud can do for a lake's files, switched on."""

from __future__ import annotations

import enum
from typing import Annotated

import msgspec
import typer

import canvasback
from canvasback.cli.commands.protect_status import ProtectedThing
from canvasback.cli.exit_codes import run_command
from canvasback.cli.options import AsJson, DataPath, DryRun
from canvasback.cli.settings import read_settings
from canvasback.cli.text.findings import findings_lines
from canvasback.model.lock import MOST_DAYS, LockMode
from canvasback.model.plans.protect_enable import Document, Mechanism
from canvasback.model.plurals import many
from canvasback.model.results.protect_enable import ProtectEnableResult

app = typer.Typer()


class Printed(enum.StrEnum):
    """What is printed in place of doing it."""

    POLICY = "policy"
    TERRAFORM = "terraform"


@app.command()
def enable(
    mechanism: Annotated[Mechanism, typer.Argument(help="What is to be switched on.")],
    lake: ProtectedThing,
    days: Annotated[
        int | None,
        typer.Option(
            "--days",
            min=1,
            max=MOST_DAYS,
            help="Keep old versions, what was deleted, backups or locks for so many days at least.",
        ),
    ] = None,
    to: Annotated[str, typer.Option("--to", metavar="URL", help="The bucket to replicate to.")] = "",
    role: Annotated[
        str, typer.Option("--role", help="The role in whose name the service replicates or makes backups.")
    ] = "",
    account: Annotated[str, typer.Option("--account", help="The account that owns the other bucket.")] = "",
    deletes: Annotated[bool, typer.Option("--deletes", help="Replicate deletions too.")] = False,
    mode: Annotated[LockMode | None, typer.Option("--mode", help="Whether somebody may lift locks.")] = None,
    vault: Annotated[str, typer.Option("--vault", help="Where backups go.")] = "",
    schedule: Annotated[
        str, typer.Option("--schedule", help="When backups are made, as the service writes it; else daily.")
    ] = "",
    print_: Annotated[
        Printed | None,
        typer.Option("--print", help="Print the rights and roles that it takes, or the same as Terraform; do nothing."),
    ] = None,
    data_path: DataPath = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Switch on what a cloud can do for a lake's files by itself; what is there already stays."""

    def work() -> ProtectEnableResult:
        settings = read_settings()
        named = settings.lake(lake)
        return canvasback.protect_enable(
            named.lake,
            mechanism=mechanism,
            days=days,
            to=to,
            role=role,
            account=account,
            deletes=deletes,
            mode=mode or "",
            vault=vault,
            schedule=schedule,
            data_path=named.find_data_path(data_path),
            explain=print_ is not None,
            dry_run=dry_run,
            stores=settings.stores(),
        )

    def text(result: ProtectEnableResult) -> str:
        if print_ is Printed.TERRAFORM:
            return "\n".join(result.terraform)
        return documents_text(result.documents) if print_ is Printed.POLICY else _text(result)

    run_command(work, text, as_json=as_json)


def documents_text(documents: tuple[Document, ...]) -> str:
    """The documents as JSON, each by its name."""
    content = {document.name: document.content for document in documents}
    return msgspec.json.format(msgspec.json.encode(content), indent=2).decode()


def _text(result: ProtectEnableResult) -> str:
    lacking = "right-lacking" in result.finding_counts
    if not result.steps and not lacking:
        head = f"nothing is to be done: {result.bucket} has {result.mechanism}"
    elif result.dry_run:
        head = f"would switch on {result.mechanism} of {result.bucket}"
    else:
        head = f"{result.mechanism} of {result.bucket}: {result.done} of {many(len(result.steps), 'step')} done"
    lines = [head, *(f"  - {step}" for step in result.steps)]
    lines += [f"  as it was: {kept}" for kept in result.kept]
    lines += [f"  {remark}" for remark in result.remarks]
    if result.dry_run:
        lines.append("nothing was changed (--dry-run)")
    lines += findings_lines(result.findings, result.finding_counts)
    if lacking:
        lines += ["", "for who can grant it:", documents_text(result.documents)]
        lines += ["", "the same as Terraform:", *result.terraform] if result.terraform else []
    return "\n".join(lines)
