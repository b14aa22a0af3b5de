"""Google's Storage Transfer Service: the jobs by which one bucket is copied to another as it is written.

It is asked by its REST interface with the credentials of the user's environment, for which google-auth is enough.
Source: Google Cloud, "Storage Transfer Service: transferJobs.list".
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

import google.auth
import requests.exceptions
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError
from google.auth.transport.requests import AuthorizedSession

from canvasback.errors import AccessDeniedError, StorageError
from canvasback.storage.bucket.service import credentials_missing, unreachable

ENDPOINT = "https://storagetransfer.googleapis.com"
RIGHT = "storagetransfer.jobs.list"
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_FORBIDDEN, _UNAUTHORIZED, _OK = 403, 401, 200


def signed_in(url: str) -> tuple[Any, str]:
    """A session with the credentials of the environment, and the project that they name; empty if none.

    Args:
        url: The bucket, to say so.

    Raises:
        StorageError: There are no credentials.
    """
    try:
        credentials, project = google.auth.default(scopes=[_SCOPE])
    except (DefaultCredentialsError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise credentials_missing(url, f"no application default credentials: {reason}") from None
    return AuthorizedSession(credentials), str(project or "")  # type: ignore[no-untyped-call]


def replication_jobs(session: Any, project: str, name: str, url: str, timeout: float) -> list[dict[str, Any]]:
    """The jobs of a project that copy a bucket to others.

    Args:
        session: As `signed_in` answers it.
        project: Whose jobs.
        name: The bucket.
        url: The same as a URL.
        timeout: After how many seconds a request counts as lost.

    Raises:
        AccessDeniedError: They may not be listed, or the service is not switched on in the project.
        StorageError: It does not answer.
    """
    wish = {"projectId": project, "dataBackend": "QUERY_REPLICATION_CONFIGS", "sourceBucket": name}
    query = {"filter": json.dumps(wish, separators=(",", ":")), "pageSize": "256"}
    found: list[dict[str, Any]] = []
    while True:
        try:
            answer = session.get(f"{ENDPOINT}/v1/transferJobs", params=query, timeout=timeout)
        except (requests.exceptions.RequestException, GoogleAuthError, OSError) as error:
            raise unreachable(url, error) from error
        if answer.status_code != _OK:
            _refuse(answer, url)
        page = answer.json()
        found += [job for job in page.get("transferJobs", []) if _copies(job, name)]
        if not page.get("nextPageToken"):
            return found
        query["pageToken"] = page["nextPageToken"]


def _copies(job: dict[str, Any], name: str) -> bool:
    source = job.get("replicationSpec", {}).get("gcsDataSource", {})
    return job.get("status") != "DELETED" and source.get("bucketName") == name


def _refuse(answer: Any, url: str) -> NoReturn:
    try:
        said = str(answer.json()["error"]["message"]).splitlines()[0]
    except (ValueError, KeyError, TypeError, IndexError):
        said = ""
    if answer.status_code in {_FORBIDDEN, _UNAUTHORIZED}:
        raise AccessDeniedError(
            url, to="list the replication jobs of", hint=f"Google says: {said or answer.status_code}"
        )
    raise StorageError(f"the Storage Transfer Service answers {answer.status_code} for {url} {said}".rstrip())
