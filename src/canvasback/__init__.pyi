from .__about__ import __version__
from .errors import (
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
from .model.checking import CheckResult, Stretch, TableHealth
from .model.commit import CommitSummary
from .model.difference import (
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
from .model.finding import Finding
from .model.forwarding import Divergence, FastForwardResult
from .model.healing import CatalogRepair, HealedFile, HealResult, Loss
from .model.level import CheckLevel, RestoreLevel, VerifyLevel
from .model.progress import Progress
from .model.results import (
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
from .model.rewinding import RewindResult, RewoundTable
from .model.salvaging import LeftFile, SalvagedCommit, SalvagedTable, SalvageLoss, SalvageResult
from .model.table_restore import RestoredTable, TableRestoreResult
from .model.watching import (
    OutageEnded,
    OutageStarted,
    PointHeld,
    PointMade,
    WatchEvent,
    WatchStarted,
    WatchStopped,
)
from .operations.attach import attach
from .operations.backup import backup
from .operations.backup_attached import backup_attached
from .operations.check import check
from .operations.diff import diff
from .operations.heal import heal
from .operations.init import init
from .operations.listing import list_points, show
from .operations.repoint import repoint
from .operations.restore import restore
from .operations.rewind import rewind
from .operations.salvage.verb import salvage
from .operations.table_restore import restore_tables
from .operations.tables import tables
from .operations.verify import verify
from .operations.watch import watch
from .storage.bucket import StoreOptions
from .storage.locations import Stores
from .storage.rate import RateLimit

__all__ = [
    "AccessDeniedError",
    "AttachResult",
    "BackupResult",
    "CanvasbackError",
    "CatalogRepair",
    "Change",
    "CheckLevel",
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
    "RestoreLevel",
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
    "VerifyLevel",
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
