"""Covers canvasback.datapath.opened_lake: what is read of a live lake, and what of it is refused."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from canvasback.catalog.blank import blank_catalog
from canvasback.catalog.connections import connect
from canvasback.catalog.image import Image
from canvasback.datapath.opened_lake import open_lake
from canvasback.errors import LakeError
from canvasback.model.lake import parse_lake

NAME = parse_lake("ducklake:somewhere/main.ducklake")


class Catalog:
    """A catalog that can be read once."""

    def __init__(self, image: Image) -> None:
        self.image = image

    def read(self) -> Image:
        return self.image

    @property
    def closed(self) -> bool:
        try:
            self.image.connection.execute("SELECT 1")
        except duckdb.ConnectionException:
            return True
        return False


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    (tmp_path / "data").mkdir()
    with blank_catalog(connect(str(tmp_path)), f"{tmp_path}/data/", datetime(2026, 11, 22, tzinfo=UTC)) as image:
        yield Catalog(image)


def test_a_lake_is_opened_and_closed(catalog: Catalog, tmp_path: Path) -> None:
    with open_lake(catalog, NAME) as live:
        assert live.stored is catalog.image
        assert live.image is live.image
        assert live.image.head()[0] == 0
        assert live.root() == f"{tmp_path}/data/"
        assert not catalog.closed
    assert catalog.closed


def test_what_a_user_says_of_the_data_path_goes_first(catalog: Catalog) -> None:
    with open_lake(catalog, NAME, data_path="s3://bucket/lake") as live:
        assert live.root("/where/it/was/") == "s3://bucket/lake/"


def test_an_incomplete_catalog_is_refused_and_let_go_of(catalog: Catalog) -> None:
    catalog.image = catalog.image.without("ducklake_view")
    with pytest.raises(LakeError, match="ducklake_view") as refused:
        open_lake(catalog, NAME)
    assert refused.value.code == "catalog-incomplete"
    assert catalog.closed


def test_an_incomplete_catalog_may_do(catalog: Catalog) -> None:
    catalog.image = catalog.image.without("ducklake_view")
    with open_lake(catalog, NAME, may_be_incomplete=True) as live, pytest.raises(LakeError, match="ducklake_view"):
        live.image.rows("SELECT * FROM {ducklake_view} v")
