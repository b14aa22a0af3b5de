"""The steps at which `make test` kills; `make soak` kills at all of them.

Most steps are one thing many times: the next chunk, the next file, the next table of a catalog. What sets states apart
for whoever comes after is what was made durable or visible, and what was written by half.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_PUBLISHES = re.compile(r"after (link|fsync|syncfs|rename|replace|change|back_up|statement COMMIT\b)")
"""What makes something durable or visible: a lease, a manifest, a file in its place, a catalog, a transaction's end.

Its begin does not: whoever is killed then leaves what was there before, as in the midst of it.
"""
_HALF = re.compile(r"half of \w+ [^/]*/[^/]*")


def chosen(steps: Sequence[str], every: int) -> Iterator[int]:
    """Choose steps, counted from 1.

    The first and the last, all that publish something and the ones just before, the first half of a write in each
    folder, and of all steps one in so many.
    """
    seen: set[str] = set()
    for number, (step, following) in enumerate(zip(steps, [*steps[1:], ""], strict=True), 1):
        half = _HALF.match(step)
        torn = half is not None and half[0] not in seen
        if half is not None:
            seen.add(half[0])
        if (
            torn
            or number in {1, len(steps)}
            or number % every == 0
            or _PUBLISHES.match(step)
            or _PUBLISHES.match(following)
        ):
            yield number
