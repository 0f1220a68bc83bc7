"""What the API tells of itself: shapes that rows fit, addresses that are there, a page offline."""

import json
import re
from typing import Any

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator
from support.sample import sample_plugins
from support.server import SAMPLE

from mishkah.catalog import Catalog
from mishkah.cli import main
from mishkah.rest.openapi import describe_api
from mishkah.rest.routes import ADDRESSES

STORES = [str(store) for store in Catalog(SAMPLE, sample_plugins()).listed]


def described(store: str) -> Any:
    branch, module = store.split("/")
    said = CliRunner().invoke(
        main, ["openapi", "--data", str(SAMPLE), "--branch", branch, "--module", module]
    )
    assert said.exit_code == 0, said.output
    return json.loads(said.stdout)


@pytest.mark.parametrize("store", STORES)
def test_every_shape_is_one_and_every_reference_leads_to_one(store: str) -> None:
    told = described(store)
    assert told["openapi"] == "3.1.0"
    for shape in told["components"]["schemas"].values():
        Draft202012Validator.check_schema(shape)
    for kind, name in re.findall(r'"#/components/(\w+)/([^"]+)"', json.dumps(told)):
        assert name in told["components"][kind]
    assert told["security"] == [{}, {"token": []}], "a token, where there is access control"
    assert told["components"]["securitySchemes"].keys() == {"token"}
    names = [about["operationId"] for path in told["paths"].values() for about in path.values()
             if isinstance(about, dict)]  # fmt: skip
    assert len(names) == len(set(names)) > 10


@pytest.mark.parametrize("store", STORES)
async def test_the_rows_of_the_sample_fit_their_shapes(store: str, sample: Any) -> None:
    branch, module = store.split("/")
    address = f"/api/v1/branches/{branch}/modules/{module}"
    told = (await sample.get(f"{address}/openapi.json")).json()
    data = (await sample.get(f"{address}/snapshot")).json()["data"]
    assert sum(map(len, data.values())) > 0
    for table, rows in data.items():
        fits = Draft202012Validator(told["components"]["schemas"][table])
        for row in rows:
            fits.validate(row)


def test_every_address_is_described_and_no_other() -> None:
    recipe = Catalog(SAMPLE, sample_plugins())
    store = recipe.listed[0]
    told = describe_api(recipe.recipe(store))
    tables = "|".join(recipe.recipe(store).rules.schema.tables)
    found = set()
    for path, methods in told["paths"].items():
        plain = path.replace(f"/branches/{store.branch}/modules/{store.module}", "{m}")
        plain = re.sub(rf"/tables/({tables})(?=/|$)", "/tables/{t}", plain)
        plain = re.sub(r"/sequences/\w+/\w+$", "/sequences/{t}/{f}", plain)
        found |= {(plain, m.upper()) for m in methods if m != "parameters"}
    known = {
        (path.replace("/branches/{b}/modules/{m}", "{m}").replace(":any", ""), method)
        for path, methods in ADDRESSES.items()
        for method in methods
        if "openapi" not in path
    }
    assert found == known


@pytest.mark.parametrize(
    ("language", "way", "word"), [("ar", "rtl", "مطلوب"), ("en", "ltr", "requ")]
)
async def test_the_page_shows_a_module_without_a_script_or_a_strangers_file(
    sample: Any, language: str, way: str, word: str
) -> None:
    asked = {"branch": "gim", "module": "gym", "lang": language}
    page = await sample.get("/docs", params=asked)
    assert page.headers["content-type"].startswith("text/html")
    assert f'<html lang="{language}" dir="{way}">' in page.text
    for part in (word, "gym_member", "تاريخ الميلاد", "Date of birth", "CONFLICT", "curl"):
        assert part in page.text
    assert "<script" not in page.text
    assert " style=" not in page.text
    for place in re.findall(r'(?:href|src)="([^"]+)"', page.text):
        assert place[0] in "/#", place
    for anchor in re.findall(r'href="#([^"]+)"', page.text):
        assert f'id="{anchor}"' in page.text
    assert (await sample.get("/docs/style.css")).headers["content-type"].startswith("text/css")


async def test_the_first_page_leads_to_every_module(sample: Any) -> None:
    page = await sample.get("/docs", headers={"Accept-Language": "ar"})
    assert 'dir="rtl"' in page.text
    links = re.findall(r'href="(/docs\?[^"]+)"', page.text)
    assert len(links) == len(STORES)
    for link in links:
        assert (await sample.get(link.replace("&amp;", "&"))).status_code == 200
    assert (await sample.get("/docs?branch=nowhere")).json()["code"] == "UNKNOWN_MODULE"
    assert (await sample.get("/docs?x=1")).status_code == 400


def test_the_command_says_what_is_not_there() -> None:
    for wrong in (["--branch", "x"], ["--module", "x"], ["--branch", "dar", "--module", "gym"]):
        said = CliRunner().invoke(main, ["openapi", "--data", str(SAMPLE), *wrong])
        assert said.exit_code == 1
        assert "There is no such module" in said.stderr
    gym = CliRunner().invoke(main, ["openapi", "--data", str(SAMPLE), "--module", "gym"])
    assert json.loads(gym.stdout)["info"]["title"] == "gim / gym"
