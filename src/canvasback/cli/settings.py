"""``canvasback.toml`` and the environment: names for lakes, and which repository belongs to which."""

from __future__ import annotations

import contextlib
import os
import re
import tomllib
from pathlib import Path

import msgspec

from canvasback.errors import UsageError
from canvasback.model.retention import Policy
from canvasback.model.seal import Secrets
from canvasback.storage.bucket.service import StoreOptions
from canvasback.storage.locations import Stores
from canvasback.storage.rate import RateLimit

_NAME = "canvasback.toml"
_FROM_FILES = (
    "It is named by CANVASBACK_IDENTITY or CANVASBACK_PASSPHRASE_FILE, else in canvasback.toml. If it is lost, name "
    "another recipient's."
)
_FASTEST = 1 << 62


class LakeSettings(msgspec.Struct, forbid_unknown_fields=True):
    """One ``[lakes.NAME]`` of the file.

    Attributes:
        lake: What the name stands for, as in ATTACH.
        repository: Its repository.
        data_path: Where its data path is, if the catalog's spelling does not lead there.
        also: A second place of its repository, which gets its points too.
    """

    lake: str
    repository: str | None = None
    data_path: str | None = None
    also: str | None = None

    def find_data_path(self, given: str | None) -> str | None:
        """The data path: the option, else the file's."""
        return self.data_path if given is None else given

    def find_also(self, given: str | None) -> str | None:
        """The second place: the option, else the file's."""
        return self.also if given is None else given


class Settings(msgspec.Struct, forbid_unknown_fields=True):
    """The whole file.

    Attributes:
        repository: The repository where nothing else names one.
        lakes: Lakes by name.
        storage: How to reach buckets, by their URLs, or by ``s3://`` and the like for all of a kind.
        retention: Which points ``forget`` keeps where no option says it.
        identity: The file with the secret key of age that opens sealed repositories.
        passphrase_file: The file with the passphrase that does.
        witness: A second place that is told of new points, and asked whether a repository is what it was.
    """

    repository: str | None = None
    lakes: dict[str, LakeSettings] = {}
    storage: dict[str, StoreOptions] = {}
    retention: Policy | None = None
    identity: str | None = None
    passphrase_file: str | None = None
    witness: str | None = None

    def stores(self, limit_rate: str | None = None) -> Stores:
        """What opens stores as the file says, and copies no faster than asked.

        Raises:
            UsageError: The rate cannot be understood (``rate-not-understood``), or a secret cannot be read
                (``secret-file``).
        """
        return Stores(self.storage, None if limit_rate is None else RateLimit(_bytes(limit_rate)), self._secrets())

    def _secrets(self) -> Secrets:
        """What opens sealed repositories: all that the environment names, even if that is nothing; else the file's."""
        given = [os.environ.get(name) for name in ("CANVASBACK_IDENTITY", "CANVASBACK_PASSPHRASE_FILE")]
        named = any(path is not None for path in given)
        identity, passphrase = given if named else (self.identity, self.passphrase_file)
        return Secrets(
            read_identities(identity) if identity else (), (read_passphrase(passphrase),) if passphrase else ()
        )

    def find_witness(self, given: str | None) -> str | None:
        """The place that knows which point was the newest: the option, else the file's."""
        return self.witness if given is None else given

    def lake(self, name: str) -> LakeSettings:
        """What a LAKE argument stands for: a name of the file, else an attach string."""
        return self.lakes.get(name) or LakeSettings(name)

    def find_repository(self, given: str | None, lake: LakeSettings | None = None) -> str:
        """The repository: the option, else CANVASBACK_REPO, else the file's.

        Raises:
            UsageError: None of them names one (``no-repository``).
        """
        if given == "":
            raise UsageError(
                "no-repository",
                "the repository is named by an empty text",
                hint="Say where it is; an unset variable of a script looks like that.",
            )
        candidates = [given, os.environ.get("CANVASBACK_REPO"), lake.repository if lake else None, self.repository]
        if lake is None and len(self.lakes) == 1:
            candidates.append(next(iter(self.lakes.values())).repository)
        for candidate in candidates:
            if candidate:
                return candidate
        raise UsageError(
            "no-repository",
            "no repository is named",
            hint="Give --repo, or set CANVASBACK_REPO, or name one in canvasback.toml.",
        )

    def look_for_repository(self, given: str | None, lake: LakeSettings) -> str | None:
        """The same, for a command that a repository helps and that can do without."""
        if given is not None:
            return self.find_repository(given, lake)
        with contextlib.suppress(UsageError):
            return self.find_repository(None, lake)
        return None

    def find_places(self, repository: str | None, lake: str | None) -> tuple[str | None, str | None]:
        """Where a command looks that is asked of a repository, of a live lake, or of both: the one and the other.

        Raises:
            UsageError: It names no lake, and nothing names a repository (``no-repository``).
        """
        if lake is None:
            return self.find_repository(repository), None
        named = self.lake(lake)
        return self.look_for_repository(repository, named), named.lake


def _bytes(spelled: str) -> int:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?(?:/s)?", spelled.strip().lower())
    rate = float(found[1]) * 1024 ** " kmgt".index(found[2] or " ") if found else 0.0
    if not 1 <= rate < _FASTEST:
        raise UsageError(
            "rate-not-understood",
            f"{spelled!r} is no rate",
            hint="Give bytes per second, like 500K, 50M or 1G; a K is 1024.",
        )
    return int(rate)


def read_identities(path: str) -> tuple[str, ...]:
    """The secret keys in a file as ``age-keygen`` writes it.

    Raises:
        UsageError: It cannot be read, or has none (``secret-file``).
    """
    lines = tuple(line.strip() for line in _read_secret(path).splitlines())
    found = tuple(line for line in lines if line and not line.startswith("#"))
    if not found:
        raise UsageError("secret-file", f"there is no secret key in {path}", hint="Make one with age-keygen.")
    return found


def read_passphrase(path: str) -> str:
    """The first line of a file.

    Raises:
        UsageError: It cannot be read, or is empty (``secret-file``).
    """
    found = _read_secret(path).partition("\n")[0].rstrip("\r")
    if not found:
        raise UsageError("secret-file", f"the first line of {path} is empty", hint="Write the passphrase into it.")
    return found


def _read_secret(path: str) -> str:
    try:
        return Path(path).expanduser().read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise UsageError("secret-file", f"{path} is no text", hint=_FROM_FILES) from None
    except OSError as error:
        raise UsageError("secret-file", f"{path} cannot be read: {error.strerror}", hint=_FROM_FILES) from error


def read_settings() -> Settings:
    """Read ``canvasback.toml`` from the working folder, else from the user's configuration folder.

    Raises:
        UsageError: The file cannot be understood (``settings-file``).
    """
    home = os.environ.get("XDG_CONFIG_HOME") or os.path.join(os.path.expanduser("~"), ".config")
    for path in (Path(_NAME), Path(home) / "canvasback" / _NAME):
        try:
            content = path.read_text(encoding="utf-8")
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            continue  # who may not read a file that he did not name has no settings there
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(
                "settings-file", f"{path} cannot be read: {error}", hint="Correct it, or move it away."
            ) from error
        try:
            return msgspec.convert(tomllib.loads(content), Settings)
        except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
            raise UsageError(
                "settings-file", f"{path} cannot be understood: {error}", hint="docs/command-line.md shows an example."
            ) from error
    return Settings()
