"""gcp-storage-emulator with what it lacks of soft delete and of protection: a program that listens on a given port.

Overwritten objects are soft-deleted too, conditions are heeded, listings have pages, and many come back by one request.
What the service documents of that request is what is checked: https://cloud.google.com/storage/docs/json_api/v1/objects
"""

from __future__ import annotations

import itertools
import json
import sys
from datetime import datetime
from http import HTTPStatus
from typing import Any

from gcp_storage_emulator import server
from gcp_storage_emulator.gcs_glob import gcs_glob_match
from gcp_storage_emulator.handlers import buckets, objects
from gcp_storage_emulator.storage import Storage

from tests.object_servers import HOST

PAGE = 1000
WISHES = {
    "matchGlobs": list,
    "softDeletedAfterTime": str,
    "softDeletedBeforeTime": str,
    "createdAfterTime": str,
    "createdBeforeTime": str,
    "allowOverwrite": bool,
    "copySourceAcl": bool,
}
RIGHTS = {
    buckets.get: "storage.buckets.get",
    buckets.patch: "storage.buckets.update",
    buckets.get_iam_policy: "storage.buckets.getIamPolicy",
    buckets.default_object_acl_list: "storage.buckets.getIamPolicy",
}
"""What requests about a bucket itself take."""

_NUMBERS = itertools.count(1)
_OPERATIONS: dict[str, tuple[str, dict[str, Any], int]] = {}
"""By its id: the bucket, what was asked for, and how often somebody looked."""


def conditional(handler: Any) -> Any:
    """Heed that an object is to be made only where there is none."""

    def handle(request: Any, response: Any, storage: Storage, *_: Any) -> None:
        bucket, name = request.params.get("dest_bucket_name"), request.params.get("dest_object_id")
        bucket = bucket or request.params["bucket_name"]
        name = name or request.params.get("object_id") or request.query.get("name", [""])[0]
        if not name:
            name = request.data["meta"]["name"] if "meta" in request.data else request.data["name"]
        if request.query.get("ifGenerationMatch") == ["0"] and name in storage.objects.get(bucket, {}):
            response.status = HTTPStatus.PRECONDITION_FAILED
            return
        handler(request, response, storage)

    return handle


def in_pages(request: Any, response: Any, storage: Storage, *_: Any) -> None:
    """List a page at a time; how much that is, a label of the bucket can say."""
    objects.ls(request, response, storage)
    if response.status == HTTPStatus.OK:
        answer = json.loads(response._content)
        first = request.query.get("startOffset", [""])[0]
        answer["items"] = [found for found in answer["items"] if found["name"] >= first]
        page = int((storage.buckets[request.params["bucket_name"]].get("labels") or {}).get("page", PAGE))
        start = int(request.query.get("pageToken", ["0"])[0])
        end = start + min(page, int(request.query.get("maxResults", [page])[0]))
        if end < len(answer["items"]):
            answer["nextPageToken"] = str(end)
        answer["items"] = answer["items"][start:end]
        response.json(answer)


def bulk_restore(request: Any, response: Any, storage: Storage, *_: Any) -> None:
    """Begin to bring back many."""
    wish = request.data or {}
    if any(not isinstance(value, WISHES.get(name, ())) for name, value in wish.items()):
        response.status = HTTPStatus.BAD_REQUEST
        return
    bucket = request.params["bucket_name"]
    if bucket not in storage.buckets:
        response.status = HTTPStatus.NOT_FOUND
        return
    number = f"op{next(_NUMBERS)}"
    _OPERATIONS[number] = (bucket, wish, 0)
    response.json(told(number))


def operation(request: Any, response: Any, storage: Storage, *_: Any) -> None:
    """How far it is: the work is done between the first look and the second."""
    number = request.params["operation"]
    if number not in _OPERATIONS:
        response.status = HTTPStatus.NOT_FOUND
        return
    bucket, wish, looks = _OPERATIONS[number]
    _OPERATIONS[number] = bucket, wish, looks + 1
    if looks == 1:
        restore_many(storage, bucket, wish)
    response.json(told(number))


def told(number: str) -> dict[str, Any]:
    bucket, _, looks = _OPERATIONS[number]
    named = {"kind": "storage#operation", "name": f"projects/_/buckets/{bucket}/operations/{number}"}
    return {**named, "done": looks > 1, **({"response": {}} if looks > 1 else {})}


