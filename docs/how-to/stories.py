"""What happens to the lakes of the pages: what `run.py` does before and between the commands that they show.

A story is a generator. What it yields is how many of the page's commands come next, or a function that runs the next
one; at its end the rest of the commands are run.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from run import KEEP, Play, Step, Story

import canvasback
from tests.clusters import bindir

LAKE = "ducklake:/srv/sales/sales.ducklake"
ORDERS = (
    "CREATE TABLE lake.orders AS SELECT i AS id, i * 7 % 500 AS customer, i * 37 % 900 AS amount FROM range(20000) t(i)"
)
CUSTOMERS = "CREATE TABLE lake.customers AS SELECT i AS id, 'customer ' || i AS name FROM range(500) t(i)"
TEST_ORDERS = "DELETE FROM lake.orders WHERE id % 1000 = 999"

COMMENT = "COMMENT ON TABLE lake.customers IS 'one row each'"
WRITER = """
from tests import extension
lake = extension.connect()
lake.execute("ATTACH 'ducklake:{}' AS lake")
lake.execute("{}")
print("1,090 orders loaded")
"""


def more(first: int = 20000, count: int = 3000) -> str:
    """The statement that inserts orders."""
    return f"INSERT INTO lake.orders SELECT i, i * 7 % 500, i * 37 % 900 FROM range({first}, {first + count}) t(i)"


def comments(*texts: str) -> list[str]:
    """Commits that change nothing much."""
    return [f"COMMENT ON TABLE lake.orders IS '{text}'" for text in texts]


def a_batch_wrote_nonsense(play: Play) -> Iterator[Step]:
    """A good lake, and three commits that are nonsense."""
    play.make(ORDERS, more(), CUSTOMERS, COMMENT, more(23000, 1), *comments("all of them", "all orders"))
    play.backup()
    play.commit("nightly", "prices of November", "UPDATE lake.orders SET amount = -amount WHERE id % 2 = 0")
    play.make("DELETE FROM lake.customers WHERE id > 100")
    play.make("CREATE TABLE lake.rejected AS SELECT * FROM lake.orders WHERE id % 2 = 0")
    yield 2
    play.attach()
    play.held = True
    yield 1
    play.held = False
    play.quietly(f"canvasback rewind {LAKE} --to-snapshot 7 -r /backups/sales")


def undo_the_last_commit(play: Play) -> Iterator[Step]:
    """A lake whose last commit is the page's."""
    play.make(ORDERS, more(), more(23000, 1), *comments("a", "b", "c"), CUSTOMERS)
    play.backup()
    yield 4


def i_dropped_a_table(play: Play) -> Iterator[Step]:
    """A table that was dropped, and a commit after that."""
    play.make(ORDERS, more(), CUSTOMERS, COMMENT)
    play.backup()
    play.make("DROP TABLE lake.customers", more(23000, 1))
    yield 7


def a_query_says_file_not_found(play: Play) -> Iterator[Step]:
    """Files that are gone, cut off, or have another content."""
    play.make(CUSTOMERS, ORDERS, more(), TEST_ORDERS, COMMENT)
    play.backup()
    first, second = play.files("orders")
    first.unlink()
    second.write_bytes(b"")
    yield 5
    forget_aside(play)
    content = bytearray(first.read_bytes())
    content[100] ^= 1
    play.point = play.backup()
    first.write_bytes(content)
    yield 1
    play.backup()
    play.make(more(23000, 1000))
    yield 2
    forget_aside(play)
    play.files("orders")[-1].unlink()


def forget_aside(play: Play) -> None:
    """Delete what was moved aside."""
    for file in play.path("/srv/sales/files/main/orders").glob("*.damaged-*"):
        file.unlink()


def back_up_every_commit(play: Play) -> Iterator[Step]:
    """Commits, and a repository that is away for some seconds."""
    play.make(ORDERS)
    yield 1
    play.backup()
    yield watched(play)
    job(play)
    yield 1
    yield play.watching(15, lambda: play.make(more(22000, 50)), 10)


def watched(play: Play) -> Step:
    """A watch that sees commits, and a repository that goes and comes back."""
    aside = play.path("/backups/aside")
    return play.watching(
        15,
        lambda: play.make(more(20000, 300)),
        10,
        lambda: play.make(CUSTOMERS, more(20300, 100), "DELETE FROM lake.orders WHERE id % 500 = 7"),
        10,
        lambda: play.path("/backups/sales").rename(aside),
        lambda: play.make(more(20400, 50)),
        9,
        lambda: aside.rename(play.path("/backups/sales")),
        10,
    )


