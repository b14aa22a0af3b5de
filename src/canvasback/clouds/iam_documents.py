"""The rights and roles that a plan for S3 takes, as AWS IAM wants them said.

Sources: Amazon S3 User Guide, "Setting up permissions for live replication"; AWS Backup Developer Guide, "Permissions
and policies for Amazon S3 backup and restore".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from canvasback.clouds.s3_answers import ARN
from canvasback.model.plans.protect_enable import Document, Step, Wish

VERSION = "2012-10-17"
BACKUP_POLICIES = (
    "arn:aws:iam::aws:policy/AWSBackupServiceRolePolicyForS3Backup",
    "arn:aws:iam::aws:policy/AWSBackupServiceRolePolicyForS3Restore",
)
"""AWS's own policies for who makes backups of buckets, and for who restores them."""


def rights_document(steps: Iterable[Step], reads: Mapping[str, tuple[str, ...]], role: str) -> Document:
    """What whoever carries out a plan needs, and nothing else.

    Args:
        steps: The changes.
        reads: What it takes to make the plan, by resource.
        role: The role that is handed to a service; empty where none is.
    """
    on: dict[str, set[str]] = {resource: {*rights} for resource, rights in reads.items()}
    for step in steps:
        on.setdefault(step.resource, set()).update(step.needs)
    statements = [
        {"Sid": f"Protect{number}", "Effect": "Allow", "Action": sorted(rights), "Resource": resource}
        for number, (resource, rights) in enumerate(sorted(on.items()), 1)
    ]
    if role:
        statements.append({"Sid": "HandOn", "Effect": "Allow", "Action": ["iam:PassRole"], "Resource": role})
    return Document(
        name="rights",
        meaning="What whoever runs this command needs.",
        content={"Version": VERSION, "Statement": statements},
    )


def trust_document(service: str) -> Document:
    """Who may act in a role: a service."""
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return Document(
        name="trust", meaning="Who may act in the role.", content={"Version": VERSION, "Statement": [statement]}
    )


def replication_role_document(name: str, wish: Wish) -> Document:
    """What the role needs in which S3 copies: to read one bucket's versions, and to write the other's."""
    to = f"{ARN}{wish.to.partition('://')[2].rstrip('/')}"
    write = ["s3:ReplicateObject", "s3:ReplicateTags", *(["s3:ReplicateDelete"] if wish.deletes else [])]
    if wish.account:
        write.append("s3:ObjectOwnerOverrideToBucketOwner")
    statements = [
        {
            "Sid": "ReadRules",
            "Effect": "Allow",
            "Action": ["s3:GetReplicationConfiguration", "s3:ListBucket"],
            "Resource": f"{ARN}{name}",
        },
        {
            "Sid": "ReadVersions",
            "Effect": "Allow",
            "Action": [
                "s3:GetObjectVersionForReplication",
                "s3:GetObjectVersionAcl",
                "s3:GetObjectVersionTagging",
            ],
            "Resource": f"{ARN}{name}/{wish.prefix}*",
        },
        {"Sid": "WriteCopies", "Effect": "Allow", "Action": write, "Resource": f"{to}/{wish.prefix}*"},
    ]
    return Document(
        name="role",
        meaning="What the role needs in which S3 copies. Encryption by keys of KMS takes more.",
        content={"Version": VERSION, "Statement": statements},
    )


def destination_document(wish: Wish, role: str) -> Document:
    """What the policy of another account's bucket has to say."""
    to = f"{ARN}{wish.to.partition('://')[2].rstrip('/')}"
    actions = ["s3:ReplicateObject", "s3:ReplicateTags", "s3:ObjectOwnerOverrideToBucketOwner"]
    statement: dict[str, Any] = {
        "Sid": "LetReplicate",
        "Effect": "Allow",
        "Principal": {"AWS": role},
        "Action": [*actions, *(["s3:ReplicateDelete"] if wish.deletes else [])],
        "Resource": f"{to}/{wish.prefix}*",
    }
    return Document(
        name="destination-policy",
        meaning="What has to be in the policy of the other account's bucket.",
        content={"Version": VERSION, "Statement": [statement]},
    )
