from .__about__ import __version__
from .errors import (
    AccessDeniedError,
    CanvasbackError,
    CorruptError,
    LakeError,
    LockedError,
    NoSpaceError,
    ObjectExistsError,
    ObjectLockedError,
    ObjectMissingError,
    RefusedError,
    RepositoryError,
    StorageError,
    UsageError,
)
from .model.commit import CommitSummary
from .model.finding import Finding
from .model.level import CheckLevel, RepairLevel, RestoreLevel, VerifyLevel
from .model.progress import Progress
from .model.recovery_target import Instruction
from .model.results.attach import AttachResult
from .model.results.backup import BackupResult
from .model.results.check import CheckResult, Stretch, TableHealth
from .model.results.diff import (
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
from .model.results.fast_forward import Divergence, FastForwardResult
from .model.results.forget import ForgetResult, JudgedPoint, SnapshotRange, UnforgetResult
from .model.results.heal import CatalogRepair, HealedFile, HealResult, Loss
from .model.results.init import InitResult
from .model.results.keys import (
    KeyAddResult,
    KeyListResult,
    KeyRemoveResult,
    KeyRotateResult,
    KeySqlResult,
    RecipientShown,
)
from .model.results.listing import ListResult, PointSummary, ShowResult, TableSummary
from .model.results.lock import LockResult
from .model.results.marks import HoldResult, NoteResult, TagResult
from .model.results.mirror import MirrorResult
from .model.results.pitr_backup import PitrBackupResult
from .model.results.pitr_forget import JudgedBase, PitrForgetResult
from .model.results.pitr_list import ArchivedSystem, PitrListResult, RecoveryWindow
from .model.results.pitr_restore import PitrRestoreResult
from .model.results.pitr_run import (
    ArchivingGoesOn,
    ArchivingHeldUp,
    BaseMade,
    LogArchived,
    LogBehind,
    PitrEvent,
    PitrStarted,
    PitrStopped,
)
from .model.results.pitr_setup import PitrSetupResult, SetupItem
from .model.results.pitr_target import HoldingVault, PitrTargetResult, ReachedArchive
from .model.results.pitr_verify import PitrVerifyResult
from .model.results.policy import PolicyResult
from .model.results.protect_enable import ProtectEnableResult
from .model.results.protect_status import ProtectStatusResult
from .model.results.prune import PruneResult
from .model.results.repair import RepairResult
from .model.results.repoint import RepointResult
from .model.results.restore import RestoreResult
from .model.results.rewind import RewindResult, RewoundTable
from .model.results.salvage import LeftFile, SalvagedCommit, SalvagedTable, SalvageLoss, SalvageResult
from .model.results.table_restore import RestoredTable, TableRestoreResult
from .model.results.verify import ProtectedPoint, VerifyResult
from .model.results.watch import (
    OutageEnded,
    OutageStarted,
    PointHeld,
    PointMade,
    WatchEvent,
    WatchStarted,
    WatchStopped,
)
from .model.retention import Policy
from .model.seal import Secrets
from .model.vaulted_database import VaultedBackup
from .storage.bucket.service import StoreOptions
from .storage.locations import Stores
from .storage.rate import RateLimit
from .verbs.attach.verb import attach
from .verbs.backup import backup
from .verbs.backup_attached import backup_attached
from .verbs.check import check
from .verbs.diff.verb import diff
from .verbs.forget.verb import forget
from .verbs.heal.verb import heal
from .verbs.init import init
from .verbs.keys import key_add, key_list, key_remove, key_rotate, key_sql
from .verbs.listing import list_points, show
from .verbs.lock import lock
from .verbs.marks import hold, note, tag
from .verbs.mirror import mirror
from .verbs.pitr_backup import pitr_backup
from .verbs.pitr_forget import pitr_forget
from .verbs.pitr_list import pitr_list
from .verbs.pitr_restore.verb import pitr_restore
from .verbs.pitr_run.verb import pitr_run
from .verbs.pitr_setup import pitr_setup
from .verbs.pitr_target import pitr_target
from .verbs.pitr_verify import pitr_verify
from .verbs.policy import policy
from .verbs.protect_enable import protect_enable
from .verbs.protect_status.verb import protect_status
from .verbs.prune.verb import prune
from .verbs.repair.verb import repair
from .verbs.repoint import repoint
from .verbs.restore import restore
from .verbs.rewind import rewind
from .verbs.salvage.verb import salvage
from .verbs.table_restore.verb import restore_tables
from .verbs.tables import tables
from .verbs.unforget import unforget
from .verbs.verify.verb import verify
from .verbs.watch import watch

__all__ = [
    "AccessDeniedError",
    "ArchivedSystem",
    "ArchivingGoesOn",
    "ArchivingHeldUp",
    "AttachResult",
    "BackupResult",
    "BaseMade",
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
    "ForgetResult",
    "HealResult",
    "HealedFile",
    "HoldResult",
    "HoldingVault",
    "InitResult",
    "Instruction",
    "JudgedBase",
    "JudgedPoint",
    "KeyAddResult",
    "KeyListResult",
    "KeyRemoveResult",
    "KeyRotateResult",
    "KeySqlResult",
    "LakeError",
    "LeftFile",
    "ListResult",
    "LockResult",
    "LockedError",
    "LogArchived",
    "LogBehind",
    "Loss",
    "MirrorResult",
    "NoSpaceError",
    "NoteResult",
    "ObjectDifference",
    "ObjectExistsError",
    "ObjectLockedError",
    "ObjectMissingError",
    "OutageEnded",
    "OutageStarted",
    "PitrBackupResult",
    "PitrEvent",
    "PitrForgetResult",
    "PitrListResult",
    "PitrRestoreResult",
    "PitrSetupResult",
    "PitrStarted",
    "PitrStopped",
    "PitrTargetResult",
    "PitrVerifyResult",
    "PointHeld",
    "PointMade",
    "PointSummary",
    "Policy",
    "PolicyResult",
    "Progress",
    "ProtectEnableResult",
    "ProtectStatusResult",
    "ProtectedPoint",
    "PruneResult",
    "RateLimit",
    "ReachedArchive",
    "RecipientShown",
    "RecoveryWindow",
    "RefusedError",
    "RepairLevel",
    "RepairResult",
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
    "Secrets",
    "SetupItem",
    "ShowResult",
    "Side",
    "SnapshotRange",
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
    "TagResult",
    "Totals",
    "UnforgetResult",
    "UsageError",
    "VaultedBackup",
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
    "forget",
    "heal",
    "hold",
    "init",
    "key_add",
    "key_list",
    "key_remove",
    "key_rotate",
    "key_sql",
    "list_points",
    "lock",
    "mirror",
    "note",
    "pitr_backup",
    "pitr_forget",
    "pitr_list",
    "pitr_restore",
    "pitr_run",
    "pitr_setup",
    "pitr_target",
    "pitr_verify",
    "policy",
    "protect_enable",
    "protect_status",
    "prune",
    "repair",
    "repoint",
    "restore",
    "restore_tables",
    "rewind",
    "salvage",
    "show",
    "tables",
    "tag",
    "unforget",
    "verify",
    "watch",
]
