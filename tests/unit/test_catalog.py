"""What is served: the branch's file before the package's, and everything that is wrong, named."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mishkah.catalog import Catalog
from mishkah.checking import check
from mishkah.core.ids import StoreId
from mishkah.core.seeding import Seeded
from mishkah.core.sequences import Rule, Template
from mishkah.identity.tables import IDENTITY
from mishkah.jsonfile import BadFile
from mishkah.plugins import Plugins
from mishkah.testing import NOON, write_installation, write_json

KEY = {"type": "text", "primaryKey": True}
TABLES = {"t": {"fields": {"id": KEY, "code": {"type": "text"}, "n": {"type": "integer"}}}}
SHOP = StoreId("shop", "m")

Install = Callable[..., Path]


@pytest.fixture
def install(tmp_path: Path) -> Install:
    """Return `write_installation` for a fresh folder."""

    def write(tables: Any = TABLES, **more: Any) -> Path:
        return write_installation(tmp_path / "data", tables, **more)

    return write


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """The module ``m`` as a plugin's package brings it: a table ``p`` with one row."""
    folder = tmp_path / "package"
    for part in ("schema", "seeds"):
        (folder / part).mkdir(parents=True)
    write_json(folder / "schema" / "definition.json", {"tables": {"p": {"fields": {"id": KEY}}}})
    write_json(folder / "seeds" / "initial.json", {"tables": {"p": [{"id": "from package"}]}})
    return folder


def complaints(data: Path, plugins: Plugins | None = None) -> list[tuple[str, str]]:
    """Return (file, place) of everything that `check` finds in *data*."""
    try:
        return [(f.file, f.path) for f in check(Catalog(data, plugins or Plugins()))]
    except BadFile as bad:
        return [(f.file, f.path) for f in bad.findings]


MODULE = "branches/shop/modules/m"


def test_a_sound_installation_has_nothing_to_complain_about(install: Install) -> None:
    data = install(seeds={"t": [{"id": "a"}]}, rules={"t": {"code": {"format": "{number}"}}})
    assert complaints(data) == []
    assert Catalog(data, Plugins()).listed == [SHOP]


def test_branches_are_needed_and_the_other_two_files_are_not(install: Install) -> None:
    data = install()
    (data / "sequence-rules.json").unlink()
    assert complaints(data) == []
    (data / "branches.config.json").unlink()
    assert complaints(data) == [("branches.config.json", "$")]


@pytest.mark.parametrize(
    "name", ["branches.config.json", "modules.json", "sequence-rules.json",
             f"{MODULE}/schema/definition.json", f"{MODULE}/seeds/initial.json",
             f"{MODULE}/live/data.json"],
)  # fmt: skip
@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b'{"a": 1,\n]', "line 2, column 1"),
        (b'{"x": 1, "x": 2}', "$"),
        (b"[]", "$"),
        (b"\xff", "byte 0"),
    ],
)
def test_a_broken_file_is_named_with_its_place(
    install: Install, name: str, content: bytes, place: str
) -> None:
    data = install(seeds={})
    (data / name).parent.mkdir(exist_ok=True)
    (data / name).write_bytes(content)
    assert complaints(data) == [(name, place)]


@pytest.mark.parametrize(
    ("rules", "place"),
    [
        ({"x": {"code": {}}}, "x.code"),
        ({"t": {"cod": {}}}, "t.cod"),
        ({"t": {"n": {}}}, "t.n"),
        ({"t": {"code": {"format": "{numer}"}}}, "t.code"),
        ({"t": {"code": {"format": "no.plugin"}}}, "t.code"),
        ({"t": {"code": {"reset": "day"}}}, "t.code"),
    ],
)
def test_a_rule_that_fits_no_field_is_named(install: Install, rules: Any, place: str) -> None:
    assert complaints(install(rules=rules)) == [("sequence-rules.json", f"$.defaults.m.{place}")]


def test_a_version_that_is_not_known_is_named(install: Install) -> None:
    data = install()
    write_json(
        data / "branches.config.json", {"version": 2, "branches": {"shop": {"modules": ["m"]}}}
    )
    write_json(data / "modules.json", {"version": 0, "modules": {}})
    write_json(data / "sequence-rules.json", {"version": 3})
    files = ["branches.config.json", "modules.json", "sequence-rules.json"]
    assert complaints(data) == [(file, "$.version") for file in files]