def job(play: Play) -> None:
    """Put a batch job where the page's `python nightly.py` finds it."""
    catalog = play.path("/srv/sales/sales.ducklake")
    play.path("/srv/nightly.py").write_text(WRITER.format(catalog, more(30000, 1090)), "utf-8")


def back_up_from_cron(play: Play) -> Iterator[Step]:
    """A file that is gone, and then the catalog."""
    play.make(ORDERS, CUSTOMERS)
    yield 1
    page = Path(__file__).with_name("back-up-from-cron.md").read_text("utf-8")
    script = page.partition("```sh\n")[2].partition("```")[0]
    script = script.replace("/var/log/", "/srv/")
    play.path("/srv/backup.sh").write_text(play.real(script), "utf-8")
    play.quietly("sh backup.sh")
    play.files("orders")[0].unlink()
    yield 1
    play.path("/srv/sales/sales.ducklake").unlink()


def archive_and_clients(play: Play) -> None:
    """The lake of the pages about what changed: a point, and five commits after it."""
    play.make(
        "CREATE TABLE lake.archive AS SELECT i AS id, i * 3 AS amount FROM range(1200) t(i)",
        CUSTOMERS,
        "CREATE TABLE lake.rates AS SELECT i AS id, i / 10 AS rate FROM range(40) t(i)",
        ORDERS,
    )
    play.backup()
    play.commit("loader", "nightly load", more())
    play.commit("ana", "remove test orders", TEST_ORDERS)
    play.commit("ana", "a column for notes", "ALTER TABLE lake.orders ADD COLUMN note VARCHAR")
    play.commit("ben", "the old archive", "DROP TABLE lake.archive")
    play.commit("ana", "clients is what we call them", "ALTER TABLE lake.customers RENAME TO clients")


def compare_yesterday_with_today(play: Play) -> Iterator[Step]:
    """What five commits changed."""
    archive_and_clients(play)
    yield 1
    play.backup()
    yield 2
    yield KEEP


def three_points(play: Play) -> list[str]:
    """A lake of which there are points of the snapshots 2, 3 and 5."""
    play.make(CUSTOMERS, ORDERS)
    points = [play.backup()]
    play.make(more())
    points.append(play.backup())
    play.make(TEST_ORDERS, "UPDATE lake.customers SET name = 'Zoe' WHERE id = 7")
    return [*points, play.backup()]


def is_my_backup_good(play: Play) -> Iterator[Step]:
    """A repository, and then damage in it."""
    last = three_points(play)[-1]
    settings(play)
    yield 4
    yield KEEP
    manifest = json.loads(play.path(f"/backups/sales/points/{last}.json").read_text("utf-8"))
    chunk = next(c["hash"] for t in manifest["tables"] if t["name"] == "ducklake_snapshot" for c in t["chunks"])
    play.path(f"/backups/sales/catalog/{chunk[:2]}/{chunk}.parquet").unlink()
    copy = max(play.path("/backups/sales/data/main/orders").glob("*.parquet"), key=lambda file: file.stat().st_size)
    content = bytearray(copy.read_bytes())
    content[100] ^= 1
    copy.chmod(0o600)
    copy.write_bytes(content)
    yield 3


def look_at_an_old_state(play: Play) -> Iterator[Step]:
    """Three points, of which the oldest is looked at."""
    play.point = three_points(play)[0]
    play.lake = "ducklake:look.ducklake"
    yield 6


def the_catalog_is_gone(play: Play) -> Iterator[Step]:
    """A catalog that is gone; then an empty one in its place; then no repository either."""
    play.make(ORDERS, CUSTOMERS, more(), TEST_ORDERS, COMMENT)
    play.backup()
    catalog = play.path("/srv/sales/sales.ducklake")
    catalog.unlink()
    yield 4
    saved = catalog.read_bytes()
    catalog.unlink()
    play.make()
    yield 1
    catalog.write_bytes(saved)
    play.make(*later())
    catalog.unlink()


def later() -> list[str]:
    """Commits after the last backup."""
    return [
        more(23000, 1000),
        "UPDATE lake.orders SET amount = 0 WHERE id % 50 = 1",
        "BEGIN",
        "ALTER TABLE lake.orders ADD COLUMN note VARCHAR",
        "INSERT INTO lake.orders SELECT i, 1, 10, 'late' FROM range(24000, 24050) t(i)",
        "COMMIT",
        "CREATE TABLE lake.refunds AS SELECT i AS id, 10 AS amount FROM range(50) t(i)",
    ]


