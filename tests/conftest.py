"""What every test may rely on: the markers, their order, and what `make soak` does more."""

from __future__ import annotations

import gc
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.azure_stub import AzureStub, azure_stub
from tests.costs import Costs
from tests.kept import Kept
from tests.object_servers import (
    Azurite,
    FakeGcs,
    Ministack,
    SoftDeletingGcs,
    azurite,
    fake_gcs,
    ministack,
    soft_deleting_gcs,
)
from tests.oracle import READERS
from tests.other_servers import ceph_rgw, moto
from tests.postgres import Server, running

settings.register_profile("usual", deadline=None)  # how long an example takes says more of the machine
settings.load_profile("usual")
settings.register_profile("soak", max_examples=5000, deadline=None)

TESTS = Path(__file__).parent
ORDER = ("crash", "property", "lake", "golden", "cli", "contract", "test_docs.py", "unit")
"""The folders, those with the longest tests first, and those that fill the last gaps at the end."""
S3_SERVERS = {"ministack": ministack, "moto": moto, "rgw": ceph_rgw}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let `make cross-check` choose another server than the usual one, `make soak` all steps, `make test` the costs."""
    parser.addoption("--s3-server", choices=S3_SERVERS, default="ministack", help="what the tests of S3 run against")
    parser.addoption("--every-step", action="store_true", help="kill at every step, not at some of them")
    parser.addoption("--cpu", action="store_true", help="print how many seconds of CPU the tests of each folder took")


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers, as unknown ones are errors, and let the scripts that tests start import `tests`."""
    if config.getoption("--cpu"):
        config.pluginmanager.register(Costs(config))
    searched = [str(TESTS.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(searched))
    config.addinivalue_line(
        "markers",
        "versions: can differ by DuckLake's version; `make test` runs these with 0.3 too, in .venv-0.3",
    )
    config.addinivalue_line(
        "markers",
        "previous: is about lakes that DuckLake 1.0 does not read without migrating them; runs in .venv-0.3 only",
    )
    config.addinivalue_line(
        "markers",
        "newest: needs pip's newest duckdb and no extension; `make test` runs these in .venv-newest",
    )
    config.addinivalue_line(
        "markers",
        "lifecycle: needs a server whose lifecycle rules delete; `make cross-check` runs these against Ceph",
    )


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, lest one process works on it alone at the end, and keep together what shares."""
    place = {name: number for number, name in enumerate(ORDER)}
    items.sort(key=lambda item: place.get(item.path.relative_to(TESTS).parts[0], 0))
    for item in items:
        if _shares(item) and item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(str(item.path.relative_to(TESTS))))


def pytest_collection_finish() -> None:
    """Let Python's collector pass over all that is here by now: to look at it again and again takes a tenth of all."""
    gc.collect()
    gc.freeze()


def pytest_sessionfinish() -> None:
    """End what the oracle keeps running: a worker of pytest-xdist is not always given the time to."""
    READERS.close()


def _shares(item: pytest.Item) -> bool:
    """Whether a test uses what its module makes once: in another process it would be made once more."""
    known: dict[str, Any] = item._fixtureinfo.name2fixturedefs if isinstance(item, pytest.Function) else {}
    return any(fixtures[-1].scope == "module" for fixtures in known.values())


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """What many tests begin with."""
    return Kept(tmp_path_factory)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A PostgreSQL server. The path of its socket has to be short, and pytest's are not."""
    with tempfile.TemporaryDirectory(prefix="canvasback-pg-") as folder, running(Path(folder)) as server:
        yield server


@pytest.fixture(scope="session")
def postgres_16() -> Iterator[Server]:
    """The oldest one that a wheel has."""
    with tempfile.TemporaryDirectory(prefix="canvasback-pg-") as folder, running(Path(folder), 16) as server:
        yield server


@pytest.fixture(scope="session")
def s3_server(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ministack]:
    """A server that speaks S3: that of `--s3-server`."""
    with S3_SERVERS[pytestconfig.getoption("--s3-server")](tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture(scope="session")
def gcs_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeGcs]:
    """A server that speaks what Google Cloud Storage does."""
    with fake_gcs(tmp_path_factory.mktemp("gcs")) as server:
        yield server


@pytest.fixture(scope="session")
def azure_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    """A server that speaks what Azure Blob Storage does."""
    with azurite(tmp_path_factory.mktemp("azure")) as server:
        yield server


@pytest.fixture
def aws_backup(s3_server: Ministack, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A stand-in for AWS Backup, which saves buckets of the server that speaks S3."""
    from tests.aws_backup_stub import AwsBackupStub  # noqa: PLC0415 - few tests need AWS's library

    with AwsBackupStub(s3_server) as stub:
        monkeypatch.setenv("AWS_ENDPOINT_URL_BACKUP", stub.endpoint)
        yield stub


@pytest.fixture(scope="session")
def soft_deleting_gcs_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SoftDeletingGcs]:
    """A server that speaks what Google Cloud Storage does, and keeps what is deleted."""
    with soft_deleting_gcs(tmp_path_factory.mktemp("gcs")) as server:
        yield server


@pytest.fixture(scope="session")
def keeping_azure_server() -> Iterator[AzureStub]:
    """A stand-in for Azure's blobs that keeps versions, and what is deleted."""
    with azure_stub() as server:
        yield server
