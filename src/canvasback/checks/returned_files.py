"""The files that a recovered catalog names are put back where maintenance has removed them since."""

from __future__ import annotations

import msgspec

from canvasback.catalog.image import Image
from canvasback.catalog.reading.lake_tables import table_names
from canvasback.checks import WantedFiles, check_files
from canvasback.checks.copies import Copies
from canvasback.checks.copies_in_points import CopiesInPoints
from canvasback.checks.damaged_files import DamagedFiles
from canvasback.checks.diagnosis import Diagnosis, Examiner, finding_of
from canvasback.model.finding import Findings
from canvasback.model.level import CheckLevel
from canvasback.repository.repository import Repository
from canvasback.storage.run import Run


class Returned(msgspec.Struct, frozen=True):
    """What became of a lake's files.

    Attributes:
        files: How many were put back.
        bytes: Their bytes.
        lost: How many are missing or damaged still.
        findings: Which those are.
    """

    files: int
    bytes: int
    lost: int
    findings: Findings


def return_files(image: Image, root: str, run: Run, repository: Repository, level: CheckLevel) -> Returned:
    """Put back every file that a catalog names and that is missing or damaged, from whichever point has it.

    What is there in its place is moved aside, to a name that ends in ``.damaged-<time>``. The catalog is not changed.

    Args:
        image: The catalog in DuckDB's dialect.
        root: Its data path as an absolute folder or URL that ends in a slash.
        run: Opens it, and is told how the work goes on.
        repository: The lake's repository.
        level: How deeply to look for damage.
    """
    findings = Findings()
    damaged = DamagedFiles(image.connection)
    wanted = WantedFiles(image, root)
    damaged.note(check_files(wanted, root, run, level))
    wanted.drop()
    damaged.forget_accepted(image)
    examiner = Examiner(run, root, level, repository, run.now())
    copies = Copies(image, damaged, root, run, [CopiesInPoints(repository)], findings)
    found = copies.find()
    while found:  # what was saved may be damaged too: then the next older copy is tried
        copies.put_back(run.now())
        examiner.recheck(image, damaged)
        found = copies.find()
    diagnosis = Diagnosis(damaged, [], Findings(), table_names(image))
    lost = 0
    for one in damaged.each():
        lost += one.lost
        findings.add(finding_of(one, diagnosis.name(one.table_id)))
    healed = copies.healed(diagnosis, 0, planned=False)
    return Returned(healed.count, healed.bytes, lost, findings)
