"""The proxy that other tests rely on: what it lets through, what it logs, and that each fault is the one it says."""

from __future__ import annotations

import base64
import hashlib
import http.client
import os
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.storage.blob import BlobServiceClient
from botocore.exceptions import ClientError, HTTPClientError, IncompleteReadError, ResponseStreamingError
from obstore.exceptions import BaseError
from obstore.store import S3Store

from tests.object_servers import Ministack, azurite, fake_gcs, ministack
from tests.proxy import (
    Action,
    Fault,
    FaultProxy,
    corrupt_request,
    corrupt_response,
    cut_request,
    cut_response,
    drop_header,
    hang,
    lose_answer,
    matching,
    s3_error,
    status,
    truncate,
)

MIB = 1024 * 1024
# The secret of root, and so the signature, is not checked.
ROOT = {
    "Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=, Signature="
}

PUT = matching(method="PUT", path="/bucket/")
GET = matching(method="GET", path="/bucket/")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ministack]:
    with ministack(tmp_path_factory.mktemp("ministack")) as running:
        running.create_bucket("bucket")
        yield running


@pytest.fixture(scope="module")
def running_proxy(server: Ministack) -> Iterator[FaultProxy]:
    with FaultProxy(server.endpoint) as proxy:
        yield proxy


@pytest.fixture
def proxy(running_proxy: FaultProxy) -> FaultProxy:
    running_proxy.clear()
    running_proxy.faults.clear()
    return running_proxy


@pytest.fixture(scope="module")
def s3(server: Ministack, running_proxy: FaultProxy) -> Iterator[Any]:
    """A client through the proxy, which tries once."""
    with closing(server.client(endpoint=running_proxy.endpoint)) as client:
        yield client


@pytest.fixture(scope="module")
def direct(server: Ministack) -> Iterator[Any]:
    """A client beside the proxy."""
    with closing(server.client()) as client:
        yield client


def store(proxy: FaultProxy, retries: int = 0, timeout: float = 30) -> S3Store:
    return S3Store(
        "bucket",
        endpoint=proxy.endpoint,
        access_key_id="test",
        secret_access_key="test",  # noqa: S106 - the emulator's
        region="us-east-1",
        virtual_hosted_style_request=False,
        client_options={"allow_http": True, "timeout": timedelta(seconds=timeout)},
        retry_config={
            "max_retries": retries,
            "backoff": {
                "init_backoff": timedelta(milliseconds=10),
                "max_backoff": timedelta(milliseconds=20),
                "base": 2,
            },
            "retry_timeout": timedelta(seconds=60),
        },
    )


def body(s3: Any, key: str) -> bytes:
    with closing(s3.get_object(Bucket="bucket", Key=key)["Body"]) as answer:
        read: bytes = answer.read()
        return read


@pytest.mark.parametrize("size", [0, 10, 20 * MIB])
def test_obstore_reads_what_it_wrote(proxy: FaultProxy, size: int) -> None:
    content = os.urandom(size)
    store(proxy).put("a", content, use_multipart=False)
    assert bytes(store(proxy).get("a").bytes()) == content
    assert [(seen.method, seen.path, seen.status, seen.sent, seen.received) for seen in proxy.requests] == [
        ("PUT", "/bucket/a", 200, size, 0),
        ("GET", "/bucket/a", 200, 0, size),
    ]


@pytest.mark.parametrize("size", [0, 10, 20 * MIB])
def test_botocore_reads_what_it_wrote(proxy: FaultProxy, s3: Any, size: int) -> None:
    content = os.urandom(size)
    s3.put_object(Bucket="bucket", Key="a", Body=content)
    assert body(s3, "a") == content
    assert [(seen.method, seen.status, seen.received) for seen in proxy.requests] == [
        ("PUT", 200, 0),
        ("GET", 200, size),
    ]
    assert proxy.requests[0].headers["expect"] == "100-continue"


def test_multipart(proxy: FaultProxy) -> None:
    content = os.urandom(20 * MIB)
    store(proxy).put("a", content, use_multipart=True, chunk_size=5 * MIB)
    assert bytes(store(proxy).get("a").bytes()) == content
    parts = [seen for seen in proxy.requests if matching(method="PUT", query=r"partNumber=\d")(seen)]
    assert sum(part.sent for part in parts) == 20 * MIB


