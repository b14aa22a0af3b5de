"""The commands with a repository in a bucket, configured as a user would."""

from __future__ import annotations

import json
import sys
import time

import pytest

from canvasback import Stores, UsageError
from tests.cli.running import Place, Ran, finish
from tests.clouds import cloud
from tests.crash.lakes import Stages
from tests.lake.cloud_lakes import write
from tests.object_servers import Ministack
from tests.oracle import read_lake
from tests.proxy import Fault, FaultProxy, hang, matching

KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true"}


class BucketPlace:
    """A place whose settings file says where the bucket's server is."""

    def __init__(self, place: Place, endpoint: str, bucket: str) -> None:
        self.place = place
        self.repository = f"{bucket}repo"
        (place.folder / "canvasback.toml").write_text(
            f'repository = "{self.repository}"\n[storage."{bucket}"]\nendpoint = "{endpoint}"\nregion = "us-east-1"\n'
        )

    def run(self, *arguments: object) -> Ran:
        return self.place.run(*arguments, **KEYS)


@pytest.fixture
def there(place: Place, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> BucketPlace:
    where = cloud("s3", request, monkeypatch)
    return BucketPlace(place, str(where.options.endpoint), where.bucket())


def test_all_commands(there: BucketPlace, stages: Stages) -> None:
    assert there.run("init", there.repository, "--lake", there.place.catalog).code == 0
    made = there.run("backup", there.place.catalog, "--limit-rate", "10M", "--json")
    assert (made.code, made.err) == (0, "")
    point = made.document["point"]
    assert [listed["point"] for listed in there.run("list", "--json").document["points"]] == [point]
    assert there.run("show", point[:12]).code == 0
    assert there.run("verify", "--all", "--level", "rows").code == 0
    restored = there.run("restore", "--to", "r.ducklake", "--data-path", "r", "--limit-rate", "10MiB/s")
    assert restored.code == 0, restored
    assert read_lake(f"ducklake:{there.place.folder}/r.ducklake")["snapshots"] == stages.truth["3"]
    attached = there.run("attach", "--out", "a.ducklake", "--json")
    assert attached.code == 0
    assert [finding["code"] for finding in attached.document["findings"]] == ["needs-access"]
    exists = there.run("init", there.repository, "--lake", there.place.catalog, "--json")
    assert (exists.code, exists.document["code"]) == (4, "repository-exists")


def test_a_repository_without_copies(
    place: Place, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = cloud("s3", request, monkeypatch)
    data, replica = f"{where.bucket(versions=True)}lake/", f"{where.bucket()}lake/"
    lake = f"ducklake:{place.folder}/lent.ducklake"
    write(where, place.folder / "lent.ducklake", data, ("CREATE TABLE lake.main.t AS SELECT range AS a FROM range(9)",))
    there = BucketPlace(place, str(where.options.endpoint), where.bucket())
    settings = place.folder / "canvasback.toml"
    settings.write_text(settings.read_text().replace(f'"{there.repository[:-4]}"', '"s3://"'))

    plain = there.run("init", "plain", "--lake", lake, "--storage", "replica")
    assert (plain.code, "[storage-not-understood]" in plain.err) == (2, True)
    made = there.run("init", there.repository, "--lake", lake, "--storage", "versions")
    assert (made.code, made.err) == (0, "")
    assert made.out.splitlines()[1:] == [
        f"it copies no files: points name the versions that the bucket of {data} keeps"
    ]
    planned = there.run("backup", lake, "--dry-run")
    assert "1 file (" in planned.out
    assert "pinned by their versions, and no byte is copied" in planned.out
    backed = there.run("backup", lake)
    assert f"  pinned     1 in {data}" in backed.out.splitlines()
    assert f"storage: versions, at {data}" in there.run("list").out.splitlines()
    assert f"1 was pinned at {data} for it" in there.run("show").out
    assert there.run("show", "--json").document["storage"] == "versions"
    pruned = there.run("prune")
    assert f"  - nothing of {data} is deleted: the bucket's own lifecycle rules say how long its versions stay" in (
        pruned.out.splitlines()
    )

    made = there.run("init", "lent", "--lake", lake, "--storage", "replica", "--replica-url", replica)
    assert made.out.splitlines()[1:] == [f"it copies no files: points name what has arrived at the replica {replica}"]
    backed = there.run("backup", lake, "-r", "lent")
    assert (backed.code, "[not-replicated]" in backed.out) == (3, True)
    assert f"  arrived    0 in {replica}" in backed.out.splitlines()


def test_a_locked_repository(
    place: Place, stages: Stages, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = cloud("s3", request, monkeypatch)
    assert isinstance(where.server, Ministack)
    where.server.create_bucket("locked-by-command", locks=True)
    there = BucketPlace(place, str(where.options.endpoint), "s3://locked-by-command/")
    bare = there.run("init", there.repository, "--lake", place.catalog, "--lock", "governance")
    assert (bare.code, "[lock-not-understood]" in bare.err) == (2, True)
    made = there.run("init", there.repository, "--lake", place.catalog, "--lock", "governance", "--lock-days", "30")
    assert made.out.splitlines()[1:] == ["its objects are locked for 30 days, in mode governance"]
    assert there.run("backup", place.catalog).code == 0
    verified = there.run("verify")
    assert verified.code == 0
    assert "  protected against deletion: 1 point, until " in verified.out
    locked = there.run("lock")
    assert locked.code == 0
    assert locked.out.splitlines()[-1].startswith("0 objects and 0 points locked for longer, in ")
    policy = there.run("policy", "--role", "add")
    assert [one["Sid"] for one in json.loads(policy.out)["Statement"]] == ["UseRepository", "ListBucket", "Never"]
    assert there.run("policy", "--role", "read", "--json").document["policy"]["Version"] == "2012-10-17"


def test_a_backup_that_is_killed_is_taken_up_again(
    place: Place, stages: Stages, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the granularity of files: what arrived is kept, and what did not is copied."""
    direct = cloud("s3", request, monkeypatch)
    with FaultProxy(str(direct.options.endpoint)) as proxy:
        there = BucketPlace(place, proxy.endpoint, direct.bucket())
        assert there.run("init", there.repository, "--lake", place.catalog).code == 0
        proxy.faults.append(Fault(matching("PUT", r"/data/.*\.parquet$"), hang(60), skip=5))
        killed = place.start("backup", place.catalog, "--jobs", "1", **KEYS)
        while not proxy.faults[0].struck:
            assert killed.poll() is None
            time.sleep(0.01)
        killed.kill()
        finish(killed)
        proxy.faults.clear()
        store = direct.stores().open(there.repository)
        arrived = {stat.name: stat.etag for stat in store.list("data/")}
        assert len(arrived) in {5, 6}  # the proxy may have passed on what the dead had sent
        assert list(store.list("points/")) == []
        again = there.run("backup", place.catalog, "--json")  # nobody waits for the lease of a process that is dead
        assert (again.code, again.err) == (0, "")
        assert again.document["new_files"] in {11 - len(arrived), 11 - 6}
        assert arrived.items() <= {stat.name: stat.etag for stat in store.list("data/")}.items()
        assert there.run("verify", "--level", "rows").code == 0
        assert there.run("restore", "--to", "r.ducklake", "--data-path", "r").code == 0
    assert read_lake(f"ducklake:{place.folder}/r.ducklake")["snapshots"] == stages.truth["3"]


def test_keys_that_are_wrong_or_missing(there: BucketPlace) -> None:
    missing = there.place.run("list", "--json", AWS_EC2_METADATA_DISABLED="true")
    assert (missing.code, missing.document["code"]) == (1, "credentials-missing")
    wrong = there.place.run("list", "--json", **{**KEYS, "AWS_ACCESS_KEY_ID": "AKIANOBODY"})
    assert (wrong.code, wrong.document["code"]) == (1, "credentials-refused")
    for ran in (missing, wrong):
        assert "Traceback" not in ran.err
        assert ran.document["hint"]


@pytest.mark.parametrize("rate", ["fast", "0", "-5M", "M", "10X"])
def test_a_rate_that_is_none(place: Place, rate: str) -> None:
    ran = place.run("backup", place.catalog, "-r", "repo", f"--limit-rate={rate}", "--json")
    assert (ran.code, ran.document["code"]) == (2, "rate-not-understood")


@pytest.mark.parametrize(
    ("url", "module", "extra"),
    [
        ("s3://bucket/repo", "obstore", "s3"),
        ("gs://bucket/repo", "google.cloud", "gcs"),
        ("az://bucket/repo", "azure.storage.blob", "azure"),
    ],
)
def test_an_extra_that_is_not_installed(url: str, module: str, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith((module, "canvasback.storage."))]:
        if (
            name in {"canvasback.storage.bucket.s3", "canvasback.storage.bucket.gcs", "canvasback.storage.bucket.azure"}
            or name == module
        ):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UsageError) as missing:
        Stores().open(url)
    assert missing.value.code == "extra-missing"
    assert f"canvasback[{extra}]" in missing.value.hint