def the_catalog_backup_is_old(play: Play) -> Iterator[Step]:
    """A catalog that was replaced by an older copy."""
    play.make(ORDERS, CUSTOMERS, more(), TEST_ORDERS, *comments("a", "b"), COMMENT)
    catalog = play.path("/srv/sales/sales.ducklake")
    saved = catalog.read_bytes()
    play.make(*later())
    catalog.write_bytes(saved)
    yield 4


def the_disk_is_lost(play: Play) -> Iterator[Step]:
    """A lake that is gone altogether."""
    three_points(play)
    play.path("/srv/sales").rename(play.path("/srv/lost"))
    play.lake = "ducklake:/srv/new/sales.ducklake"
    yield 6


def the_backup_says_it_has_findings(play: Play) -> Iterator[Step]:
    """Files that are wrong before any backup saw them."""
    play.make(CUSTOMERS, ORDERS, more(), TEST_ORDERS, COMMENT)
    play.backup()
    play.make(more(23000, 100), more(23100, 50))
    gone, longer = play.files("orders")[-2:]
    gone.unlink()
    with longer.open("ab") as file:
        file.write(b"\0\0")
    yield 1


def in_a_bucket(play: Play, *buckets: str) -> None:
    """A lake whose files are in a bucket."""
    play.buckets("sales-lake", "sales-backups", *buckets)
    play.lake = "ducklake:sales.ducklake"
    play.make(CUSTOMERS, ORDERS, more(), TEST_ORDERS, data_path="s3://sales-lake/files")


def object_stores(play: Play) -> Iterator[Step]:
    """A lake in a bucket."""
    in_a_bucket(play)
    yield 2


def files_vanished_from_the_bucket(play: Play) -> Iterator[Step]:
    """Objects that are gone, and then the bucket."""
    client = play.buckets("sales-lake", "sales-backups", "sales-new", "sales-replica").client()
    play.lake = "ducklake:sales.ducklake"
    play.make(CUSTOMERS, ORDERS, more(), TEST_ORDERS, more(23000, 10), data_path="s3://sales-lake/files")
    play.backup("ducklake:sales.ducklake", "s3://sales-backups/sales")

    def keys() -> list[str]:
        listed = client.list_objects_v2(Bucket="sales-lake")["Contents"]
        return [found["Key"] for found in listed]

    def copied() -> None:
        for key in keys():
            client.copy_object(Bucket="sales-replica", Key=key, CopySource={"Bucket": "sales-lake", "Key": key})

    copied()
    orders = [key for key in keys() if "/orders/" in key and "-delete" not in key]
    for key in orders:
        client.delete_object(Bucket="sales-lake", Key=key)
    client.delete_object(Bucket="sales-replica", Key=orders[-1])
    play.forget()
    yield 4
    saved = play.path("/srv/sales.ducklake").read_bytes()
    for key in keys():
        client.delete_object(Bucket="sales-lake", Key=key)
    client.delete_bucket(Bucket="sales-lake")
    yield 6
    play.detach()
    client.create_bucket(Bucket="sales-lake")
    play.path("/srv/sales.ducklake").write_bytes(saved)
    yield 1
    new = client.list_objects_v2(Bucket="sales-new")["Contents"]
    for key in (found["Key"] for found in new):
        client.copy_object(Bucket="sales-replica", Key=key, CopySource={"Bucket": "sales-new", "Key": key})
    yield 4
    client.close()


def the_bucket_was_emptied(play: Play) -> Iterator[Step]:
    """A bucket that keeps versions, and of whose objects none can be seen any more."""
    server = play.buckets("sales-lake")
    server.keep_versions("sales-lake")
    client = server.client()
    play.lake = "ducklake:sales.ducklake"
    play.make(CUSTOMERS, ORDERS, more(), TEST_ORDERS, data_path="s3://sales-lake/files")
    found = client.list_objects_v2(Bucket="sales-lake")["Contents"]
    for key in (one["Key"] for one in found):
        client.delete_object(Bucket="sales-lake", Key=key)
    client.close()
    play.forget()
    yield 5


def move_a_lake(play: Play) -> Iterator[Step]:
    """A lake that goes to another bucket in each of the two ways."""
    in_a_bucket(play, "sales-eu", "sales-new")
    play.make(more(23000, 10))
    play.backup("ducklake:sales.ducklake", "s3://sales-backups/sales")
    play.lake = "ducklake:moved.ducklake"
    yield 4
    play.detach()
    play.quietly(
        "canvasback restore -r s3://sales-backups/sales --to ducklake:spare.ducklake --data-path s3://sales-new/files"
    )
    yield 4
    play.lake = "ducklake:moved.ducklake"


