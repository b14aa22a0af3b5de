"""The kinds of damage that a lake's files can have."""

from __future__ import annotations

from canvasback.model.finding import FindingKind

_HEAL = "Run heal with a repository, a replica of the data path, or --from versions: it puts back the file as it was."
_ROW = "Run heal: it corrects the catalog's row, and leaves the file as it is."

MISSING = FindingKind(
    "file-missing",
    "error",
    "A file that a snapshot needs is not in storage. Every query that touches it fails.",
    "A disk or a bucket lost it, or a cleanup of an older or another catalog deleted it.",
    _HEAL,
)
SIZE = FindingKind(
    "file-size",
    "error",
    "A file is longer or shorter than when it was committed. Queries that touch it fail, or read something else.",
    "A crash left 0 bytes, a copy was interrupted, or another file took its name.",
    _HEAL,
)
CATALOG_SIZE = FindingKind(
    "catalog-file-size",
    "error",
    "A file is whole, and the catalog has another size of it. Readers that trust the size find no footer.",
    "Somebody changed file_size_bytes in the catalog.",
    _ROW,
)
UNREADABLE = FindingKind(
    "file-unreadable",
    "error",
    "A file is there, and storage does not let it be read.",
    "The permissions changed, the disk has bad sectors, or the name is that of a broken link.",
    "Let whoever runs check read the file; if the storage is broken, run heal with a repository.",
)
NOT_PARQUET = FindingKind(
    "not-parquet",
    "error",
    "A file of the right size has no footer that could be read as Parquet. Every query that touches it fails.",
    "Its end was overwritten, or a crash left zeros in place of it.",
    _HEAL,
)
FIELDS = FindingKind(
    "file-fields",
    "error",
    "A file has fields that its table never had, or of other types, or none of its table's. It is another file.",
    "A file of another table has its name.",
    _HEAL,
)
ROW_COUNT = FindingKind(
    "row-count",
    "error",
    "A file has another number of rows than the catalog says. Counts and row ids are wrong.",
    "Another file has its name, or somebody changed record_count or delete_count in the catalog.",
    "Compare with a backup: run check --level checksum with a repository. " + _HEAL,
)
FOOTER_SIZE = FindingKind(
    "footer-size",
    "error",
    "The catalog has another length of a file's footer than the file. Readers that trust it cannot open the file.",
    "Somebody changed footer_size in the catalog.",
    _ROW,
)
HIDING_STATISTICS = FindingKind(
    "statistics-hide-rows",
    "error",
    "The catalog's statistics of a file exclude values that the file has. Filters skip the file, and rows are missing "
    "from answers without any error.",
    "A writer noted a lower maximum, or a number of NULLs that is too low.",
    _ROW,
)
PARTITION = FindingKind(
    "partition-value",
    "error",
    "A file holds other values of its partition's column than the catalog says. Filters skip it, and rows are missing.",
    "A file of another partition has its name, or the partition value was changed in the catalog.",
    _HEAL,
)
KEY = FindingKind(
    "encryption-key",
    "error",
    "A file is encrypted and the catalog has no key of it, or not the right one; or the catalog has a key of a file "
    "that is not encrypted. It cannot be read.",
    "The key was lost with its row of the catalog, or an unencrypted file was put in the place of an encrypted one.",
    "Take the key, or the file, from a backup of the same lake: run heal with a repository.",
)
DELETES = FindingKind(
    "delete-positions",
    "error",
    "A delete file deletes rows that its data file does not have, one twice, or those of another data file of its "
    "table. Rows that were deleted come back, or others are gone.",
    "A delete file of another data file has its name.",
    _HEAL,
)
VECTOR = FindingKind(
    "deletion-vector",
    "error",
    "A deletion vector is not as it was written: its length, its mark or its checksum does not fit. Queries of its "
    "data file fail, or show rows that were deleted.",
    "A bad sector, a broken copy, or another file that took its name.",
    _HEAL,
)
ROWS = FindingKind(
    "rows-unreadable",
    "error",
    "A file has a sound footer, and rows that cannot be read. Queries of these columns fail.",
    "A bad sector or a broken copy changed bytes in the middle of the file.",
    _HEAL,
)
ROW_IDS = FindingKind(
    "row-ids",
    "error",
    "A file has two rows of one row id that are of one snapshot. Updates and deletes of one of them hit both.",
    "A file was written anew by a program that does not know row ids.",
    _HEAL,
)
ROW_ID_TAKEN = FindingKind(
    "row-id-taken",
    "error",
    "A file has a row of an id that its table would give out again. Only the file itself tells: the catalog does not "
    "say which ids the rows have that a flush or a compaction wrote.",
    "ducklake_table_stats was restored from an older copy.",
    "Run heal --level rows: it raises the table's counter.",
)
CORRUPT = FindingKind(
    "file-corrupt",
    "error",
    "A file has other bytes than when it was backed up, though DuckLake never changes a file.",
    "A bad sector, a broken copy, or a program that rewrote the file.",
    _HEAL,
)
EMPTY = FindingKind(
    "data-path-empty",
    "error",
    "Of all files that the catalog names below the data path there is none, nor any of their folders.",
    "A disk is not mounted, or the data path is not the lake's.",
    "Mount the disk, or say with --data-path where the files are, and look again. If they are lost, restore "
    "brings them back, or heal.",
)
ORPHAN = FindingKind(
    "orphan-file",
    "warning",
    "A file below the data path that no row of the catalog names. It takes room and is read by nobody.",
    "A writer was killed before it committed, a commit failed, or a cleanup was interrupted.",
    "If nobody is writing, run DuckLake's delete_orphaned_files, with a dry run first.",
)
UNDER_WAY = FindingKind(
    "file-under-way",
    "info",
    "A file that is less than an hour old and that no row of the catalog names yet.",
    "A commit is under way, or its writer was killed.",
    "Is it an old copy of the catalog that is there? Then run salvage --dry-run. Else look again in an hour.",
)
UNKNOWN_COMMIT = FindingKind(
    "unknown-commit-file",
    "warning",
    "A file that is newer than the catalog's newest commit: it may be of a commit that the catalog does not know. "
    "DuckLake's orphan cleanup would delete it for good.",
    "An older catalog was restored, and the files of later commits are still there.",
    "Do not run delete_orphaned_files or CHECKPOINT before salvage: it wins such commits back.",
)
FOREIGN = FindingKind(
    "foreign-file",
    "warning",
    "A file below the data path that DuckLake did not write. The orphan cleanup of DuckLake 0.3 would delete it.",
    "A catalog database, notes, or files that were moved aside lie in the data path.",
    "Move it out of the data path.",
)

ASIDE = FindingKind(
    "moved-aside",
    "info",
    "A damaged file that was moved aside when a whole one took its place. DuckLake 0.3's delete_orphaned_files would "
    "delete it.",
    "heal or restore was here.",
    "Delete it when nobody wants to look at it any more.",
)

FILE_KINDS = {
    kind.code: kind
    for kind in (
        MISSING, SIZE, CATALOG_SIZE, UNREADABLE, NOT_PARQUET, FIELDS, ROW_COUNT, FOOTER_SIZE, HIDING_STATISTICS,
        PARTITION, KEY, DELETES, VECTOR, ROWS, ROW_IDS, ROW_ID_TAKEN, CORRUPT,
    )
}  # fmt: skip
"""What can be wrong with a file that the catalog names, by code."""

STRAY_KINDS = (ORPHAN, UNKNOWN_COMMIT, UNDER_WAY, ASIDE, FOREIGN)
"""What else can lie in a data path."""
