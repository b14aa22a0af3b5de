"""A lake of the real extension whose files are in a bucket, and what its bucket has of protection."""

from __future__ import annotations

import itertools
import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import canvasback
from canvasback import ProtectEnableResult, ProtectStatusResult
from canvasback.model.protection.verdicts import Disaster, Verdict
from tests.clouds import Cloud, cloud
from tests.lake.cloud_lakes import write
from tests.object_servers import Ministack

_NUMBERS = itertools.count(1)
HISTORY = (
    "CREATE TABLE lake.main.t (i INTEGER)",
    *(f"INSERT INTO lake.main.t SELECT range FROM range({number * 10}, {number * 10 + 10})" for number in range(6)),
)
OTHER_RULE = {
    "ID": "others",
    "Status": "Enabled",
    "Filter": {"And": {"Prefix": "logs/", "Tags": [{"Key": "a", "Value": "b"}, {"Key": "c", "Value": "d"}]}},
    "Expiration": {"Days": 5},
    "Transitions": [{"Days": 1, "StorageClass": "STANDARD_IA"}],
}
"""A lifecycle rule about another folder."""

ROLE = "arn:aws:iam::000000000000:role/replication"


def s3_with_backup(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    """S3, and AWS Backup at the same endpoint."""
    found = cloud("s3", request, monkeypatch)
    monkeypatch.setenv("AWS_ENDPOINT_URL_BACKUP", str(found.options.endpoint))
    return found


class ProtectedLake:
    """A lake whose files are in a bucket of its own.

    Args:
        where: The server.
        client: Its client of S3.
        folder: Where the catalog is.
        locks: Whether objects can be locked.
    """

    def __init__(self, where: Cloud, client: Any, folder: Path, *, locks: bool = False) -> None:
        self.where, self.client = where, client
        self.bucket = f"lake-{next(_NUMBERS)}"
        assert isinstance(where.server, Ministack)
        where.server.create_bucket(self.bucket, locks=locks)
        self.catalog = folder / f"{self.bucket}.ducklake"
        self.lake = f"ducklake:{self.catalog}"
        self.stores = where.stores()

    @property
    def url(self) -> str:
        """Where its files are."""
        return f"s3://{self.bucket}/files/"

    def write(self, *history: str) -> None:
        """Commit, by default six files."""
        write(self.where, self.catalog, self.url, history or HISTORY)

    def names(self) -> list[str]:
        """The keys of its files."""
        return [one["Key"] for one in self.client.list_objects_v2(Bucket=self.bucket).get("Contents", [])]

    def status(self, repository: str | None = None, **more: Any) -> ProtectStatusResult:
        """What protects it."""
        return canvasback.protect_status(self.lake, repository, **{"stores": self.stores, **more})

    def enable(self, mechanism: str, **more: Any) -> ProtectEnableResult:
        """Switch a mechanism on."""
        return canvasback.protect_enable(self.lake, mechanism=mechanism, stores=self.stores, **more)

    def versions(self, state: str = "Enabled", bucket: str = "") -> None:
        """Let a bucket keep versions, or not any more."""
        self.client.put_bucket_versioning(Bucket=bucket or self.bucket, VersioningConfiguration={"Status": state})

    def lifecycle(self, *rules: dict[str, Any], bucket: str = "") -> None:
        """Give a bucket these lifecycle rules."""
        numbered = [{"ID": f"rule-{number}", "Status": "Enabled", **rule} for number, rule in enumerate(rules, 1)]
        self.client.put_bucket_lifecycle_configuration(
            Bucket=bucket or self.bucket, LifecycleConfiguration={"Rules": numbered}
        )

    def other_bucket(self, *, versions: bool = True) -> str:
        """Another bucket, which can be a replica."""
        name = f"{self.bucket}-other-{next(_NUMBERS)}"
        self.client.create_bucket(Bucket=name)
        if versions:
            self.versions(bucket=name)
        return name

    def replicate(self, *, prefix: str = "", deletes: bool = False, status: str = "Enabled") -> str:
        """Add a rule that copies to another bucket, and answer which."""
        to = self.other_bucket()
        rule = {
            "ID": "copy",
            "Status": status,
            "Priority": 1,
            "Filter": {"Prefix": prefix},
            "DeleteMarkerReplication": {"Status": "Enabled" if deletes else "Disabled"},
            "Destination": {"Bucket": f"arn:aws:s3:::{to}"},
        }
        self.client.put_bucket_replication(Bucket=self.bucket, ReplicationConfiguration={"Role": ROLE, "Rules": [rule]})
        return to

    def become(self, monkeypatch: pytest.MonkeyPatch, *actions: str) -> None:
        """Go on as one who may do so much, whose secret the server checks."""
        self.become_by(
            monkeypatch,
            {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": [*actions], "Resource": "*"}]},
        )

    def become_by(self, monkeypatch: pytest.MonkeyPatch, policy: dict[str, Any]) -> None:
        """Go on as one who may do what a policy says."""
        assert isinstance(self.where.server, Ministack)
        with closing(self.where.server.client("iam")) as iam:
            name = f"user-{self.bucket}-{next(_NUMBERS)}"
            iam.create_user(UserName=name)
            iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(policy))
            key = iam.create_access_key(UserName=name)["AccessKey"]
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
        self.stores = self.where.stores()


def codes(result: ProtectStatusResult) -> set[str]:
    """What was found, but for what is so of every lake here."""
    return set(result.finding_counts) - {"catalog-elsewhere"}


def states(result: ProtectStatusResult) -> dict[str, str]:
    """Each verdict, in a word."""
    return {verdict.disaster.value: verdict.state for verdict in result.verdicts}


def verdict(result: ProtectStatusResult, disaster: Disaster) -> Verdict:
    """The verdict for a disaster."""
    (found,) = (one for one in result.verdicts if one.disaster is disaster)
    return found


def done(result: ProtectEnableResult, steps: int) -> None:
    """So many steps were planned, and made."""
    assert (len(result.steps), result.done, result.findings) == (steps, steps, ())


def again(lake: ProtectedLake, mechanism: str, **more: Any) -> None:
    """The second time there is nothing to do."""
    result = lake.enable(mechanism, **more)
    done(result, 0)
    assert result.kept