def test_names_and_lists_pass_as_they_are(proxy: FaultProxy, s3: Any) -> None:
    key = "odd/with space/ä+%2F?&="
    s3.put_object(Bucket="bucket", Key=key, Body=b"x")
    listed = s3.list_objects_v2(Bucket="bucket", Prefix="odd/")["Contents"]
    assert [entry["Key"] for entry in listed] == [key]
    assert proxy.requests[0].path == "/bucket/odd/with%20space/%C3%A4%2B%252F%3F%26%3D"
    assert "prefix=odd%2F" in proxy.requests[1].query
    s3.delete_object(Bucket="bucket", Key=key)
    with pytest.raises(ClientError, match="404"):
        s3.head_object(Bucket="bucket", Key=key)
    assert [seen.status for seen in proxy.requests] == [200, 200, 204, 404]


def test_signatures_stay_valid(server: Ministack, proxy: FaultProxy) -> None:
    """The server checks the signatures of a user who is not root."""
    with closing(server.client("iam")) as iam:
        iam.create_user(UserName="ann")
        policy = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}'
        iam.put_user_policy(UserName="ann", PolicyName="all", PolicyDocument=policy)
        key = iam.create_access_key(UserName="ann")["AccessKey"]
    with closing(server.client("s3", proxy.endpoint, key["AccessKeyId"], key["SecretAccessKey"])) as s3:
        s3.put_object(Bucket="bucket", Key="a b", Body=b"x" * 1000)
        assert body(s3, "a b") == b"x" * 1000
        proxy.faults.append(Fault(PUT, corrupt_request()))
        with pytest.raises(ClientError):
            s3.put_object(Bucket="bucket", Key="a b", Body=b"x" * 1000)
    with (
        closing(server.client("s3", proxy.endpoint, key["AccessKeyId"], "wrong")) as s3,
        pytest.raises(ClientError, match="SignatureDoesNotMatch"),
    ):
        s3.put_object(Bucket="bucket", Key="a", Body=b"x")


def test_connections_are_kept(proxy: FaultProxy, direct: Any) -> None:
    """Chunked bodies end where they should: the next request on the connection is understood."""
    with closing(http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=10)) as connection:
        used = set()
        for content in (b"first", b"second" * 100_000):
            pieces = iter([content[:3], content[3:]])
            connection.request("PUT", "/bucket/chunked", pieces, ROOT, encode_chunked=True)
            assert connection.sock is not None
            used.add(connection.sock.getsockname())
            with connection.getresponse() as answer:
                answer.read()
            assert body(direct, "chunked") == content
        assert len(used) == 1
        assert [seen.sent for seen in proxy.requests] == [5, 600_000]


@pytest.mark.parametrize("corrupted", [False, True])
def test_chunks_of_aws(proxy: FaultProxy, direct: Any, corrupted: bool) -> None:  # noqa: FBT001
    """A body in AWS's own chunks, with its checksum behind; it is the content that is corrupted, not the frame."""
    checksum = base64.b64encode(hashlib.sha256(b"content").digest()).decode()
    content = f"7\r\ncontent\r\n0\r\nx-amz-checksum-sha256:{checksum}\r\n\r\n".encode()
    headers = ROOT | {
        "Content-Encoding": "aws-chunked",
        "X-Amz-Content-Sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "X-Amz-Decoded-Content-Length": "7",
        "X-Amz-Trailer": "x-amz-checksum-sha256",
    }
    if corrupted:
        proxy.faults.append(Fault(PUT, corrupt_request()))
    with closing(http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=10)) as connection:
        connection.request("PUT", f"/bucket/aws-{corrupted}", content, headers)
        with connection.getresponse() as answer:
            said = answer.read()
    assert answer.status == (400 if corrupted else 200)
    assert (b"BadDigest" in said) == corrupted
    if not corrupted:
        assert body(direct, "aws-False") == b"content"


def test_many_at_once(proxy: FaultProxy) -> None:
    there = store(proxy)
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda number: there.put(f"many/{number}", b"x" * number, use_multipart=False), range(200)))
        sizes = list(pool.map(lambda number: len(there.get(f"many/{number}").bytes()), range(200)))
    assert sizes == list(range(200))
    assert len(proxy.requests) == 400
    proxy.clear()
    assert proxy.requests == []


