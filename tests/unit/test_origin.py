"""What a point remembers of where its catalog was: how to reach it, and never a secret."""

from __future__ import annotations

import pytest

from canvasback.model.conninfo import connection_items, connection_string
from canvasback.model.origin import Origin, server_of, with_credentials

SECRET = "geheim"  # noqa: S105 - it is looked for in what is remembered


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("", {}),
        ("dbname=cat host=/run port=5433", {"dbname": "cat", "host": "/run", "port": "5433"}),
        (r"dbname = 'a \'b\' c'  user=u\ v", {"dbname": "a 'b' c", "user": "u v"}),
        ("password='x y' dbname=''", {"password": "x y", "dbname": ""}),
        ("postgresql://u:p@h/d?sslmode=x", {"user": "u", "dbname": "d", "host": "h", "sslmode": "x"}),
        ("postgresql://h:1,[::1]:2", {"host": "h,::1", "port": "1,2"}),
        ("postgres:///db?host=%2Frun", {"dbname": "db", "host": "/run"}),
        ("postgres://h", {"host": "h"}),
        ("dbname", None),
        ("host=a 'b'", None),
        ("postgres://u:p@ss@h/db", None),
    ],
)  # fmt: skip
def test_a_connection_string_is_taken_apart(text: str, items: dict[str, str] | None) -> None:
    found = connection_items(text)
    assert found == items
    if found is not None:
        assert connection_items(connection_string(found)) == found


@pytest.mark.parametrize(
    "text",
    [
        f"dbname=cat password={SECRET} host=h",
        f"dbname=cat password = '{SECRET} more' sslpassword={SECRET}",
        f"postgresql://u:{SECRET}@h/cat?sslpassword={SECRET}",
        f"postgresql://u@h/cat?password={SECRET}&options=-c%20x%3D{SECRET}",
        f"postgresql://u:pa@{SECRET}@h/cat",
        f"postgresql://u:pa/{SECRET}@h/cat",
        f"dbname='postgresql://u:{SECRET}@h/cat'",
        f"host=h passfile=/run/{SECRET} options='-c secret={SECRET}' oauth_client_secret={SECRET}",
    ],
)
def test_no_secret_is_remembered(text: str) -> None:
    assert SECRET not in (server_of(text) or "")


def test_a_password_is_for_its_own_server() -> None:
    origin = server_of(f"dbname=old host=h user=u password={SECRET}")
    assert origin is not None
    assert f"password='{SECRET}'" in with_credentials(origin, f"dbname=new host=h user=u password={SECRET}")
    assert "dbname='old'" in with_credentials(origin, f"dbname=new host=h user=u password={SECRET}")
    for other in (
        f"dbname=new host=i user=u password={SECRET}",
        f"host=h user=v password={SECRET}",
        f"password={SECRET}",
    ):
        assert SECRET not in with_credentials(origin, other)


@pytest.mark.parametrize(
    ("origin", "local"),
    [
        (Origin("duckdb", "/srv/main.ducklake"), True),
        (Origin("duckdb", "https://host/main.ducklake"), False),
        (Origin("postgres", "dbname='cat'"), True),
        (Origin("postgres", "host='/run' dbname='cat'"), True),
        (Origin("postgres", "host='db.example' dbname='cat'"), False),
    ],
)
def test_the_same_name_can_mean_another_catalog_elsewhere(origin: Origin, *, local: bool) -> None:
    assert origin.local is local