def move_the_catalog_to_another_engine(play: Play) -> Iterator[Step]:
    """A catalog that goes from a file to PostgreSQL."""
    play.make(CUSTOMERS, ORDERS)
    play.quietly(f"canvasback init /backups/sales --lake {LAKE}")
    play.database("dbname=sales host=db user=postgres")
    yield 4


def command_line(play: Play) -> Iterator[Step]:
    """An example of many commands, each with a lake of its own."""
    three_points(play)
    play.make(more(23000, 100))
    yield 1
    play.make(more(24000, 50))
    yield 1
    play.fresh()
    play.make(ORDERS)
    play.backup()
    yield watched(play)
    job(play)
    yield 1
    play.fresh()
    three_points(play)
    yield 3
    play.fresh()
    old_points(play)
    forgotten_long_ago(play)
    yield 1
    play.fresh()
    yield from mirrored(play)
    play.fresh()
    archive_and_clients(play)
    yield 1
    play.backup()
    yield 1
    play.fresh()
    three_points(play)
    yield 1
    play.fresh()
    in_a_bucket(play, "sales-new")
    play.backup("ducklake:sales.ducklake", "s3://sales-backups/sales")
    spare(play)
    yield 1
    yield KEEP
    yield KEEP
    play.fresh()
    three_points(play)
    settings(play)


def mirrored(play: Play) -> Iterator[Step]:
    """A repository that loses a file and a chunk, after it was mirrored."""
    three_points(play)
    yield 1
    next(play.path("/backups/sales/data/main/orders").iterdir()).unlink()
    next(play.path("/backups/sales/catalog").rglob("*.parquet")).write_bytes(b"torn")
    yield 1


def days_ago(days: int) -> Callable[[], datetime]:
    """A clock that is so far behind."""
    return lambda: datetime.now(UTC) - timedelta(days=days)


def old_points(play: Play) -> None:
    """Four points of the last two months, of which only the first has a table that was dropped since."""
    lake, repository = play.real(LAKE), play.real("/backups/sales")
    play.make("CREATE TABLE lake.import_2025 AS SELECT range AS id FROM range(300000)", ORDERS)
    canvasback.init(lake, repository, clock=days_ago(60))
    drop = ("DROP TABLE lake.import_2025", "CALL ducklake_expire_snapshots('lake', older_than => now())")
    clean = "CALL ducklake_cleanup_old_files('lake', cleanup_all => true)"
    for days, statements in (
        (60, ()),
        (40, (*drop, clean, more())),
        (20, (more(23000, 100),)),
        (9, (more(23100, 100),)),
    ):
        play.make(*statements)
        canvasback.backup(lake, repository, clock=days_ago(days))
    written = days_ago(30)().timestamp()
    for file in Path(repository).rglob("*"):
        os.utime(file, (written, written))


def forgotten_long_ago(play: Play) -> None:
    """All but the last two points were forgotten a week ago and more."""
    canvasback.forget(play.real("/backups/sales"), policy=canvasback.Policy(keep_last=2), clock=days_ago(8))


def the_repository_is_full(play: Play) -> Iterator[Step]:
    """Old points, which are forgotten, and pruned when a week has passed."""
    old_points(play)
    yield 2
    forgotten_long_ago(play)


def the_key_is_lost(play: Play) -> Iterator[Step]:
    """A small lake, whose repository is sealed for a key and a passphrase."""
    play.make(ORDERS, CUSTOMERS)
    play.path("/srv/keys").mkdir()
    play.path("/srv/keys/passphrase").write_text("correct horse battery staple\n", "utf-8")
    yield 2
    settings = play.real('repository = "/backups/sales"\nidentity = "/srv/keys/ops.key"\n')
    play.path("/srv/canvasback.toml").write_text(settings, "utf-8")
    yield 6
    play.make(more())


def somebody_deleted_the_backups(play: Play) -> Iterator[Step]:
    """A repository that is mirrored, and then goes, in part and altogether."""
    three_points(play)
    yield 1
    play.make(more(23000, 100))
    play.backup()
    yield 8


