"""The connection string of a PostgreSQL server, taken apart as libpq does."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote

_ITEM = re.compile(r"\s*(\w+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|((?:[^\s'\\]|\\.)*))(?=\s|$)\s*", re.DOTALL)
_URI = re.compile(
    r"postgres(?:ql)?://(?:(?P<user>[^:@/?]*)(?::(?P<password>[^@/?]*))?@)?(?P<hosts>[^@/?]*)(?:/(?P<dbname>[^@?]*))?(?:\?(?P<rest>.*))?",
    re.DOTALL,
)


def connection_items(text: str) -> dict[str, str] | None:
    """What a connection string says, by libpq's keywords, without the password of a URI; None if it is none.

    Source: libpq's documentation, "Connection Strings".
    """
    found = _URI.fullmatch(text)
    if found is not None:
        return _of_uri(found)
    items: dict[str, str] = {}
    rest = text.strip()
    while rest:
        item = _ITEM.match(rest)
        if item is None:
            return None
        value = item[2] if item[2] is not None else item[3]
        items[item[1]] = re.sub(r"\\(.)", r"\1", value, flags=re.DOTALL)
        rest = rest[item.end() :]
    return items


def connection_string(items: Mapping[str, str]) -> str:
    """A connection string that says so."""
    escaped = {key: value.replace("\\", "\\\\").replace("'", "\\'") for key, value in items.items()}
    return " ".join(f"{key}='{value}'" for key, value in escaped.items())


def password_of(text: str) -> str:
    """The password that a connection string says; empty where it says none. It is not to be shown."""
    found = _URI.fullmatch(text)
    said = found["password"] if found is not None else None
    return unquote(said) if said else (connection_items(text) or {}).get("password", "")


def _of_uri(found: re.Match[str]) -> dict[str, str] | None:
    items = {key: unquote(value) for key in ("user", "dbname") if (value := found[key])}
    hosts, ports = [], []
    for place in found["hosts"].split(","):
        host, _, port = place.rpartition(":") if re.search(r":\d*$", place) else (place, "", "")
        hosts.append(unquote(host.removeprefix("[").removesuffix("]")))
        ports.append(port)
    if any(hosts):
        items["host"] = ",".join(hosts)
    if any(ports):
        items["port"] = ",".join(ports)
    try:
        return items | dict(parse_qsl(found["rest"] or "", strict_parsing=bool(found["rest"])))
    except ValueError:
        return None
