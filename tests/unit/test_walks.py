"""Covers tools/walks.py: how often a parameter goes from module to module, and comes back."""

from __future__ import annotations

from pathlib import Path

import pytest

import canvasback
from tools.walks import VERBS, Package, Walk, main, walk_of

VERB = "from pkg.work import work\n\ndef verb(repository):\n    return work(repository)\n"


def made(folder: Path, **modules: str) -> Package:
    """A package of these modules, whose face shows `verb`."""
    package = folder / "pkg"
    package.mkdir()
    for name, text in {"__init__": "from .verb import verb", "verb": VERB, **modules}.items():
        path = package.joinpath(*name.split("__")) if not name.startswith("__") else package / name
        path.parent.mkdir(exist_ok=True)
        path.with_suffix(".py").write_text(text)
    return Package(package)


def walked(package: Package) -> Walk:
    return walk_of(package, "verb")


def test_a_stay_ends_where_a_call_hands_the_parameter_on(tmp_path: Path) -> None:
    package = made(
        tmp_path,
        work="from pkg.low import look\n\n"
        "def work(name):\n    again = name\n    own(3)\n    look(again)\n    own(again)\n\n"
        "def own(name):\n    return look(name)\n",
        low="def look(name):\n    return len(name)\n",
    )
    walk = walked(package)
    assert walk.stays == ["verb", "work", "low", "work", "low"]
    assert walk.returns == 2


def test_a_function_is_walked_once(tmp_path: Path) -> None:
    package = made(
        tmp_path,
        work="from pkg.low import look\n\ndef work(name):\n    look(name)\n    return work(name)\n",
        low="from pkg.lower import see\n\ndef look(name):\n    see(name)\n",
        lower="def see(name):\n    pass\n",
    )
    assert walked(package).stays == ["verb", "work", "low", "lower", "work"]


_HOLDER = (
    "class Base:\n    def go(self):\n        look(self._store)\n\n"
    "class Holder(Base):\n    def __init__(self, store):\n        self._store = store\n\n"
    "    @property\n    def size(self):\n        return look(self._store)\n"
)
_HOLDS = (
    "def work(name, stores):\n    holder = Holder(store=stores.open(name))\n    holder.go()\n    return holder.size\n"
)


def test_it_goes_on_in_the_attributes_of_objects_of_its_own(tmp_path: Path) -> None:
    package = made(
        tmp_path,
        work=f"from pkg.low import look\n\n{_HOLDS}\n{_HOLDER}",
        low="def look(store):\n    pass\n",
    )
    assert walked(package).stays == ["verb", "work", "low", "work", "low"]


def test_an_object_of_a_lower_room_has_what_it_took(tmp_path: Path) -> None:
    package = made(
        tmp_path,
        work=f"from pkg.held import Holder\n\n{_HOLDS}",
        held=f"from pkg.low import look\n\n{_HOLDER}",
        low="def look(store):\n    pass\n",
    )
    assert walked(package).stays == ["verb", "work", "held"]


def test_a_struct_hands_its_fields_on_and_keeps_its_work(tmp_path: Path) -> None:
    package = made(
        tmp_path,
        work="from pkg.held import Pair\nfrom pkg.low import look\n\n"
        "def work(name):\n    pair, other = Pair(name, 3), 4\n    pair.go()\n    look(pair.number)\n"
        "    look(pair.store)\n",
        held="from pkg.low import far\n\n"
        "class Pair:\n    store: str\n    number: int\n\n    def go(self):\n        far(self.store)\n",
        low="from pkg.lower import see\n\ndef look(store):\n    see(store.name)\n\ndef far(store):\n    see(store)\n",
        lower="def see(name):\n    pass\n",
    )
    assert walked(package).stays == ["verb", "work", "low"]


def test_what_is_below_all_is_no_stay(tmp_path: Path) -> None:
    package = made(
        tmp_path,
        work="from pkg.storage.place import spell\n\ndef work(name):\n    spell(name)\n",
        storage__place="def spell(name):\n    pass\n",
    )
    assert walked(package).stays == ["verb", "work"]


@pytest.mark.parametrize("verb", VERBS)
def test_the_verbs_are_found(verb: str) -> None:
    walk = walk_of(Package(Path(canvasback.__file__).parent), verb)
    assert walk.stays[0].startswith(f"verbs.{verb}")
    assert len(walk.stays) > 2


def test_a_line_for_each_verb_and_whether_one_is_above_the_bounds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    package = made(tmp_path, work="def work(name):\n    pass\n")
    monkeypatch.setattr("tools.walks.VERBS", ("verb",))
    assert main(package) == 0
    assert capsys.readouterr().out == "verb      2 stays   0 returns\n"
    monkeypatch.setattr("tools.walks.STAYS", 1)
    assert main(package) == 1
    with pytest.raises(LookupError):
        walk_of(package, "another")
