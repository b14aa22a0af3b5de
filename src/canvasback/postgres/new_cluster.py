"""A base backup becomes the folder of a cluster: unpacked, put together with what it rests on, and verified."""

from __future__ import annotations

import os
import pwd
import shutil

import msgspec

from canvasback.errors import CorruptError, LakeError, RefusedError
from canvasback.model.base_backup import BaseBackup
from canvasback.postgres.packed_base import unpack_base
from canvasback.postgres.programs import Account, Programs
from canvasback.repository.bases import TAR, base_name
from canvasback.storage.store import Store


def account_for(data: str) -> Account | None:
    """Whose a new cluster is: who runs us, but for root, as whom no server runs.

    Then it is who owns the folder that it is made in, or else the account ``postgres``.

    Raises:
        RefusedError: There is no such account (``no-account``).
    """
    if os.geteuid() != 0:
        return None
    above = os.path.abspath(data)
    while not os.path.isdir(above):
        above = os.path.dirname(above)
    owner = os.stat(above)
    if owner.st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    try:
        found = pwd.getpwnam("postgres")
    except KeyError as error:
        raise RefusedError(
            "no-account",
            f"PostgreSQL does not run as root, {above} belongs to root, and there is no account postgres",
            hint="Run it as the user who is to run the server, or give the folder to him.",
        ) from error
    return Account(found.pw_uid, found.pw_gid)


def build_cluster(programs: Programs, store: Store, chain: tuple[BaseBackup, ...], data: str, scratch: str) -> None:
    """Make the folder of a cluster from a base backup. Its server has to recover from the log before it can be used.

    Args:
        programs: Those of its version, and as whom they run.
        store: The repository.
        chain: The base backup, after those that it rests on.
        data: The folder, which is empty or not there.
        scratch: A folder for what is unpacked on the way, on a disk with room for it.

    Raises:
        CorruptError: A base backup is damaged (``base-corrupt``).
        LakeError: They do not fit together (``program-failed``).
    """
    os.makedirs(data, mode=0o700, exist_ok=True)
    os.chmod(data, 0o700)
    folders = [data] if len(chain) == 1 else [os.path.join(scratch, base.id) for base in chain]
    for base, folder in zip(chain, folders, strict=True):
        os.makedirs(folder, mode=0o700, exist_ok=True)
        unpack_base(store, base_name(int(base.system), base.id, TAR), base.blake3, folder)
    own = msgspec.structs.replace(programs, account=None)
    if len(chain) > 1:
        os.rmdir(data)  # it makes its own
        own.run("pg_combinebackup", *folders, "-o", data)
        for folder in folders:
            shutil.rmtree(folder)
    try:
        own.run("pg_verifybackup", "--no-parse-wal", "--exit-on-error", data)
    except LakeError as error:
        if error.code != "program-failed":
            raise
        raise CorruptError(
            "base-corrupt",
            f"the base backup {chain[-1].id} is not what PostgreSQL listed: {error.message}",
            hint="Use an earlier or later one: canvasback pitr list.",
        ) from error
    give_cluster(data, programs.account)


def give_cluster(data: str, account: Account | None) -> None:
    """Give the folder of a cluster to whom its server runs as; nothing where that is who runs us."""
    if account is None:
        return
    for folder, _, files in os.walk(data):
        for path in (folder, *(os.path.join(folder, file) for file in files)):
            os.chown(path, account.user, account.group, follow_symlinks=False)