def test_a_branchs_own_rule_is_named_as_its_own(install: Install) -> None:
    data = install()
    own = {"t": {"code": {"format": "x"}}}
    write_json(data / "sequence-rules.json", {"branches": {"shop": {"m": own}}})
    assert complaints(data) == [("sequence-rules.json", "$.branches.shop.m.t.code")]


def test_rules_of_a_branch_or_module_that_is_not_there_are_named(install: Install) -> None:
    data = install()
    rule = {"t": {"code": {}}}
    lost = {"branches": {"shpo": {"m": rule}, "shop": {"n": rule}}}
    write_json(data / "sequence-rules.json", lost)
    assert complaints(data) == [
        ("sequence-rules.json", "$.branches.shpo"),
        ("sequence-rules.json", "$.branches.shop.n"),
    ]


def test_every_wrong_seed_and_event_is_named(install: Install) -> None:
    data = install(seeds={"t": [{"id": "a"}, {"id": "a", "n": "x"}, {}], "u": [{"id": "a"}]})
    assert complaints(data) == [
        (f"{MODULE}/seeds/initial.json", place)
        for place in ("$.tables.t[1].n", "$.tables.t[1].id", "$.tables.t[2].id",
                      "$.tables.u[0].table")
    ]  # fmt: skip
    write_json(data / MODULE / "seeds" / "initial.json", {"tables": {"t": [{"id": "a"}]}})
    (data / MODULE / "live").mkdir()
    events = [
        {"type": "UPDATE", "table": "t", "data": {"id": "a", "n": 2}},
        {"type": "UPDATE", "table": "t", "data": {"n": 2}},
        {"type": "UPSERT", "table": "t", "data": {"id": "a"}},
        {"type": "DELETE", "table": "no", "data": {"id": "a"}},
        {"type": "DELETE", "table": "t", "data": {"id": "b"}},
    ]
    write_json(data / MODULE / "live" / "data.json", {"events": events})
    assert complaints(data) == [
        (f"{MODULE}/live/data.json", place)
        for place in ("$.events[1]", "$.events[2]", "$.events[3]", "$.events[4].data.id")
    ]


def test_modules_json_may_name_only_tables_of_the_schema(install: Install) -> None:
    data = install()
    write_json(data / "modules.json", {"modules": {"m": {"tables": ["t", "x"]}}})
    assert complaints(data) == [("modules.json", "$.modules.m.tables")]


def test_a_validator_for_a_table_that_is_not_there_is_named(install: Install) -> None:
    plugins = Plugins(validators={"m": {"tt": ()}})
    assert complaints(install(), plugins) == [("plugin for m", "tt")]


def test_a_module_without_a_schema_is_named(install: Install) -> None:
    data = install()
    (data / MODULE / "schema" / "definition.json").unlink()
    assert complaints(data) == [(f"{MODULE}/schema/definition.json", "$")]


def filled(catalog: Catalog, store: StoreId) -> Any:
    recipe = catalog.recipe(store)
    seeded = Seeded(recipe.rules, NOON)
    recipe.fill(seeded)
    assert seeded.findings == []
    return {name: list(rows.records) for name, rows in seeded.state.tables.items()}


def test_a_packages_files_serve_where_the_branch_has_none(install: Install, package: Path) -> None:
    data = install()
    (data / MODULE / "schema" / "definition.json").unlink()
    catalog = Catalog(data, Plugins(modules={"m": package}))
    assert filled(catalog, SHOP) == {"p": ["from package"]}


def test_a_branchs_own_file_wins_over_the_packages(install: Install, package: Path) -> None:
    tables = {"p": {"fields": {"id": KEY, "mine": {"type": "text"}}}}
    catalog = Catalog(install(tables), Plugins(modules={"m": package}))
    assert "mine" in catalog.recipe(SHOP).rules.schema.tables["p"].fields
    assert filled(catalog, SHOP) == {"p": ["from package"]}
    seeds = {"p": [{"id": "own"}]}
    own = Catalog(install_again(catalog.data, seeds), Plugins(modules={"m": package}))
    assert filled(own, SHOP) == {"p": ["own"]}


def install_again(data: Path, seeds: Any) -> Path:
    (data / MODULE / "seeds").mkdir()
    write_json(data / MODULE / "seeds" / "initial.json", {"tables": seeds})
    return data


