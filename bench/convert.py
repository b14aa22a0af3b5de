"""The same catalog in another database: canvasback's own conversion, as a process.

python -m bench.convert SOURCE TARGET        both as one puts them into ATTACH; TARGET is SQLite or PostgreSQL
"""

from __future__ import annotations

import sys

from canvasback.catalog.dialects import in_dialect
from canvasback.catalog.engines import open_engine
from canvasback.model.clock import now
from canvasback.model.lake import parse_lake


def convert(source: str, target: str) -> None:
    """Read one catalog and write another, which must not exist."""
    lake = parse_lake(target)
    with open_engine(parse_lake(source)).read() as image:
        open_engine(lake).write(in_dialect(image, lake.engine), now(), replace=False)


if __name__ == "__main__":
    convert(*sys.argv[1:])