def restore_many(storage: Storage, bucket: str, wish: dict[str, Any]) -> None:
    after, before = (datetime.fromisoformat(wish[f"softDeleted{end}Time"]) for end in ("After", "Before"))
    for name, generations in list(storage.soft_deleted.get(bucket, {}).items()):
        if not any(gcs_glob_match(glob, name) for glob in wish["matchGlobs"]):
            continue
        for generation, found in list(generations.items()):
            live = name in storage.objects.get(bucket, {})
            deleted = datetime.fromisoformat(found["softDeleteTime"])
            if after < deleted < before and (wish["allowOverwrite"] or not live):
                storage.restore_soft_deleted_file(bucket, name, generation)


def of_bucket(handler: Any, right: str) -> Any:
    """Heed that a bucket is changed only as it was seen, and the rights that its label says nobody has."""

    def handle(request: Any, response: Any, storage: Storage, *_: Any) -> None:
        bucket = dict(storage.buckets.get(request.params["bucket_name"]) or {})  # as it was before
        wanted = request.query.get("ifMetagenerationMatch", [bucket.get("metageneration")])[0]
        body = request.data if isinstance(request.data, dict) else {}
        shorter = seconds(body) < seconds(bucket) and bucket.get("retentionPolicy", {}).get("isLocked")
        if right in (bucket.get("labels") or {}).get("denied", "").split():
            refuse(response, HTTPStatus.FORBIDDEN, f"no {right}")
        elif wanted != bucket.get("metageneration"):
            refuse(response, HTTPStatus.PRECONDITION_FAILED, "conditionNotMet")
        elif "retentionPolicy" in body and shorter:
            refuse(response, HTTPStatus.FORBIDDEN, "the retention policy is locked")
        else:
            handler(request, response, storage)
            if handler is buckets.patch and response.status == HTTPStatus.OK:
                keep_more(storage.buckets[bucket["name"]], bucket, body)
                response.json(storage.buckets[bucket["name"]])

    return handle


def keep_more(bucket: dict[str, Any], before: dict[str, Any], body: dict[str, Any]) -> None:
    """Keep what the emulator drops: that a retention policy is locked, and that objects can be."""
    if before.get("retentionPolicy", {}).get("isLocked"):
        bucket["retentionPolicy"]["isLocked"] = True
    if "objectRetention" in {**before, **body}:
        bucket["objectRetention"] = {**before, **body}["objectRetention"]


def seconds(bucket: dict[str, Any]) -> int:
    return int((bucket.get("retentionPolicy") or {}).get("retentionPeriod", 0))


def refuse(response: Any, status: HTTPStatus, message: str) -> None:
    response.status = status
    response.json({"error": {"code": int(status), "message": message}})


def lock_retention(request: Any, response: Any, storage: Storage, *_: Any) -> None:
    """Lock the retention policy of a bucket, for good."""
    bucket = storage.buckets[request.params["bucket_name"]]
    bucket["retentionPolicy"] = {**bucket["retentionPolicy"], "isLocked": True}
    bucket["metageneration"] = str(int(bucket["metageneration"]) + 1)
    response.json(bucket)


class KeepingAll(Storage):
    """What is overwritten is kept as well, and nothing is written for another start."""

    def create_file(self, bucket: str, name: str, content: bytes, found: Any, file_id: Any = None) -> None:
        if not bucket.startswith(".") and name in self.objects.get(bucket, {}):
            self.delete_file(bucket, name)
        super().create_file(bucket, name, content, found, file_id)

    def _write_config_to_file(self) -> None:
        pass


def main() -> None:
    for _, methods in server.HANDLERS:
        for method, handler in methods.items():
            if handler in {objects.insert, objects.restore, objects.rewrite}:
                methods[method] = conditional(handler)
            elif handler is objects.ls:
                methods[method] = in_pages
            elif handler in RIGHTS:
                methods[method] = of_bucket(handler, RIGHTS[handler])
    place = r"^/storage/v1/b/(?P<bucket_name>[-.\w]+)"
    ours = (
        (rf"{place}/o/bulkRestore$", {server.POST: bulk_restore}),
        (rf"{place}/lockRetentionPolicy$", {server.POST: of_bucket(lock_retention, RIGHTS[buckets.patch])}),
        (rf"{place}/operations/(?P<operation>\w+)$", {server.GET: operation}),
    )
    server.HANDLERS = (*ours, *server.HANDLERS)
    server.Storage = KeepingAll
    server.create_server(HOST, int(sys.argv[1]), in_memory=True).run()


if __name__ == "__main__":
    main()
