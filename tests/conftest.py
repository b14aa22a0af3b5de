"""What every test may rely on: the markers, and the length of `make soak`."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.object_servers import Azurite, FakeGcs, Ministack, azurite, fake_gcs, ministack
from tests.other_servers import ceph_rgw, moto
from tests.postgres import Server, running

settings.register_profile("soak", max_examples=5000, deadline=None)

TESTS = Path(__file__).parent
S3_SERVERS = {"ministack": ministack, "moto": moto, "rgw": ceph_rgw}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let `make cross-check` choose another server than the usual one."""
    parser.addoption("--s3-server", choices=S3_SERVERS, default="ministack", help="what the tests of S3 run against")


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers, as unknown ones are errors, and let the scripts that tests start import `tests`."""
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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, lest one process works on it alone at the end."""
    longest = [TESTS / "property", TESTS / "crash"]
    items.sort(key=lambda item: not any(folder in item.path.parents for folder in longest))


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