def test_what_a_rule_numbers_is_unique_though_the_schema_is_silent(install: Install) -> None:
    data = install(rules={"t": {"code": {}, "id": {"prefix": "T"}}})
    rules = Catalog(data, Plugins()).recipe(SHOP).rules
    assert [index.fields for index in rules.schema.tables["t"].unique] == [("code",)]
    assert {s.field: s.strict for s in rules.sequences["t"]} == {"code": True, "id": False}


def test_a_rule_may_name_a_plugins_format(install: Install) -> None:
    def make(rule: Rule, branch: str) -> Template:
        return Template("{branch}/{number}", "", branch)

    data = install(rules={"t": {"code": {"format": "x.slash"}}})
    rules = Catalog(data, Plugins(formats={"x.slash": make})).recipe(SHOP).rules
    assert rules.sequences["t"][0].form.format(5, "") == "shop/5"


def test_a_client_finds_its_store_by_branch_and_module(install: Install) -> None:
    listed = {"shop": {"modules": ["m", "n"]}, "annex": {}}
    config = {
        "branches": listed, "defaults": ["n"], "defaultBranch": "annex",
        "patterns": [{"match": "^gym:", "modules": ["g"]}],
    }  # fmt: skip
    catalog = Catalog(install(branches=config), Plugins())
    asked = [
        ("shop", "n"), ("shop", None), (None, None), (None, "n"), (None, "m"), ("gym:7", "g"),
        ("gym:7", None), ("gym:../x", "g"), ("gym:7", "m"), ("", None), ("shop", ""), ("nope", "m"),
        ("SHOP", "m"), ("shop/../annex", "n"),
    ]  # fmt: skip
    found = [catalog.resolve(*names) for names in asked]
    assert [tuple(store) if store else None for store in found] == [
        ("shop", "n"), ("shop", "m"), ("annex", "n"), ("annex", "n"), None, ("gym:7", "g"),
        ("gym:7", "g"), None, None, None, None, None, None, None,
    ]  # fmt: skip


def test_a_store_lies_in_its_own_folder_with_a_safe_name(install: Install) -> None:
    catalog = Catalog(install(), Plugins())
    path = catalog.store_path(StoreId("gym:7", "m"))
    assert path == catalog.data / "branches/gym%3A7/modules/m/live/store.sqlite3"
    (catalog.data / "branches" / "gym%3A7").mkdir()
    (catalog.data / "branches" / "Not an id").mkdir()
    assert catalog.made_by_patterns() == {"gym:7"}


def test_no_client_and_no_configuration_can_name_the_identity_store(install: Install) -> None:
    everything = [{"match": "", "modules": ["identity"]}]
    catalog = Catalog(install(branches={"patterns": everything}), Plugins())
    assert catalog.resolve("house", "identity") is not None
    assert catalog.resolve(*IDENTITY) is None
    assert catalog.kept(*IDENTITY) == IDENTITY
    listed = {"branches": {"_house": {"modules": ["identity"]}}}
    write_json(catalog.data / "branches.config.json", listed)
    with pytest.raises(BadFile):
        Catalog(catalog.data, Plugins())


def test_the_identity_store_has_a_folder_of_its_own_and_is_there_when_its_file_is(
    install: Install,
) -> None:
    catalog = Catalog(install(), Plugins())
    path = catalog.store_path(IDENTITY)
    assert path == catalog.data / "identity/store.sqlite3"
    assert catalog.history(IDENTITY) == catalog.data / "identity/history"
    assert IDENTITY not in catalog.on_disk()
    path.parent.mkdir()
    path.touch()
    assert catalog.on_disk() == [IDENTITY]
    assert catalog.recipe(IDENTITY).rules.schema.has_secrets


def test_what_can_not_be_reached_of_access_control_leaves_the_house_closed(tmp_path: Path) -> None:
    (tmp_path / "branches.config.json").write_text('{"branches": {}}')
    catalog = Catalog(tmp_path, Plugins())
    assert not catalog.closed
    (tmp_path / "identity").symlink_to(tmp_path / "a disk that is not there")
    assert catalog.closed
    (tmp_path / "identity").unlink()
    (tmp_path / "identity").mkdir()
    assert catalog.closed
