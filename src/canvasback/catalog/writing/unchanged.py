"""What tells whether a catalog is still what a plan was made from."""

from __future__ import annotations

from canvasback.catalog.engines.expected import Expected
from canvasback.catalog.image import Image
from canvasback.catalog.reading.files import KINDS


def expected_of(image: Image) -> Expected:
    """What tells whether somebody committed, expired, merged or rewrote since the image was read."""
    parts = ["max(snapshot_id)", "count(*)"]
    parts += [f"(SELECT count(*) FROM {{{table}}} f)" for table, _ in KINDS.values() if table in image.tables]
    query = f"SELECT {', '.join(parts)} FROM {{ducklake_snapshot}} s"
    [row] = image.rows(query)
    return Expected(query.replace("{", "").replace("}", ""), tuple(int(number) for number in row))
