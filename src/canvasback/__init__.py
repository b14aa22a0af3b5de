"""Canvasback: backup and recovery for DuckLake.

Each command of the command line is a function here, with the same power:

    import canvasback

    canvasback.init("/backups/sales", "ducklake:sales.ducklake")
    canvasback.backup("ducklake:sales.ducklake", "/backups/sales")
    canvasback.restore("/backups/sales", "ducklake:sales.ducklake")

What they find is in their results; what stops them is a `CanvasbackError`.
"""

from canvasback.__about__ import __version__
from canvasback.errors import (
    AccessDeniedError,
    CanvasbackError,
    CorruptError,
    LakeError,
    LockedError,
    NoSpaceError,
    ObjectExistsError,
    ObjectMissingError,
    RefusedError,
    RepositoryError,
    StorageError,
    UsageError,
)
from canvasback.model.checking import CheckResult, Stretch, TableHealth
from canvasback.model.commit import CommitSummary
from canvasback.model.difference import (
    Change,
    DiffResult,
    DroppedTable,
    ObjectDifference,
    Side,
    TableDifference,
    TableRow,
    TablesResult,
    Totals,
)
from canvasback.model.finding import Finding
from canvasback.model.forwarding import Divergence, FastForwardResult
from canvasback.model.healing import CatalogRepair, HealedFile, HealResult, Loss
from canvasback.model.progress import Progress
from canvasback.model.results import (
    AttachResult,
    BackupResult,
    InitResult,
    ListResult,
    PointSummary,
    RepointResult,
    RestoreResult,
    ShowResult,
    TableSummary,
    VerifyResult,
)
from canvasback.model.rewinding import RewindResult, RewoundTable
from canvasback.model.salvaging import LeftFile, SalvagedCommit, SalvagedTable, SalvageLoss, SalvageResult
from canvasback.model.table_restore import RestoredTable, TableRestoreResult
from canvasback.model.watching import (
    OutageEnded,
    OutageStarted,
    PointHeld,
    PointMade,
    WatchEvent,
    WatchStarted,
    WatchStopped,
)
from canvasback.operations.attach import attach
from canvasback.operations.backup import backup
from canvasback.operations.backup_attached import backup_attached
from canvasback.operations.check import check
from canvasback.operations.diff import diff
from canvasback.operations.heal import heal
from canvasback.operations.init import init
from canvasback.operations.listing import list_points, show
from canvasback.operations.repoint import repoint
from canvasback.operations.restore import restore
from canvasback.operations.rewind import rewind
from canvasback.operations.salvage.verb import salvage
from canvasback.operations.table_restore import restore_tables
from canvasback.operations.tables import tables
from canvasback.operations.verify import verify
from canvasback.operations.watch import watch
from canvasback.storage.bucket import StoreOptions
from canvasback.storage.locations import Stores
from canvasback.storage.rate import RateLimit

__all__ = [
    "AccessDeniedError",
    "AttachResult",
    "BackupResult",
    "CanvasbackError",
    "CatalogRepair",
    "Change",
    "CheckResult",
    "CommitSummary",
    "CorruptError",
    "DiffResult",
    "Divergence",
    "DroppedTable",
    "FastForwardResult",
    "Finding",
    "HealResult",
    "HealedFile",
    "InitResult",
    "LakeError",
    "LeftFile",
    "ListResult",
    "LockedError",
    "Loss",
    "NoSpaceError",
    "ObjectDifference",
    "ObjectExistsError",
    "ObjectMissingError",
    "OutageEnded",
    "OutageStarted",
    "PointHeld",
    "PointMade",
    "PointSummary",
    "Progress",
    "RateLimit",
    "RefusedError",
    "RepointResult",
    "RepositoryError",
    "RestoreResult",
    "RestoredTable",
    "RewindResult",
    "RewoundTable",
    "SalvageLoss",
    "SalvageResult",
    "SalvagedCommit",
    "SalvagedTable",
    "ShowResult",
    "Side",
    "StorageError",
    "StoreOptions",
    "Stores",
    "Stretch",
    "TableDifference",
    "TableHealth",
    "TableRestoreResult",
    "TableRow",
    "TableSummary",
    "TablesResult",
    "Totals",
    "UsageError",
    "VerifyResult",
    "WatchEvent",
    "WatchStarted",
    "WatchStopped",
    "__version__",
    "attach",
    "backup",
    "backup_attached",
    "check",
    "diff",
    "heal",
    "init",
    "list_points",
    "repoint",
    "restore",
    "restore_tables",
    "rewind",
    "salvage",
    "show",
    "tables",
    "verify",
    "watch",
]
