"""The transactions that a log has, as PostgreSQL's own ``pg_waldump`` tells them.

Source: PostgreSQL's src/backend/access/rmgrdesc/xactdesc.c, of which ``pg_waldump`` prints the words.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Literal

import msgspec

from canvasback.model.wal import Lsn
from canvasback.postgres.programs import Programs

Outcome = Literal["committed", "aborted"]

_RECORD = re.compile(
    r"rmgr: Transaction .*? tx: +(?P<xid>\d+), lsn: (?P<lsn>[0-9A-F]+/[0-9A-F]+), .*? desc: "
    r"(?P<kind>COMMIT|ABORT|COMMIT_PREPARED|ABORT_PREPARED) (?:(?P<prepared>\d+): )?"
    r"(?P<time>\d{4,6}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?) UTC(?P<more>.*)"
)
_SUBXACTS = re.compile(r"; subxacts: ((?:\d+ ?)+)")


class LoggedTransaction(msgspec.Struct, frozen=True):
    """A transaction that ended.

    Attributes:
        xid: Its number, without its epoch.
        outcome: How it ended.
        lsn: Where the record begins that says so.
        time: When.
        within: The numbers of its subtransactions, which end with it.
    """

    xid: int
    outcome: Outcome
    lsn: Lsn
    time: datetime
    within: tuple[int, ...] = ()


def transactions_in(
    programs: Programs, folder: str, timeline: int, start: Lsn, end: Lsn
) -> Iterator[LoggedTransaction]:
    """The transactions of a range of the log, in the order in which they ended.

    Args:
        programs: Those of the version that wrote the log.
        folder: Has the segments of the range. Where they end early, so do the answers.
        timeline: The timeline of the segments' names.
        start: Where to begin: what begins before is left out.
        end: Where to end: what ends behind it is left out.
    """
    command = programs.command(
        "pg_waldump", f"--path={folder}", f"--timeline={timeline}", f"--start={start}", f"--end={end}",
        "--rmgr=Transaction",
    )  # fmt: skip
    # It prints times in the time zone of its environment. Its exit code tells that the log ends, which it does
    # somewhere: whoever asks compares what he finds with what he looks for.
    with subprocess.Popen(  # noqa: S603 - the program is PostgreSQL's, its arguments are a list
        ["/usr/bin/env", "TZ=UTC", *command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        yield from _read(process.stdout)


def transaction_of(transactions: Iterable[LoggedTransaction], xid: int) -> LoggedTransaction | None:
    """How a transaction ended, which may be within another one; None where they do not say.

    Args:
        transactions: Those of the log.
        xid: Its number.
    """
    return next((one for one in transactions if xid == one.xid or xid in one.within), None)


def _read(lines: Iterable[str]) -> Iterator[LoggedTransaction]:
    for line in lines:
        found = _RECORD.match(line)
        if found is None:
            continue
        within = _SUBXACTS.search(found["more"])
        yield LoggedTransaction(
            xid=int(found["prepared"] or found["xid"]),
            outcome="committed" if found["kind"].startswith("COMMIT") else "aborted",
            lsn=Lsn.parse(found["lsn"]),
            time=datetime.fromisoformat(found["time"]).replace(tzinfo=UTC),
            within=tuple(map(int, within[1].split())) if within is not None else (),
        )
