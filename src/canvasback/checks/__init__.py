"""What a check asks of storage: are a lake's files there, and are they what the catalog says?"""

from canvasback.checks.empty import is_empty
from canvasback.checks.files import check_files, files_not_held
from canvasback.checks.kinds import EMPTY, FILE_KINDS, STRAY_KINDS
from canvasback.checks.repairs import catalog_repairs
from canvasback.checks.strays import stray_files
from canvasback.checks.whole import note_whole

__all__ = [
    "EMPTY",
    "FILE_KINDS",
    "STRAY_KINDS",
    "catalog_repairs",
    "check_files",
    "files_not_held",
    "is_empty",
    "note_whole",
    "stray_files",
]