def test_retries_survive_a_busy_server(proxy: FaultProxy) -> None:
    proxy.faults += [Fault(PUT, status(503, s3_error("SlowDown")), times=2), Fault(GET, status(500), times=1, skip=1)]
    there = store(proxy, retries=3)
    there.put("a", b"x", use_multipart=False)
    assert [seen.status for seen in proxy.requests] == [503, 503, 200]
    assert proxy.requests[0].sent == 1
    proxy.clear()
    assert [len(there.get("a").bytes()) for _ in range(3)] == [1, 1, 1]
    assert [seen.status for seen in proxy.requests] == [200, 500, 200, 200]
    assert [fault.struck for fault in proxy.faults] == [2, 1]
    assert proxy.requests[1].fault is proxy.faults[1]


@pytest.mark.parametrize(
    ("code", "error"),
    [(500, "InternalError"), (503, "SlowDown"), (403, "ExpiredToken"), (301, "PermanentRedirect")],
)
def test_a_status_is_the_proxys_own(proxy: FaultProxy, s3: Any, direct: Any, code: int, error: str) -> None:
    proxy.faults.append(Fault(PUT, status(code, s3_error(error), {"x-amz-bucket-region": "us-east-1"})))
    with pytest.raises(ClientError) as caught:
        s3.put_object(Bucket="bucket", Key=f"status/{code}", Body=b"x")
    assert caught.value.response["Error"]["Code"] == error
    assert "Contents" not in direct.list_objects_v2(Bucket="bucket", Prefix=f"status/{code}")


def test_a_status_for_head_has_no_body(proxy: FaultProxy, s3: Any) -> None:
    proxy.faults.append(Fault(matching(method="HEAD"), status(503), times=1))
    s3.put_object(Bucket="bucket", Key="a", Body=b"x")
    with pytest.raises(ClientError, match="503"):
        s3.head_object(Bucket="bucket", Key="a")
    assert s3.head_object(Bucket="bucket", Key="a")["ContentLength"] == 1


def test_hang(proxy: FaultProxy, s3: Any) -> None:
    proxy.faults.append(Fault(GET, hang(1)))
    started = time.monotonic()
    with pytest.raises(HTTPClientError):
        s3.get_object(Bucket="bucket", Key="a")
    assert 1 <= time.monotonic() - started < 5
    assert proxy.requests[0].status is None


def test_a_client_may_lose_patience_first(proxy: FaultProxy) -> None:
    proxy.faults.append(Fault(GET, hang(60), times=1))
    with pytest.raises(BaseError):
        store(proxy, timeout=0.5).get("a")


def test_the_end_of_the_proxy_ends_what_hangs(server: Ministack) -> None:
    with FaultProxy(server.endpoint) as proxy, socket.create_connection(("127.0.0.1", proxy.port), 10) as idle:
        proxy.faults.append(Fault(GET, hang(600)))
        with closing(http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=10)) as connection:
            connection.request("GET", "/bucket/a")
            while not proxy.requests:
                time.sleep(0.01)
            started = time.monotonic()
            proxy.__exit__(None, None, None)
            assert time.monotonic() - started < 5
            assert idle.recv(1) == b""


def test_cut_response(proxy: FaultProxy, s3: Any) -> None:
    s3.put_object(Bucket="bucket", Key="a", Body=b"x" * MIB)
    proxy.faults.append(Fault(GET, cut_response(1000)))
    with pytest.raises((IncompleteReadError, ResponseStreamingError)):
        body(s3, "a")
    with pytest.raises(BaseError):
        store(proxy).get("a").bytes()
    assert {seen.received for seen in proxy.requests[1:]} == {1000}


def test_truncate(proxy: FaultProxy, s3: Any) -> None:
    content = os.urandom(MIB)
    s3.put_object(Bucket="bucket", Key="a", Body=content)
    proxy.faults.append(Fault(GET, truncate(1000)))
    with closing(http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=10)) as connection:
        for _ in range(2):
            connection.request("GET", "/bucket/a", headers=ROOT)
            with connection.getresponse() as answer:
                assert answer.headers["Content-Length"] == "1000"
                assert answer.read() == content[:1000]


