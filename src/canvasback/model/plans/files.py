"""What is about to become of a lake's files, as far as all plans say it in the same words."""

from __future__ import annotations

import msgspec

from canvasback.model.plurals import many


class PlannedFiles(msgspec.Struct, frozen=True):
    """Files that are to be written, however many: their number, and a number that stands for which they are.

    Attributes:
        count: How many.
        bytes: Bytes of them.
        fingerprint: Differs where they are others, have another content, or another is in the way of one.
    """

    count: int = 0
    bytes: int = 0
    fingerprint: str = ""


def cutting_steps(files: int) -> list[str]:
    """What is done to files of which only a part is needed.

    Args:
        files: How many there are.
    """
    if not files:
        return []
    more = files > 1
    what = f"{many(files, 'file')} that {'hold' if more else 'holds'} later rows too"
    return [f"{what} {'are' if more else 'is'} written anew without them"]
