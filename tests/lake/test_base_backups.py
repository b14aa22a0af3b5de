"""Base backups of real clusters, streamed into a repository, checked, unpacked and judged by PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from canvasback.errors import CorruptError, LakeError
from canvasback.model.lake import parse_lake
from canvasback.postgres.packed_base import check_base, store_base, unpack_base
from canvasback.postgres.programs import Programs, connection_arguments
from canvasback.postgres.server import ask_server, find_slot, where_is
from canvasback.storage.local.store import LocalStore
from tests.clusters import bindir, cluster, open_folder


@pytest.fixture
def folder() -> Iterator[Path]:
    with open_folder() as made:
        yield made


@pytest.mark.parametrize("version", [15, 17, 18])
def test_a_base_backup_is_what_postgresql_listed(folder: Path, version: int) -> None:
    store = LocalStore(f"{folder}/repository/")
    programs = Programs.find(version, str(bindir(version)))
    with cluster(folder, version) as primary:
        lake = parse_lake(f"ducklake:postgres:{primary.conninfo('postgres')}")
        facts = ask_server(lake)
        assert (facts.system, facts.major, facts.segment_size) == (primary.system, version, 1 << 20)
        assert facts.may_replicate
        assert find_slot(lake, "canvasback") is None
        primary.psql("CREATE TABLE t AS SELECT generate_series(1, 5000) AS i")
        with connection_arguments(primary.conninfo("postgres") + " password=geheim") as conninfo:
            assert "geheim" not in conninfo
            copied = store_base(programs, conninfo, store, "base", label="one")
            packed = check_base(store, "base", copied.blake3)
            assert packed.label.label == "one"
            assert packed.label.start < packed.end <= where_is(lake).written
            with pytest.raises(LakeError, match="catalog-unreachable"):
                store_base(programs, conninfo.replace("-socket", "-nowhere"), store, "none", label="one")
            assert store.stat("none") is None
    unpack_base(store, "base", copied.blake3, str(folder / "copy"))
    programs.run("pg_verifybackup", "-n", str(folder / "copy"))
    content = bytearray((folder / "repository" / "base").read_bytes())
    for at in (100, len(content) // 2, len(content) - 3):
        content[at] ^= 1
        (folder / "repository" / f"damaged-{at}").write_bytes(content)
        with pytest.raises(CorruptError, match="base-corrupt"):
            check_base(store, f"damaged-{at}", copied.blake3)
        content[at] ^= 1
