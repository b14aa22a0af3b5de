"""Arguments and options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

from canvasback.model.level import CheckLevel
from canvasback.model.lock import MOST_DAYS, LockMode

Repo = Annotated[
    str | None, typer.Option("--repo", "-r", help="The repository; else CANVASBACK_REPO, else canvasback.toml.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]
Jobs = Annotated[
    int | None, typer.Option("--jobs", "-j", min=1, max=1000, help="How many files are worked on at a time.")
]
DataPath = Annotated[
    str | None,
    typer.Option("--data-path", help="Where the data path is, if the catalog's spelling does not lead there."),
]
Point = Annotated[str, typer.Argument(help="An id, a unique beginning of one, or latest.")]
Lake = Annotated[str, typer.Argument(help="As in ATTACH: ducklake:main.ducklake, or a name from canvasback.toml.")]
Stanza = Annotated[
    str | None, typer.Option("--stanza", help="A stanza of pgBackRest that has the base backups and the log.")
]
BarmanServer = Annotated[
    str | None, typer.Option("--barman-server", help="A server of Barman that has the base backups and the log.")
]
Bindir = Annotated[
    str | None, typer.Option("--bindir", help="Where PostgreSQL's programs are, if not in the usual places.")
]
Slot = Annotated[str, typer.Option("--slot", help="The name of the replication slot.")]
System = Annotated[
    int | None, typer.Option("--system", help="The cluster's system identifier, where there are logs of several.")
]
LimitRate = Annotated[str | None, typer.Option("--limit-rate", help="Copy at most so many bytes per second: 50M, 1G.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and change nothing.")]

WitnessOf = Annotated[
    str | None, typer.Option("--witness", help="A second place that knows which point was the newest; else the file's.")
]

LockIt = Annotated[
    LockMode | None, typer.Option("--lock", help="Lock all objects against deletion; S3 with object lock only.")
]
LockDays = Annotated[int | None, typer.Option("--lock-days", min=1, max=MOST_DAYS, help="For how many days.")]
TagIt = Annotated[list[str] | None, typer.Option("--tag", help="A name for the point; may be given again.")]
Also = Annotated[
    str | None, typer.Option("--also", metavar="REPO2", help="A mirror of the repository, which gets the point too.")
]
NoteIt = Annotated[str, typer.Option("--note", help="What to note of the point.")]
SomePoints = Annotated[list[str] | None, typer.Argument(metavar="[POINT]…", help="Ids, or unique beginnings of them.")]
SomePoint = Annotated[
    str | None,
    typer.Argument(
        metavar="[POINT]",
        help="An id, a unique beginning of one, or latest; with --at, the one that has it by default.",
    ),
]
AtSnapshot = Annotated[int | None, typer.Option("--at-snapshot", min=0, help="As the lake was at this snapshot.")]
AtTime = Annotated[
    str | None, typer.Option("--at-time", help="As the lake was then: a time as it is printed, or '2 hours ago'.")
]
CheckDepth = Annotated[CheckLevel, typer.Option(help="How deeply to look.")]
LiveLake = Annotated[
    str | None, typer.Option("--lake", help="Look into the live lake: as in ATTACH, or a name from canvasback.toml.")
]
KeepLast = Annotated[int, typer.Option("--keep-last", min=0, help="Keep the newest so many.")]
KeepHourly = Annotated[
    int, typer.Option("--keep-hourly", min=0, help="Keep the newest of each of the last so many hours.")
]
KeepDaily = Annotated[int, typer.Option("--keep-daily", min=0, help="The same for days.")]
KeepWeekly = Annotated[int, typer.Option("--keep-weekly", min=0, help="The same for weeks.")]
KeepMonthly = Annotated[int, typer.Option("--keep-monthly", min=0, help="The same for months.")]
KeepYearly = Annotated[int, typer.Option("--keep-yearly", min=0, help="The same for years.")]
KeepWithin = Annotated[str, typer.Option("--keep-within", help="Keep all of so long before the newest: 2y5m7d3h.")]
