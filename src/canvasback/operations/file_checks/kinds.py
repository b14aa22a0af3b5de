"""What can be wrong with a file of a lake, and with what lies beside its files."""

from __future__ import annotations

from canvasback.model.finding import FindingKind

_PUT_BACK = "Run heal with the lake's repository, or with --from and a replica of the data path."
_CATALOG = "Restore the catalog from a point that was made before, with --replace; or --table, for this table alone."

MISSING = FindingKind(
    "file-missing",
    "error",
    "The catalog names a file that is not there. Snapshots that need it fail with an error that names it.",
    "A lifecycle rule expired objects of the bucket, or somebody deleted a folder.",
    _PUT_BACK,
)
SIZE = FindingKind(
    "file-size",
    "error",
    "A file has another size than the catalog promises: it was cut off, or replaced.",
    "A writer crashed and left a file of 0 bytes; a copy ended half-way.",
    _PUT_BACK,
)
UNREADABLE = FindingKind(
    "file-unreadable",
    "error",
    "A file is there, and reading it fails: permissions, a bad disk, or a network that does not answer.",
    "A disk reports input/output errors.",
    "Read the message; correct the permissions, or treat the disk as failing. Then check again.",
)
NOT_PARQUET = FindingKind(
    "not-parquet",
    "error",
    "A file does not end as Parquet does, or its footer cannot be read. Every query that needs it fails.",
    "A bad disk returned other bytes; something else was written to the file's name.",
    _PUT_BACK,
)
KEY = FindingKind(
    "encryption-key",
    "error",
    "A file is encrypted, and the catalog has no key of it or a wrong one; or it has a key, and the file is plain.",
    "The column encryption_key was emptied.",
    _CATALOG,
)
FOOTER_SIZE = FindingKind(
    "footer-size",
    "error",
    "The catalog has another length of the file's footer than the file itself. DuckLake reads so many bytes from the "
    "end of the file, and fails.",
    "The catalog was edited by hand.",
    "Run heal: it puts the file's own number into the catalog.",
)
ROW_COUNT = FindingKind(
    "row-count",
    "error",
    "A file has another number of rows than the catalog says. count(*) and row ids follow the catalog, other queries "
    "the file.",
    "The catalog was edited by hand; or the file was written anew by a tool, and happens to have the same size.",
    "Run check at level checksum with the lake's repository. If the file is what was saved, the catalog is wrong: "
    "restore it from an older point.",
)
FIELDS = FindingKind(
    "field-ids",
    "error",
    "A file has fields of ids that its table never had, or a field of another type: it is of another table. Columns "
    "read as NULL or as nonsense.",
    "A file was copied over another one.",
    _PUT_BACK,
)
STATISTICS = FindingKind(
    "statistics-hide-rows",
    "error",
    "The catalog's bounds of a column in a file leave out values that the file has, or its count of NULLs is wrong. "
    "Queries with a filter pass over the file, and say nothing.",
    "Statistics were written by a tool that rounds them; or the file was replaced.",
    "Run heal: it forgets the bounds, so that the file is read.",
)
POSITIONS = FindingKind(
    "delete-positions",
    "error",
    "A file of deletes names places that its data file does not have.",
    "It was attached to another data file.",
    _PUT_BACK,
)
OTHER_FILE = FindingKind(
    "delete-of-other-file",
    "error",
    "A file of deletes says itself that it is of another data file than the catalog says. The wrong rows are hidden.",
    "Two files of deletes were mixed up.",
    _PUT_BACK,
)
CORRUPT = FindingKind(
    "file-corrupt",
    "error",
    "A file does not have the bytes that were saved, or its rows cannot be read although its footer can.",
    "A bit flipped on a disk.",
    _PUT_BACK,
)

FILE_KINDS = {
    kind.code: kind
    for kind in (
        MISSING, SIZE, UNREADABLE, NOT_PARQUET, KEY, FOOTER_SIZE, ROW_COUNT, FIELDS, STATISTICS, POSITIONS, OTHER_FILE,
        CORRUPT,
    )
}  # fmt: skip
"""What can be wrong with a file that the catalog names, by code."""

ORPHAN = FindingKind(
    "orphan-file",
    "warning",
    "A Parquet file that the catalog does not name, older than its newest commit: a writer was killed before it "
    "committed, or a cleanup was. DuckLake's ducklake_delete_orphaned_files deletes it.",
    "A job was killed half-way through an INSERT.",
    "Run salvage --dry-run to see what is in it. If it is not needed, let DuckLake delete it: "
    "CALL ducklake_delete_orphaned_files('lake', dry_run => true).",
)
UNKNOWN_COMMIT = FindingKind(
    "unknown-commit",
    "warning",
    "A Parquet file that the catalog does not name, newer than its newest commit: a commit that the catalog does not "
    "know, if an older catalog was put in place. DuckLake's ducklake_delete_orphaned_files and CHECKPOINT delete it.",
    "The catalog is from last night's backup, and today's commits are not in it.",
    "Run salvage before anything cleans the data path up.",
)
UNDER_WAY = FindingKind(
    "file-under-way",
    "info",
    "A Parquet file that the catalog does not name and that was written within the last hour: a commit may be under way.",
    "A large INSERT is running.",
    "Check again later.",
)
ASIDE = FindingKind(
    "moved-aside",
    "info",
    "A damaged file that was moved aside when a whole one was put back in its place. DuckLake 0.3's "
    "ducklake_delete_orphaned_files deletes it.",
    "heal was here.",
    "Delete it when nobody wants to look at it any more.",
)
FOREIGN = FindingKind(
    "foreign-file",
    "warning",
    "Something in the data path that is none of DuckLake's files. DuckLake 0.3's ducklake_delete_orphaned_files deletes "
    "it, whatever it is.",
    "The catalog's own database lies in the data path.",
    "Move it elsewhere.",
)

STRAY_KINDS = (ORPHAN, UNKNOWN_COMMIT, UNDER_WAY, ASIDE, FOREIGN)
"""What can lie in a data path that the catalog does not name."""
