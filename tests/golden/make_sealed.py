"""Makes the sealed repository, of format 4, that every later release has to read, and says what is in it.

Run it by hand, once, before that format is released: `.venv/bin/python -m tests.golden.make_sealed`. It has a point of
before and one of after a rotation of its keys, with sealed copies, inlined rows and a file from elsewhere.
"""

from __future__ import annotations

import json
import tarfile
import tempfile
from pathlib import Path

import canvasback
from canvasback import Secrets, Stores
from canvasback.storage import age
from tests.golden.contents import heads
from tests.golden.make import anonymous, clock
from tests.lake.builder import Lake
from tests.lake.values import literal

HERE = Path(__file__).parent
ARCHIVE = HERE / "sealed-format-4.tar.gz"
EXPECTED = HERE / "sealed-format-4.json"
PASSPHRASE = "correct horse battery staple"  # noqa: S105 - of a repository that everybody may open


def make() -> None:
    """Write the archive and what is expected of it beside this file."""
    identity = age.new_identity()
    stores = Stores(secrets=Secrets([identity]))
    with tempfile.TemporaryDirectory(prefix="canvasback-golden-") as folder:
        lake, outside = Lake(Path(folder) / "lake", options=("DATA_INLINING_ROW_LIMIT 5",)), f"{folder}/by hand.parquet"
        lake.run(
            "CREATE TABLE lake.t (a INTEGER, b VARCHAR)",
            "INSERT INTO lake.t SELECT range, 'row ' || range FROM range(100)",
            "INSERT INTO lake.t VALUES (1000, 'inlined')",
            f"COPY (SELECT 7 AS a, 'outside' AS b) TO {literal(outside)}",
            f"CALL ducklake_add_data_files('lake', 't', {literal(outside)})",
        )
        recipients = {"ops": age.recipient_of(identity)}
        canvasback.init(
            lake.attach,
            lake.repository,
            recipients=recipients,
            passphrases={"safe": PASSPHRASE},
            seal_data=True,
            clock=clock(0),
        )
        points = []
        for number in (1, 2):
            made = canvasback.backup(lake.attach, lake.repository, stores=stores, clock=clock(number))
            points.append({"point": made.point, "tables": heads(lake.attach, ())})
            canvasback.key_rotate(lake.repository, stores=stores, clock=clock(number))
            lake.run("DELETE FROM lake.t WHERE a % 10 = 0")
        told = {"points": points, "identity": identity, "passphrase": PASSPHRASE}
        EXPECTED.write_text(json.dumps(told, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
        with tarfile.open(ARCHIVE, "w:gz", compresslevel=9) as archive:
            archive.add(lake.repository, "repository", filter=anonymous)
    print(f"{ARCHIVE.name}: {ARCHIVE.stat().st_size:,} bytes")


if __name__ == "__main__":
    make()
