"""What a check asks of storage: are a lake's files there, and are they what the catalog says?"""

from canvasback.checks.empty import is_empty
from canvasback.checks.files import check_files
from canvasback.checks.kinds import EMPTY, FILE_KINDS, STRAY_KINDS
from canvasback.checks.repairs import catalog_repairs
from canvasback.checks.strays import stray_files
from canvasback.checks.wanted import WantedFiles
from canvasback.checks.whole import WholeFiles

__all__ = [
    "EMPTY",
    "FILE_KINDS",
    "STRAY_KINDS",
    "WantedFiles",
    "WholeFiles",
    "catalog_repairs",
    "check_files",
    "is_empty",
    "stray_files",
]
