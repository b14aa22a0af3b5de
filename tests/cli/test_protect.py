"""What a cloud does for a lake by itself, on the command line: as text, as JSON, as a page, with exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.running import Place, Ran
from tests.clouds import cloud
from tests.object_servers import Ministack

KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true"}
ROLE = "arn:aws:iam::000000000000:role/replication"


class Bucket:
    """A bucket, and a settings file that says where its server is and names a lake in it."""

    def __init__(self, place: Place, endpoint: str, url: str) -> None:
        self.place, self.url = place, url
        self.name = url.removeprefix("s3://").rstrip("/")
        (place.folder / "canvasback.toml").write_text(
            f'[storage."s3://"]\nendpoint = "{endpoint}"\nregion = "us-east-1"\n'
            f'[lakes.sales]\nlake = "{place.catalog}"\n'
        )

    def run(self, *arguments: object, **more: str) -> Ran:
        return self.place.run("protect", *arguments, **{**KEYS, **more})


@pytest.fixture
def bucket(place: Place, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    where = cloud("s3", request, monkeypatch)
    return Bucket(place, str(where.options.endpoint), where.bucket())


def test_status_of_a_bucket(bucket: Bucket) -> None:
    ran = bucket.run("status", f"{bucket.url}files")
    assert (ran.code, ran.err) == (3, "")
    lines = ran.out.splitlines()
    assert lines[0] == f"{bucket.url}files/: covered in 0 of 6 disasters"
    assert "  versioning     off" in lines
    assert "  soft-delete    the service has none" in lines
    assert "  a file is deleted       not covered" in lines
    assert "2 findings: 1 no-protection, 1 versioning-off" in lines
    told = bucket.run("status", f"{bucket.url}files", "--json")
    assert (told.code, told.document["schema"]) == (3, "canvasback.protect-status/1")
    assert [verdict["state"] for verdict in told.document["verdicts"]] == ["uncovered"] * 6


def test_status_of_a_lake_on_a_disk(bucket: Bucket) -> None:
    ran = bucket.run("status", "sales")
    assert ran.code == 3
    assert "[not-in-a-cloud]" in ran.out
    with_points = bucket.run("status", "sales", "-r", bucket.place.repo)
    assert "covered in 5 of 6 disasters" in with_points.out
    assert "repository: its newest point is of " in with_points.out


def test_a_page(bucket: Bucket, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    assert bucket.run("status", bucket.url, "--html", page).code == 3
    assert "no-protection" in page.read_text()
    again = bucket.run("status", bucket.url, "--html", page, "--json")
    assert (again.code, again.document["code"]) == (4, "target-not-empty")


def test_versioning_is_enabled(bucket: Bucket) -> None:
    planned = bucket.run("enable", "versioning", bucket.url, "--days", "30", "--dry-run")
    assert (planned.code, planned.err) == (0, "")
    lines = planned.out.splitlines()
    assert lines[0] == f"would switch on versioning of {bucket.url}"
    assert lines[-1] == "nothing was changed (--dry-run)"
    made = bucket.run("enable", "versioning", bucket.url, "--days", "30")
    assert made.code == 0
    assert made.out.splitlines()[0] == f"versioning of {bucket.url}: 2 of 2 steps done"
    again = bucket.run("enable", "versioning", bucket.url, "--days", "30")
    assert again.code == 0
    assert again.out.splitlines()[0] == f"nothing is to be done: {bucket.url} has versioning"
    told = bucket.run("enable", "versioning", bucket.url, "--json")
    assert (told.code, told.document["schema"]) == (0, "canvasback.protect-enable/1")
    assert (told.document["steps"], told.document["done"]) == ([], 0)
    assert bucket.run("status", bucket.url).code == 0


def test_rights_and_terraform_are_printed(bucket: Bucket) -> None:
    wish = ("replication", bucket.url, "--to", "s3://elsewhere")
    policy = bucket.run("enable", *wish, "--print", "policy")
    assert (policy.code, policy.err) == (0, "")
    documents = json.loads(policy.out)
    assert [*documents] == ["rights", "trust", "role"]
    assert documents["trust"]["Statement"][0]["Principal"] == {"Service": "s3.amazonaws.com"}
    terraform = bucket.run("enable", *wish, "--print", "terraform")
    assert (terraform.code, terraform.err) == (0, "")
    assert terraform.out.startswith('resource "aws_s3_bucket_versioning" "lake" {\n')
    assert terraform.out.endswith("}\n")
    assert "[no-protection]" in bucket.run("status", bucket.url).out  # nothing was done


def test_without_rights_they_are_printed_too(bucket: Bucket, request: pytest.FixtureRequest) -> None:
    server: Ministack = request.getfixturevalue("s3_server")
    iam = server.client("iam")
    iam.create_user(UserName=bucket.name)
    key = iam.create_access_key(UserName=bucket.name)["AccessKey"]
    iam.close()
    nobody = {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
    ran = bucket.run("enable", "versioning", bucket.url, **nobody)
    assert ran.code == 3
    assert "[right-lacking]" in ran.out
    assert '"s3:PutBucketVersioning"' in ran.out
    assert 'resource "aws_s3_bucket_versioning" "lake"' in ran.out
    seen = bucket.run("status", bucket.url, **nobody)
    assert seen.code == 3
    assert "not seen: no permission (AccessDenied); it takes s3:GetBucketVersioning" in seen.out
    assert "  a file is deleted       not known" in seen.out


def test_what_cannot_be(bucket: Bucket) -> None:
    for arguments, code, name in (
        (("status", "s3://no-such-bucket-at-all"), 1, "bucket-missing"),
        (("status", "nothing.ducklake"), 1, "catalog-missing"),
        (("enable", "soft-delete", bucket.url), 4, "protection-unsupported"),
        (("enable", "versioning", "sales"), 4, "not-in-a-bucket"),
        (("enable", "lock", bucket.url), 2, "option-missing"),
        (("enable", "backup", bucket.url, "--days", "3"), 4, "protection-unsupported"),
        (("enable", "replication", bucket.url, "--to", bucket.url, "--role", ROLE), 2, "replica-not-understood"),
    ):
        ran = bucket.run(*arguments, "--json")
        assert (ran.code, ran.document["code"]) == (code, name)
        assert "Traceback" not in ran.err
    assert bucket.run("enable", "everything", bucket.url).code == 2
