"""Where a heal looks for copies: what it is told, in the order in which it is trusted."""

from __future__ import annotations

from typing import cast, get_args

from canvasback.catalog.image import Image
from canvasback.checks.copies_in_points import CopiesInPoints
from canvasback.checks.copies_in_replica import CopiesInReplica
from canvasback.checks.copies_in_versions import CopiesInVersions, Kept
from canvasback.checks.copy_search import CopySource
from canvasback.errors import RefusedError
from canvasback.model.aws_choice import AwsChoice
from canvasback.model.holding import StorageKind
from canvasback.model.level import CheckLevel
from canvasback.repository.repository import Repository
from canvasback.storage.run import Run
from canvasback.verbs.heal.replica import find_replica

AWS_BACKUP = "aws-backup"
_REPLICA = "replica"


def find_sources(
    image: Image,
    run: Run,
    repository: Repository | None,
    source: str | None,
    root: str,
    level: CheckLevel,
    choice: AwsChoice,
) -> list[CopySource]:
    """The places of copies, those first whose bytes can be proved.

    Args:
        image: The lake's catalog.
        run: Opens the places.
        repository: The lake's repository, if there is one.
        source: What else the user names: ``versions``, ``soft-deleted``, ``aws-backup``, ``replica``, which the
            repository knows, or the place of one.
        root: The data path.
        level: How deeply the lake is looked at.
        choice: What the user decides of AWS Backup.

    Raises:
        RefusedError: There is no replica (``no-replica``), or nothing that AWS Backup could restore (``not-at-aws``,
            ``no-recovery-point``).
        UsageError: It is a URL of a kind that is not supported, or nothing keeps versions (``no-versions``).
        StorageError: It cannot be listed.
    """
    found: list[CopySource] = [] if repository is None else [CopiesInPoints(repository)]
    if source in get_args(Kept):
        found.append(CopiesInVersions(run.stores, root, cast("Kept", source)))
    elif source == AWS_BACKUP:
        found.append(_aws_backup(run, root, level, choice))
    elif source is not None:
        lender = None if repository is None else repository.marker.borrows
        if source == _REPLICA and lender is not None and lender.kind is StorageKind.REPLICA:
            source = lender.url  # it may have what came after the newest point; without, it is a folder of that name
        found.append(CopiesInReplica(find_replica(image, run.stores, source, root), level))
    return found


def _aws_backup(run: Run, root: str, level: CheckLevel, choice: AwsChoice) -> CopySource:
    place = run.stores.place(root)
    if place is None or place.kind != "s3":
        raise RefusedError(
            "not-at-aws",
            f"{root} is in no bucket of S3, and AWS Backup saves those",
            hint="Name the lake's repository with --repo, or a replica of the data path with --from URL.",
        )
    # What talks to AWS is an extra, which a data path in S3 has.
    from canvasback.checks.copies_in_aws_backup import CopiesInAwsBackup  # noqa: PLC0415

    return CopiesInAwsBackup(run, root, place, choice, level)
