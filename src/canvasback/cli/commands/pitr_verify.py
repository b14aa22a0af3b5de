"""``pitr verify``: whether the archived logs and base backups are sound."""

from __future__ import annotations

from typing import Annotated

import typer

import canvasback
from canvasback.cli.exit_codes import run_command
from canvasback.cli.options import AsJson, Jobs, Quiet, Repo
from canvasback.cli.progress import progress_for
from canvasback.cli.settings import read_settings
from canvasback.cli.text.findings import findings_lines
from canvasback.model.level import RestoreLevel
from canvasback.model.plurals import many
from canvasback.model.results.pitr_verify import PitrVerifyResult

app = typer.Typer()


@app.command()
def verify(
    repo: Repo = None,
    level: Annotated[RestoreLevel, typer.Option(help="How deeply to look.")] = RestoreLevel.EXISTS,
    jobs: Jobs = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """See whether base backups and the log are sound, and name gaps."""

    def work() -> PitrVerifyResult:
        settings = read_settings()
        return canvasback.pitr_verify(
            settings.find_repository(repo),
            level=level,
            jobs=jobs,
            stores=settings.stores(),
            progress=progress_for(quiet=quiet),
        )

    run_command(work, _text, as_json=as_json)


def _text(result: PitrVerifyResult) -> str:
    looked = (
        f"{many(result.bases, 'base backup')} and {many(result.segments, 'segment')} of "
        f"{many(result.systems, 'system')} looked at, level {result.level}, in {result.seconds:.2f} s"
    )
    sound = [] if result.findings else ["all sound"]
    return "\n".join([looked, *sound, *findings_lines(result.findings, result.finding_counts)])
