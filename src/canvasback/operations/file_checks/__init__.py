"""What a check asks of storage: are a lake's files there, and are they what the catalog says?"""

from canvasback.operations.file_checks.check import check_files, files_not_held
from canvasback.operations.file_checks.empty import is_empty
from canvasback.operations.file_checks.kinds import EMPTY, FILE_KINDS, STRAY_KINDS
from canvasback.operations.file_checks.repairs import catalog_repairs
from canvasback.operations.file_checks.strays import stray_files
from canvasback.operations.file_checks.whole import note_whole

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
