"""What a bucket has, judged for a lake: findings and verdicts, by a table of cases and by what holds of all of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from canvasback.model.protection.bucket import (
    BackupPlan,
    Backups,
    BucketProtection,
    LifecycleRule,
    ObjectLock,
    Part,
    ReplicationRule,
    Unseen,
    covers,
    overlaps,
)
from canvasback.model.protection.findings import LAG, protection_findings
from canvasback.model.protection.lake import LakeFacts, Replica, RepositoryFacts, Sample, shown_days
from canvasback.model.protection.verdicts import Disaster, Situation, Verdict, verdicts

NOW = datetime(2026, 11, 28, tzinfo=UTC)
ALL = [str(disaster) for disaster in Disaster]
DELETED, OVERWRITTEN, EMPTIED, GONE, REGION, STOLEN = ALL

COPY = ReplicationRule(id="copy", destination="s3://copy/")
ARRIVED = Sample(files=3, arrived=3, checked=True)


def bucket(**more: Any) -> BucketProtection:
    said: dict[str, Any] = {
        "service": "AWS",
        "region": "eu-central-1",
        "spread": "region",
        "lacking": (Part.SOFT_DELETE,),
    }
    return BucketProtection(url="s3://lake/", cloud="s3", **{**said, **more})


def replica(**more: Any) -> Replica:
    there = BucketProtection(url="s3://copy/", cloud="s3", service="AWS", region="us-east-1", versioning="on")
    said: dict[str, Any] = {"protection": there, "sample": ARRIVED}
    return Replica(url="s3://copy/", rule="copy", **{**said, **more})


def facts(**more: Any) -> LakeFacts:
    return LakeFacts(lake="", data_path="s3://lake/files/", prefix="files/", **more)


def situation(one: BucketProtection | None, *replicas: Replica, **more: Any) -> Situation:
    return Situation(bucket=one, replicas=replicas, facts=facts(**more), now=NOW)


def states(one: Situation) -> dict[str, str]:
    return {str(verdict.disaster): verdict.state for verdict in verdicts(one)}


def found(one: Situation) -> list[tuple[str, str]]:
    return [(finding.code, finding.severity) for finding in protection_findings(one)]


def days(one: Situation, disaster: str) -> float | None:
    return by_disaster(one)[disaster].days


def by_disaster(one: Situation) -> dict[str, Verdict]:
    return {str(verdict.disaster): verdict for verdict in verdicts(one)}


def in_words(one: Situation) -> str:
    """The first letters of the states, in the order of the disasters."""
    return "".join(states(one)[disaster][:1] if states(one)[disaster] != "unknown" else "?" for disaster in ALL)


BACKED_UP = Backups(
    plans=(BackupPlan(name="daily", days=35, copy_regions=("us-east-1",)),), newest=NOW - timedelta(hours=5), count=1
)


@pytest.mark.parametrize(
    ("one", "said"),
    [
        # deleted, overwritten, emptied, gone, region, stolen: covered, partly, uncovered, ?
        (situation(bucket()), "uuuuuu"),
        (situation(None), "uuuuuu"),
        (situation(bucket(versioning="on")), "ccpuup"),
        (situation(bucket(versioning="suspended")), "uuuuuu"),
        (situation(bucket(versioning="on", guarded_versions=True)), "cccuuc"),
        (situation(bucket(versioning="on", lifecycle=(LifecycleRule(id="a", noncurrent_after=0),))), "pppuup"),
        (situation(bucket(versioning="on", replication=(COPY,)), replica()), "cccccp"),
        (
            situation(bucket(versioning="on", replication=(replace(COPY, account="1"),)), replica()),
            "cccccc",
        ),
        (situation(bucket(replication=(COPY,)), replica(sample=None)), "pppppp"),
        (situation(bucket(replication=(COPY,)), replica(sample=Sample(files=3, arrived=2, never=1))), "pppppp"),
        (situation(bucket(replication=(COPY,)), replica(sample=Sample(files=3, arrived=2, pending=1))), "pppppp"),
        (situation(bucket(replication=(COPY,), region="us-east-1"), replica()), "ccccup"),
        (situation(bucket(replication=(COPY,), region=""), replica()), "ccccpp"),
        (situation(bucket(replication=(COPY,), service="ceph:80"), replica()), "ccpccp"),
        (situation(bucket(replication=(replace(COPY, prefixes=("other/",)),)), replica()), "uuuuuu"),
        (situation(bucket(replication=(replace(COPY, enabled=False),)), replica()), "uuuuuu"),
        (situation(bucket(backups=BACKED_UP)), "ccccpp"),
        (situation(bucket(backups=replace(BACKED_UP, locked_from=NOW - timedelta(days=1)))), "ccccpc"),
        (situation(bucket(backups=replace(BACKED_UP, locked_from=NOW + timedelta(days=1)))), "ccccpp"),
        (situation(bucket(backups=Backups(plans=BACKED_UP.plans))), "uuuuuu"),
        (situation(bucket(spread="regions")), "uuuucu"),
        (situation(bucket(soft_delete_days=7, lacking=())), "cccuup"),
        (situation(bucket(soft_delete_days=7, bucket_soft_delete_days=7, lacking=())), "ccccup"),
        (situation(bucket(lock=ObjectLock())), "uuuuuu"),
        (
            situation(bucket(lock=ObjectLock(mode="compliance", days=30)), oldest_file=NOW - timedelta(days=1)),
            "ccccuc",
        ),
        (
            situation(bucket(lock=ObjectLock(mode="governance", days=30)), oldest_file=NOW - timedelta(days=1)),
            "ccccup",
        ),
        (
            situation(bucket(lock=ObjectLock(mode="compliance", days=30)), oldest_file=NOW - timedelta(days=31)),
            "ppppup",
        ),
        (situation(bucket(lock=ObjectLock(mode="compliance", days=30))), "ppppup"),
        (
            situation(bucket(), repository=RepositoryFacts(url="/srv/repo/", points=1, newest=NOW, oldest=NOW)),
            "cccccp",
        ),
        (
            situation(None, repository=RepositoryFacts(url="/srv/repo/", points=1, newest=NOW, oldest=NOW)),
            "cccccp",
        ),
        (
            situation(
                bucket(),
                repository=RepositoryFacts(
                    url="s3://lake/repo/", points=1, newest=NOW, oldest=NOW, in_bucket=True, region="eu-central-1"
                ),
            ),
            "ccuuup",
        ),
        (
            situation(
                bucket(),
                repository=RepositoryFacts(
                    url="s3://r/repo/", points=1, newest=NOW, oldest=NOW, region="eu-central-1", locked=True
                ),
            ),
            "ccccuc",
        ),
        (
            situation(
                bucket(), repository=RepositoryFacts(url="s3://r/repo/", points=1, newest=NOW, oldest=NOW, region="")
            ),
            "ccccpp",
        ),
        (situation(bucket(), repository=RepositoryFacts(url="/srv/repo/")), "uuuuuu"),
    ],
)
def test_what_becomes_of_the_lake(one: Situation, said: str) -> None:
    assert in_words(one) == said


def test_until_when() -> None:
    rules = (
        LifecycleRule(id="all", noncurrent_after=30),
        LifecycleRule(id="keeps", noncurrent_after=3, noncurrent_keeps=1),
        LifecycleRule(id="others", noncurrent_after=1, prefixes=("other/",)),
        LifecycleRule(id="off", noncurrent_after=1, enabled=False),
        LifecycleRule(id="within", noncurrent_after=20, prefixes=("files/main/",)),
    )
    one = situation(bucket(versioning="on", lifecycle=rules))
    # What is deleted has no newer version; what is overwritten may have.
    assert (days(one, DELETED), days(one, OVERWRITTEN)) == (20, 3)
    assert days(situation(bucket(versioning="on")), DELETED) is None
    # The longest counts of those that bring all back.
    assert days(situation(bucket(versioning="on", lifecycle=rules, backups=BACKED_UP)), DELETED) == 35
    locked = bucket(lock=ObjectLock(mode="compliance", days=30))
    assert days(situation(locked, oldest_file=NOW - timedelta(days=12)), STOLEN) == 18


def test_a_replica_that_follows_deletions_keeps_versions_as_long_as_it_does() -> None:
    there = BucketProtection(
        url="s3://copy/", cloud="s3", service="AWS", region="us-east-1", versioning="on",
        lifecycle=(LifecycleRule(id="a", noncurrent_after=5),),
    )  # fmt: skip
    follows = bucket(replication=(replace(COPY, deletes=True),))
    assert days(situation(follows, replica(protection=there)), DELETED) == 5
    assert days(situation(follows, replica(protection=there)), GONE) is None
    assert states(situation(follows, replica(protection=None)))[DELETED] == "partly"
    off = replica(protection=replace(there, versioning="off"))
    assert states(situation(follows, off))[OVERWRITTEN] == "partly"
    assert states(situation(bucket(replication=(COPY,)), off))[DELETED] == "covered"


@pytest.mark.parametrize("part", [Part.VERSIONING, Part.REPLICATION, Part.BACKUP, Part.LOCK, Part.REGION])
def test_what_is_not_seen_may_be_there(part: Part) -> None:
    one = situation(bucket(unseen=(Unseen(part=part, needs="s3:Get", reason="no"),)))
    assert "unknown" in states(one).values()
    assert ("no-protection", "error") not in found(one) or part is Part.REGION
    assert ("protection-unseen", "warning") in found(one)


OLD_BACKUP = replace(BACKED_UP, newest=NOW - timedelta(days=3))
SHORT = LifecycleRule(id="short", noncurrent_after=5)


@pytest.mark.parametrize(
    ("one", "codes"),
    [
        (situation(bucket()), ["no-protection", "versioning-off"]),
        (situation(None), ["not-in-a-cloud"]),
        (situation(bucket(versioning="on")), ["versions-kept-for-ever"]),
        (situation(bucket(versioning="suspended")), ["no-protection", "versioning-suspended"]),
        (situation(bucket(versioning="on", lifecycle=(SHORT,))), []),
        (situation(bucket(versioning="on", lifecycle=(SHORT,)), cleanup_days=4.9), []),
        (situation(bucket(versioning="on", lifecycle=(SHORT,)), cleanup_days=5), ["versions-expire-early"]),
        (situation(bucket(versioning="on", lifecycle=(SHORT,)), expire_days=7), ["versions-expire-early"]),
        (
            situation(
                bucket(versioning="on", lifecycle=(SHORT,)),
                repository=RepositoryFacts(url="/r/", points=2, oldest=NOW - timedelta(days=6), newest=NOW),
            ),
            ["versions-expire-early"],
        ),
        (
            situation(bucket(lacking=(Part.VERSIONING, Part.SOFT_DELETE))),
            ["no-protection"],
        ),
        (situation(bucket(soft_delete_days=7, lacking=())), []),
        (situation(bucket(versioning="on", lock=ObjectLock())), ["versions-kept-for-ever", "lock-without-default"]),
        (
            situation(bucket(versioning="on", lock=ObjectLock(mode="unlocked", days=3, blocks_cleanup=True))),
            ["versions-kept-for-ever", "lock-blocks-cleanup"],
        ),
        (situation(bucket(backups=BACKED_UP)), ["versioning-off"]),
        (
            situation(bucket(backups=replace(BACKED_UP, newest=NOW - timedelta(days=3)))),
            ["versioning-off", "backup-old"],
        ),
        (
            situation(bucket(backups=replace(BACKED_UP, newest=NOW - timedelta(days=3), continuous=True))),
            ["versioning-off"],
        ),
        (
            situation(bucket(backups=Backups(plans=BACKED_UP.plans))),
            ["no-protection", "versioning-off", "backup-missing"],
        ),
        (situation(bucket(versioning="on", public=("its policy",))), ["public-bucket", "versions-kept-for-ever"]),
        (situation(bucket(versioning="on"), elsewhere=2), ["versions-kept-for-ever", "files-elsewhere"]),
        (
            situation(bucket(versioning="on", replication=(replace(COPY, deletes=True),)), replica()),
            ["versions-kept-for-ever"],
        ),
        (
            situation(
                bucket(versioning="on", replication=(replace(COPY, deletes=True),)),
                replica(sample=Sample(files=9, never=1, failed=2, absent=3, pending=1, oldest_pending=NOW - LAG)),
            ),
            ["versions-kept-for-ever", "replication-misses-older", "replication-failed", "replica-incomplete"],
        ),
        (
            situation(
                bucket(versioning="on", replication=(replace(COPY, deletes=True),)),
                replica(sample=Sample(files=1, pending=1, oldest_pending=NOW - LAG - timedelta(seconds=1))),
            ),
            ["versions-kept-for-ever", "replication-lags"],
        ),
        (
            situation(
                bucket(versioning="on", replication=(replace(COPY, deletes=True),)),
                replica(protection=None, problem="there is no bucket s3://copy/"),
            ),
            ["versions-kept-for-ever", "replica-out-of-reach"],
        ),
        (
            situation(bucket(versioning="on", replication=(replace(COPY, limited_to="tagged a=b"),))),
            ["versions-kept-for-ever", "replication-misses-data-path"],
        ),
    ],
)
def test_what_is_found(one: Situation, codes: list[str]) -> None:
    assert [code for code, _ in found(one)] == codes


DELETES = "lifecycle-deletes-live-files"


@pytest.mark.parametrize(
    ("rule", "codes"),
    [
        (LifecycleRule(id="a", expires_after=1), [("lifecycle-deletes-live-files", "error")]),
        (LifecycleRule(id="a", expires_on=NOW.date()), [("lifecycle-deletes-live-files", "error")]),
        (
            LifecycleRule(id="a", expires_after=1, limited_to="tagged a=b"),
            [("lifecycle-deletes-live-files", "warning")],
        ),
        (LifecycleRule(id="a", expires_after=1, enabled=False), []),
        (LifecycleRule(id="a", expires_after=1, prefixes=("file",)), [("lifecycle-deletes-live-files", "error")]),
        (
            LifecycleRule(id="a", expires_after=1, prefixes=("files/main/t/",)),
            [("lifecycle-deletes-live-files", "error")],
        ),
        (LifecycleRule(id="a", expires_after=1, prefixes=("filesystem/",)), []),
        (LifecycleRule(id="a", freezes_after=1, freezes_to="GLACIER"), [("lifecycle-freezes-live-files", "error")]),
        (LifecycleRule(id="a", noncurrent_freezes_after=1), [("versions-frozen", "info")]),
        (LifecycleRule(id="a", aborts_uploads_after=1), []),
    ],
)
def test_lifecycle_rules(rule: LifecycleRule, codes: list[tuple[str, str]]) -> None:
    here = situation(bucket(versioning="on", lifecycle=(rule,)))
    assert [one for one in found(here) if "lifecycle" in one[0] or "frozen" in one[0]] == codes
    there = BucketProtection(url="s3://copy/", cloud="s3", service="AWS", versioning="on", lifecycle=(rule,))
    copied = situation(bucket(replication=(COPY,)), replica(protection=there))
    assert [one for one in found(copied) if "lifecycle" in one[0] or "frozen" in one[0]] == codes


def test_prefixes() -> None:
    assert covers((), "files/")
    assert covers(("x/", "fil"), "files/")
    assert not covers(("files/main/",), "files/")
    assert overlaps(("files/main/",), "files/")
    assert not overlaps(("other/",), "files/")
    assert overlaps(("other/",), "")


@pytest.mark.parametrize(
    ("number", "words"), [(1, "1 day"), (0.04, "0 days"), (0.5, "0.5 days"), (29.97, "30 days"), (1234.5, "1,234 days")]
)
def test_days_in_words(number: float, words: str) -> None:
    assert shown_days(number) == words


# What holds of all

rules = st.builds(
    LifecycleRule,
    id=st.sampled_from(["a", "b"]),
    enabled=st.booleans(),
    prefixes=st.sampled_from([(), ("files/",), ("files/x/",), ("other/",)]),
    limited_to=st.sampled_from(["", "tagged a=b"]),
    expires_after=st.none() | st.integers(1, 9),
    noncurrent_after=st.none() | st.integers(0, 9),
    noncurrent_keeps=st.integers(0, 1),
)
copies = st.builds(
    ReplicationRule,
    id=st.just("copy"),
    enabled=st.booleans(),
    prefixes=st.sampled_from([(), ("files/",), ("files/x/",)]),
    destination=st.just("s3://copy/"),
    account=st.sampled_from(["", "1"]),
    deletes=st.booleans(),
)
buckets = st.builds(
    BucketProtection,
    url=st.just("s3://lake/"),
    cloud=st.just("s3"),
    service=st.sampled_from(["AWS", "other"]),
    region=st.sampled_from(["", "a", "b"]),
    spread=st.sampled_from(["", "region", "regions"]),
    versioning=st.sampled_from(["on", "suspended", "off"]),
    lifecycle=st.lists(rules, max_size=3).map(tuple),
    replication=st.lists(copies, max_size=1).map(tuple),
    lock=st.none() | st.builds(ObjectLock, mode=st.sampled_from(["governance", "compliance"]), days=st.integers(1, 9)),
    soft_delete_days=st.sampled_from([0.0, 7.0]),
    backups=st.sampled_from([Backups(), BACKED_UP]),
    unseen=st.lists(
        st.builds(Unseen, part=st.sampled_from([*Part]), needs=st.just("x"), reason=st.just("y")), max_size=2
    ).map(tuple),
)
samples = st.none() | st.builds(
    Sample, files=st.just(9), arrived=st.integers(0, 3), never=st.integers(0, 1), checked=st.booleans()
)
ORDER = {"uncovered": 0, "unknown": 0, "partly": 1, "covered": 2}


@given(one=buckets, there=buckets, sample=samples, age=st.none() | st.integers(0, 12))
def test_verdicts_rest_on_what_covers(
    one: BucketProtection, there: BucketProtection, sample: Sample | None, age: int | None
) -> None:
    oldest = None if age is None else NOW - timedelta(days=age)
    known = situation(one, replica(protection=there, sample=sample), oldest_file=oldest)
    for verdict in verdicts(known):
        whole = [cover for cover in verdict.covers if not cover.limits]
        assert (verdict.state == "covered") == bool(whole)
        assert (verdict.state == "partly") == (bool(verdict.covers) and not whole)
        assert bool(verdict.cure) == (verdict.state != "covered")
        if whole:
            ends = [cover.days for cover in whole]
            assert verdict.days == (None if None in ends else max(end for end in ends if end is not None))
        else:
            assert verdict.days is None
    for finding in protection_findings(known):
        assert finding.cure
        assert finding.message[0].islower()


@given(one=buckets, sample=samples)
def test_more_protection_is_never_worse(one: BucketProtection, sample: Sample | None) -> None:
    before = situation(one, replica(sample=sample))
    for more in (
        {"versioning": "on"},
        {"soft_delete_days": 9.0, "bucket_soft_delete_days": 9.0},
        {"backups": BACKED_UP},
        {"spread": "regions"},
        {"guarded_versions": True},
        {"lock": one.lock or ObjectLock(mode="governance", days=5)},
    ):
        after = replace(before, bucket=replace(one, **more))
        for worse, better in zip(verdicts(before), verdicts(after), strict=True):
            assert ORDER[better.state] >= ORDER[worse.state]
            if worse.state == "covered":
                assert (better.days or 10**9) >= (worse.days or 10**9)


@given(one=buckets)
def test_what_nobody_sees_is_not_known(one: BucketProtection) -> None:
    blind = replace(
        one, unseen=(), versioning="off", soft_delete_days=0.0, lock=None, backups=Backups(), spread="region"
    )
    assert all(verdict.state == "uncovered" for verdict in verdicts(situation(replace(blind, replication=()))))
    unseen = tuple(Unseen(part=part, needs="", reason="") for part in Part)
    assert all(
        verdict.state == "unknown" for verdict in verdicts(situation(replace(blind, replication=(), unseen=unseen)))
    )