def test_corrupt_response(proxy: FaultProxy, s3: Any) -> None:
    content = os.urandom(MIB)
    s3.put_object(Bucket="bucket", Key="a", Body=content)
    proxy.faults.append(Fault(GET, corrupt_response(), times=1))
    read = bytes(store(proxy).get("a").bytes())
    assert len(read) == MIB
    assert [place for place in range(MIB) if read[place] != content[place]] == [MIB // 2]
    assert body(s3, "a") == content


def test_a_checksum_reveals_what_a_request_lost(proxy: FaultProxy, s3: Any, direct: Any) -> None:
    proxy.faults.append(Fault(PUT, corrupt_request()))
    with pytest.raises(ClientError) as caught:
        s3.put_object(Bucket="bucket", Key="corrupt", Body=b"x" * MIB, ChecksumAlgorithm="SHA256")
    assert caught.value.response["Error"]["Code"] == "BadDigest"
    assert "Contents" not in direct.list_objects_v2(Bucket="bucket", Prefix="corrupt")


def test_lose_answer(proxy: FaultProxy, s3: Any, direct: Any) -> None:
    proxy.faults.append(Fault(PUT, lose_answer()))
    with pytest.raises(HTTPClientError):
        s3.put_object(Bucket="bucket", Key="unanswered", Body=b"x")
    assert proxy.requests[0].status == 200
    assert body(direct, "unanswered") == b"x"


def test_drop_header(proxy: FaultProxy, s3: Any) -> None:
    s3.put_object(Bucket="bucket", Key="once", Body=b"first", IfNoneMatch="*")
    with pytest.raises(ClientError, match="PreconditionFailed"):
        s3.put_object(Bucket="bucket", Key="once", Body=b"second", IfNoneMatch="*")
    proxy.faults.append(Fault(matching(header="If-None-Match"), drop_header("If-None-Match")))
    s3.put_object(Bucket="bucket", Key="once", Body=b"second", IfNoneMatch="*")
    assert body(s3, "once") == b"second"


@pytest.mark.parametrize("after", [0, 1000, MIB])
def test_cut_request(proxy: FaultProxy, s3: Any, direct: Any, after: int) -> None:
    proxy.faults.append(Fault(PUT, cut_request(after)))
    with pytest.raises(HTTPClientError):
        s3.put_object(Bucket="bucket", Key="cut", Body=b"x" * 20 * MIB)
    assert proxy.requests[0].sent == after
    time.sleep(0.2)
    assert "Contents" not in direct.list_objects_v2(Bucket="bucket", Prefix="cut")


@pytest.mark.parametrize("answer", [lose_answer(), status(503), cut_request(0), hang(0.1)])
def test_the_next_request_is_served(proxy: FaultProxy, answer: Action) -> None:
    proxy.faults.append(Fault(PUT, answer, times=1))
    there = store(proxy, retries=2)
    there.put("next", b"x" * 100, use_multipart=False)
    assert bytes(there.get("next").bytes()) == b"x" * 100


def test_several_run_at_once(server: Ministack, tmp_path_factory: pytest.TempPathFactory) -> None:
    with ExitStack() as stack:
        other = stack.enter_context(ministack(tmp_path_factory.mktemp("other")))
        other.create_bucket("other")
        client = stack.enter_context(closing(server.client()))
        assert [bucket["Name"] for bucket in client.list_buckets()["Buckets"]] == ["bucket"]


def test_azure(tmp_path: Path) -> None:
    with ExitStack() as stack:
        server = stack.enter_context(azurite(tmp_path))
        server.create_bucket("bucket")
        proxy = stack.enter_context(FaultProxy(server.endpoint))
        there = BlobServiceClient.from_connection_string(
            server.connection_string_at(proxy.endpoint), retry_total=2, initial_backoff=0, increment_base=0
        )
        blob = stack.enter_context(there).get_blob_client("bucket", "a b")
        content = os.urandom(20 * MIB)
        proxy.faults.append(Fault(matching(method="PUT", path="/bucket/a%20b"), status(503), times=1))
        blob.upload_blob(content)
        assert blob.download_blob().readall() == content
        assert sum(seen.received for seen in proxy.requests if seen.method == "GET") == 20 * MIB
    assert os.listdir(tmp_path) == []


def test_gcs(tmp_path: Path) -> None:
    """Even an upload in parts, whose address the server chooses, and a download stay at the proxy."""
    with ExitStack() as stack:
        server = stack.enter_context(fake_gcs(tmp_path))
        server.create_bucket("bucket")
        proxy = stack.enter_context(FaultProxy(server.endpoint))
        bucket = stack.enter_context(closing(server.client(proxy.endpoint))).bucket("bucket")
        content = os.urandom(20 * MIB)
        bucket.blob("small").upload_from_string(b"x")
        bucket.blob("large").upload_from_string(content)
        uploaded = [seen.sent for seen in proxy.requests if "upload" in seen.path]
        assert sum(uploaded) >= 20 * MIB
        assert bucket.blob("large").download_as_bytes() == content
        assert proxy.requests[-1].received == 20 * MIB
    assert os.listdir(tmp_path) == []