def the_backup_host_was_broken_into(play: Play) -> Iterator[Step]:
    """A locked repository, of which somebody hides and covers what there is."""
    repository = "s3://sales-backups/sales"
    server = play.buckets()
    server.create_bucket("sales-backups", locks=True)
    play.make(CUSTOMERS, ORDERS)
    yield 2
    for statement in (more(), TEST_ORDERS):
        play.make(statement)
        play.quietly(f"canvasback backup {LAKE} -r {repository}")
    with closing(server.client()) as client:
        for found in client.list_objects_v2(Bucket="sales-backups", Prefix="sales/")["Contents"]:
            name = found["Key"].removeprefix("sales/")
            if name.startswith("points/"):
                client.delete_object(Bucket="sales-backups", Key=found["Key"])
            elif name.startswith("data/"):
                client.put_object(Bucket="sales-backups", Key=found["Key"], Body=b"pay, or you never see it again")
    yield 2
    page = Path(__file__).with_name("the-backup-host-was-broken-into.md").read_text("utf-8")
    play.path("/srv/uncover.py").write_text(page.partition("```python\n")[2].partition("```")[0], "utf-8")
    yield 4


def errors(play: Play) -> Iterator[Step]:
    """A restore where something is."""
    three_points(play)
    yield 1


def spare(play: Play) -> None:
    """Bring the lake's files to another bucket."""
    play.quietly(
        "canvasback restore -r s3://sales-backups/sales --to ducklake:spare.ducklake --data-path s3://sales-new/files"
    )


def settings(play: Play) -> None:
    """Give the lake a name."""
    text = f'[lakes.sales]\nlake = "{play.real(LAKE)}"\nrepository = "{play.real("/backups/sales")}"\n'
    play.path("/srv/canvasback.toml").write_text(text, "utf-8")


def we_need_the_state_of_14_32_07(play: Play) -> Iterator[Step]:
    """A server whose log is archived, and a commit that was wrong. The clock is put so that the one before was then."""
    name = "dbname=sales host=db user=postgres"
    play.database(name)
    play.lake = f"ducklake:postgres:{name}"
    os.environ["PATH"] = f"{bindir(18)}:{os.environ['PATH']}"
    play.make(ORDERS, CUSTOMERS)
    play.quietly(f"canvasback init /backups/sales --lake '{play.lake}'")
    archive = f"canvasback pitr run '{play.lake}' -r /backups/sales --spool /srv/spool --part-every 0.2 --every 0.2"
    with play.beside(archive):
        while "full" not in play.quietly("canvasback pitr list -r /backups/sales"):
            time.sleep(0.5)
        play.make(more())
        play.backup(play.lake)
        time.sleep(1.2)
        then = datetime.now(UTC).replace(microsecond=0)
        play.make(TEST_ORDERS, "DELETE FROM lake.customers WHERE id > 100", more(40000))
        play.backup(play.lake)
        time.sleep(3)
    shift = datetime(2026, 11, 27, 14, 32, 7, tzinfo=UTC) - then
    stamp = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d|\d{8}T\d{6}")

    def at_that_time(command: str) -> str:
        said = play.run(command.replace("2026-11-27 14:32:07Z", f"{then:%Y-%m-%d %H:%M:%SZ}"))

        def shifted(found: re.Match[str]) -> str:
            form = "%Y%m%dT%H%M%S" if "T" in found[0] else "%Y-%m-%d %H:%M:%S"
            return f"{datetime.strptime(found[0], form) + shift:{form}}"  # noqa: DTZ007 - as it is printed, in UTC

        return stamp.sub(shifted, said)

    yield at_that_time
    yield at_that_time
    yield at_that_time
    play.lake = "ducklake:/srv/sales/then.ducklake"


STORIES: dict[str, Story] = {
    story.__name__.replace("_", "-"): story
    for story in (
        a_batch_wrote_nonsense,
        a_query_says_file_not_found,
        back_up_every_commit,
        back_up_from_cron,
        compare_yesterday_with_today,
        files_vanished_from_the_bucket,
        the_bucket_was_emptied,
        i_dropped_a_table,
        is_my_backup_good,
        look_at_an_old_state,
        move_a_lake,
        move_the_catalog_to_another_engine,
        somebody_deleted_the_backups,
        the_backup_host_was_broken_into,
        the_backup_says_it_has_findings,
        the_catalog_backup_is_old,
        the_catalog_is_gone,
        the_disk_is_lost,
        the_key_is_lost,
        the_repository_is_full,
        undo_the_last_commit,
        we_need_the_state_of_14_32_07,
    )
} | {
    "docs/command-line.md": command_line,
    "docs/errors.md": errors,
    "docs/object-stores.md": object_stores,
}
