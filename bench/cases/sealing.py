"""sealing: what it costs a first backup of many small files to be sealed, against the same one that is not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bench import ours
from bench.cases.files_small import FILES, small_lake
from bench.measure import interleave, run_process
from bench.report import Row, ratio_of_times
from canvasback.storage import age

if TYPE_CHECKING:
    from bench.measure import Command
    from bench.session import Session

NAME = "sealing"


def run(session: Session) -> list[Row]:
    """Every run makes the first point of a fresh repository: open, sealed, and sealed with the copies of all files."""
    source = small_lake(session)
    identity = age.new_identity()
    key = session.fresh(f"{NAME}-key").with_suffix(".key")
    key.write_text(identity + "\n", "utf-8")

    def sealed(name: str, *options: str) -> Command:
        repository = session.fresh(f"{NAME}-{name}")
        sealing = ("--recipient", f"ops={age.recipient_of(identity)}", *options)
        run_process(ours.canvasback("init", repository, "--lake", source.attach_string, *sealing))
        return replace(ours.backup(source, repository), environment={"CANVASBACK_IDENTITY": str(key)})

    timed = interleave(
        session,
        {
            "open": lambda _: ours.first_backup(source, session.fresh(f"{NAME}-open")),
            "sealed": lambda _: sealed("sealed"),
            "with copies": lambda _: sealed("copies", "--seal-data"),
        },
    )
    what = f"first backup of {session.scaled(FILES):,} files of 16 KiB"
    return [
        ratio_of_times(NAME, f"{what}, sealed / not sealed", timed["sealed"], timed["open"], 1.3),
        ratio_of_times(NAME, f"{what}, sealed with its copies / not sealed", timed["with copies"], timed["open"], None),
    ]
