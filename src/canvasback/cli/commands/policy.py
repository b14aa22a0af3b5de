"""``policy``: what somebody may do with a repository's bucket, for AWS IAM."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

import canvasback
from canvasback.cli.exit_codes import run_command
from canvasback.cli.options import AsJson, Repo
from canvasback.cli.settings import read_settings
from canvasback.model.access_policy import Role
from canvasback.model.results.policy import PolicyResult

app = typer.Typer()


@app.command()
def policy(
    role: Annotated[Role, typer.Option("--role", help="Who it is for.")],
    repo: Repo = None,
    as_json: AsJson = False,
) -> None:
    """Print the policy for who adds to a repository in S3, deletes from it, or only reads it."""

    def work() -> PolicyResult:
        settings = read_settings()
        return canvasback.policy(settings.find_repository(repo), role=role, stores=settings.stores())

    run_command(work, _text, as_json=as_json)


def _text(result: PolicyResult) -> str:
    return msgspec.json.format(msgspec.json.encode(result.policy), indent=2).decode()
