"""Services that speak S3 and do not have all of it: what each has is asked. A proxy answers as such services do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

import canvasback
from canvasback import RefusedError, StorageError
from canvasback.model.protection.bucket import Part
from tests.clouds import Cloud
from tests.lake.protected_lake import ROLE, ProtectedLake, codes, s3_with_backup, states
from tests.object_servers import Ministack
from tests.proxy import Fault, FaultProxy, matching, s3_error, status


@pytest.fixture
def where(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    return s3_with_backup(request, monkeypatch)


@pytest.fixture
def proxy(where: Cloud) -> Iterator[FaultProxy]:
    with FaultProxy(str(where.options.endpoint)) as running:
        yield running


@pytest.fixture
def lake(where: Cloud, proxy: FaultProxy, tmp_path: Path) -> Iterator[ProtectedLake]:
    assert isinstance(where.server, Ministack)
    with closing(where.server.client()) as client:
        made = ProtectedLake(where, client, tmp_path)
        made.write()
        made.stores = where.stores(endpoint=proxy.endpoint, retries=0)
        yield made


def answering(query: str, code: int, error: str, method: str = "GET") -> Fault:
    return Fault(matching(method, query=rf"^{query}\b"), status(code, s3_error(error)))


@pytest.mark.parametrize(
    ("code", "error"), [(501, "NotImplemented"), (405, "MethodNotAllowed"), (400, "UnsupportedOperation")]
)
def test_what_a_service_does_not_have(lake: ProtectedLake, proxy: FaultProxy, code: int, error: str) -> None:
    """As Cloudflare R2 does: it has neither versions nor replication nor access lists."""
    lacking = {
        "versioning": Part.VERSIONING,
        "replication": Part.REPLICATION,
        "object-lock": Part.LOCK,
        "acl": Part.PUBLIC_ACCESS,
        "intelligent-tiering": Part.TIERING,
        "encryption": Part.ENCRYPTION,
    }
    proxy.faults += [answering(query, code, error) for query in lacking]
    found = lake.status()
    assert found.bucket is not None
    assert {*found.bucket.lacking} == {*lacking.values(), Part.SOFT_DELETE}
    assert found.bucket.unseen == ()
    assert codes(found) == {"no-protection"}  # nobody is told to switch on what there is not
    assert found.bucket.service == proxy.endpoint.removeprefix("http://")
    for mechanism, more in (("versioning", {}), ("lock", {"days": 1}), ("replication", {"role": ROLE})):
        to = {"to": f"s3://{lake.other_bucket()}"} if mechanism == "replication" else {}
        with pytest.raises(RefusedError) as refused:
            lake.enable(mechanism, **more, **to)
        assert refused.value.code == "protection-unsupported"


def test_an_answer_that_nobody_knows_is_reported(lake: ProtectedLake, proxy: FaultProxy) -> None:
    lake.versions()
    proxy.faults.append(answering("lifecycle", 400, "TeapotException"))
    found = lake.status()
    (unseen,) = found.bucket.unseen if found.bucket else ()
    assert (unseen.part, unseen.needs, unseen.reason) == (Part.LIFECYCLE, "", "the service says TeapotException")
    assert codes(found) == {"protection-unseen"}
    assert states(found)["object-deleted"] == "partly"


def test_a_policy_status_that_is_not_told_is_found_out(lake: ProtectedLake, proxy: FaultProxy) -> None:
    everybody = '{"Statement": {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "s3:*", "Resource": "*"}}'
    few = everybody.replace('"Resource"', '"Condition": {"StringEquals": {"aws:SourceVpc": "v"}}, "Resource"')
    proxy.faults.append(answering("policyStatus", 501, "NotImplemented"))
    blocked = b"<PublicAccessBlockConfiguration/>"
    proxy.faults.append(Fault(matching("GET", query="^publicAccessBlock"), status(200, blocked)))
    for policy, public in ((everybody, True), (few, False), ("no json", False)):
        proxy.faults[2:] = [Fault(matching("GET", query=r"^policy\b"), status(200, policy.encode()))]
        assert ("public-bucket" in codes(lake.status())) == public


def test_a_service_that_is_busy_is_no_service_without(lake: ProtectedLake, proxy: FaultProxy) -> None:
    proxy.faults.append(answering("replication", 503, "SlowDown"))
    with pytest.raises(StorageError) as failed:
        lake.status()
    assert failed.value.code == "storage-unreachable"


def test_the_backup_service_may_be_away(lake: ProtectedLake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_BACKUP", "http://127.0.0.1:9")
    found = lake.status()
    assert found.bucket is not None
    assert {one.part for one in found.bucket.unseen} == {Part.BACKUP}
    assert codes(found) == {"versioning-off", "protection-unseen"}


def test_a_request_that_is_refused(lake: ProtectedLake, proxy: FaultProxy) -> None:
    proxy.faults.append(answering("versioning", 400, "MalformedXML", method="PUT"))
    with pytest.raises(StorageError) as failed:
        lake.enable("versioning")
    assert failed.value.code == "protection-refused"
    assert "MalformedXML made by a test" in failed.value.message


def test_a_request_that_is_taken_and_not_done(lake: ProtectedLake, proxy: FaultProxy) -> None:
    """As servers do that pass over what they do not know."""
    proxy.faults.append(Fault(matching("PUT", query="^versioning"), status(200, b"")))
    made = lake.enable("versioning")
    assert (made.done, made.finding_counts) == (1, {"not-in-effect": 1})


def test_a_look_takes_few_requests(lake: ProtectedLake, proxy: FaultProxy) -> None:
    lake.write(*(f"INSERT INTO lake.main.t VALUES ({number})" for number in range(60)))
    proxy.clear()
    lake.status(sample=5)
    heads = [request for request in proxy.requests if request.method == "HEAD" and "/files/" in request.path]
    assert len(heads) == 10
    assert len(proxy.requests) <= 10 + 13
    assert {request.method for request in proxy.requests} <= {"GET", "HEAD"}
    proxy.clear()
    canvasback.protect_status(lake.url, sample=0, stores=lake.stores)
    assert len(proxy.requests) <= 13


def test_a_page_with_all_of_it(lake: ProtectedLake, tmp_path: Path) -> None:
    from canvasback.cli.protection_page import protection_page  # noqa: PLC0415 - jinja2 is slow to load

    lake.versions()
    lake.replicate()
    found = lake.status()
    page = protection_page(found)
    assert page.count("<tr><td>") >= len(found.verdicts)
    for finding in found.findings:
        assert finding.code in page
    assert "http-equiv" not in page
    assert "src=" not in page
    local = canvasback.protect_status(str(tmp_path))
    assert "not-in-a-cloud" in protection_page(local)
