"""The kinds of findings about a bucket's protection, for those who never met them."""

from __future__ import annotations

from canvasback.model.finding import FindingKind

NOT_IN_A_CLOUD = FindingKind(
    "not-in-a-cloud",
    "warning",
    "The lake's files are in a folder: versioning, replication and the like are services of clouds.",
    "The data path is a path on a disk.",
    "Make points of it in another place: canvasback backup.",
)
PUBLIC_BUCKET = FindingKind(
    "public-bucket",
    "error",
    "Everybody in the world may read the lake's files, or write them.",
    "The bucket's policy or its access list names everybody.",
    "Block public access of the bucket, unless the lake is meant to be published.",
)
NO_PROTECTION = FindingKind(
    "no-protection",
    "error",
    "The bucket has neither versions nor soft delete nor locks nor a replica nor backups: a deletion is final.",
    "A bucket as it is made.",
    "Run canvasback protect enable versioning, or make points with canvasback backup.",
)
LIFECYCLE_DELETES = FindingKind(
    "lifecycle-deletes-live-files",
    "error",
    "A lifecycle rule deletes objects by their age. DuckLake's files are needed as long as its catalog names them, "
    "which may be for ever.",
    "A rule that expires what is older than 30 days, made for another folder of the bucket.",
    "Remove the rule, or limit it to prefixes that are not the lake's. Old snapshots are DuckLake's to expire.",
)
LIFECYCLE_FREEZES = FindingKind(
    "lifecycle-freezes-live-files",
    "error",
    "A lifecycle rule moves objects to a storage class from which they have to be asked for hours before.",
    "A rule that moves what is older than 90 days to GLACIER.",
    "Remove the rule, or move to a class that can be read at once, such as GLACIER_IR.",
)
VERSIONS_FROZEN = FindingKind(
    "versions-frozen",
    "info",
    "Old versions are moved to a storage class from which they have to be asked for hours before.",
    "A rule that moves noncurrent versions to DEEP_ARCHIVE.",
    "Keep them where they can be read at once, if hours are too long.",
)
VERSIONING_OFF = FindingKind(
    "versioning-off",
    "warning",
    "The bucket keeps no old versions.",
    "A bucket as it is made.",
    "Run canvasback protect enable versioning.",
)
VERSIONING_SUSPENDED = FindingKind(
    "versioning-suspended",
    "warning",
    "Versioning was switched on, and then suspended: old versions stay, and new objects have none.",
    "Somebody wanted to save storage.",
    "Run canvasback protect enable versioning.",
)
VERSIONS_EXPIRE_EARLY = FindingKind(
    "versions-expire-early",
    "warning",
    "Old versions are deleted before the last moment at which somebody may need them.",
    "Versions are kept for 3 days, and the oldest recovery point is 30 days old.",
    "Run canvasback protect enable versioning --days N with a longer time.",
)
VERSIONS_KEPT_FOR_EVER = FindingKind(
    "versions-kept-for-ever",
    "info",
    "No rule deletes old versions: all files that DuckLake merged or expired stay, and are paid for.",
    "Versioning was switched on, and no lifecycle rule was made.",
    "Let a lifecycle rule delete old versions after more days than anybody needs them: docs/protect.md has one. "
    "Canvasback makes none where there are old versions, for it would delete some.",
)
REPLICATION_MISSES_DATA_PATH = FindingKind(
    "replication-misses-data-path",
    "warning",
    "The bucket is replicated, and the lake's files are not.",
    "The rule has a prefix that is another folder's, or is switched off.",
    "Run canvasback protect enable replication, which adds a rule and leaves the others as they are.",
)
REPLICATION_KEEPS_DELETED = FindingKind(
    "replication-keeps-deleted",
    "info",
    "What is deleted is not deleted in the replica. That protects, and files that DuckLake merged stay there for ever.",
    "The rule does not copy delete markers, which is what services do unless they are told.",
    "Leave it so for protection; let the rule copy delete markers where the cost of old files matters more.",
)
REPLICATION_MISSES_OLDER = FindingKind(
    "replication-misses-older",
    "warning",
    "A replication rule copies what is written after it was made. Older files are not in the replica.",
    "The rule was added when the lake was a year old.",
    "Copy what was there before by S3 Batch Replication, a transfer job, or another tool.",
)
REPLICATION_FAILED = FindingKind(
    "replication-failed",
    "error",
    "The service gave up copying some files.",
    "The other bucket has no versioning any more, or the role lost its rights.",
    "Put the role and the other bucket right, and copy what is lacking by S3 Batch Replication.",
)
REPLICATION_LAGS = FindingKind(
    "replication-lags",
    "warning",
    "Files wait for longer than a quarter of an hour to be copied.",
    "The service is behind, or a file is large.",
    "Look again later; where it stays so, see the service's own metrics of replication.",
)
REPLICA_INCOMPLETE = FindingKind(
    "replica-incomplete",
    "error",
    "Files that had been copied are not in the replica.",
    "Somebody, or a lifecycle rule, deleted in the other bucket.",
    "Find out who deletes there, and copy what is lacking.",
)
REPLICA_OUT_OF_REACH = FindingKind(
    "replica-out-of-reach",
    "warning",
    "The bucket that a replication rule names is not there, or cannot be reached from here.",
    "The other bucket was deleted, or is at another endpoint.",
    "If it is there, name it under [storage] in canvasback.toml; if it is gone, correct the rule.",
)
REPLICA_UNVERSIONED = FindingKind(
    "replica-unversioned",
    "warning",
    "The other bucket keeps no versions: what is overwritten by mistake is overwritten there.",
    "Versioning of the other bucket was suspended.",
    "Switch on versioning of the other bucket.",
)
LOCK_WITHOUT_DEFAULT = FindingKind(
    "lock-without-default",
    "info",
    "The bucket can lock objects, and DuckLake locks none.",
    "Object lock was switched on when the bucket was made, without a default.",
    "Run canvasback protect enable lock --days N, which locks what is written from then on.",
)
LOCK_BLOCKS_CLEANUP = FindingKind(
    "lock-blocks-cleanup",
    "warning",
    "Nothing can be deleted from the bucket before its time, so that DuckLake's cleanup of old files fails.",
    "A retention policy of a bucket in Google Cloud Storage.",
    "Let DuckLake wait as long: set its option delete_older_than to more than the lock's days.",
)
BACKUP_MISSING = FindingKind(
    "backup-missing",
    "warning",
    "A plan of the backup service takes in the bucket, and has made no backup that can be restored.",
    "The plan is new, or its role has no right to read the bucket.",
    "Look at the jobs of the backup service: they say why.",
)
BACKUP_OLD = FindingKind(
    "backup-old",
    "warning",
    "The newest backup of the backup service is more than two days old.",
    "The plan was changed, or its jobs fail.",
    "Look at the jobs of the backup service: they say why.",
)
CATALOG_ELSEWHERE = FindingKind(
    "catalog-elsewhere",
    "info",
    "A lake is its catalog and its files. The cloud protects the files; without the catalog they are of little use.",
    "The catalog is a file on a disk, or in PostgreSQL.",
    "Run canvasback backup, which saves the catalog too.",
)
FILES_ELSEWHERE = FindingKind(
    "files-elsewhere",
    "info",
    "Some files of the lake lie outside of its data path, maybe in other buckets.",
    "Files were added with ducklake_add_data_files.",
    "Look at these places by themselves: canvasback protect status URL.",
)
UNSEEN = FindingKind(
    "protection-unseen",
    "warning",
    "A right is lacking to see a part of the protection, so that nobody knows whether it is there.",
    "The credentials are those of the lake's writer, who may read and write objects only.",
    "Run it with credentials that have the right, or grant it: it only reads.",
)
