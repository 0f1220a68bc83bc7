"""The page on REST: its transcripts, played again, and its lists, held against the code."""

import re
from typing import Any

import httpx
import pytest
from support.http_blocks import compared, play, read_exchange, written
from support.identity import TILL, CountingHasher, Place
from support.sample import sample_plugins
from support.server import SAMPLE

from mishkah.identity.deeds import DEEDS
from mishkah.identity.register import OPERATOR
from mishkah.identity.tables import IDENTITY
from mishkah.rest.problems import STATUS
from mishkah.rest.routes import ADDRESSES, HOUSE, MODULE
from mishkah.site.assembly import make_site
from mishkah.testing import NOON, open_test_house

EPOCH = "memory"


@pytest.fixture
def page(document_of: Any) -> Any:
    return document_of("docs/rest.md")


async def test_the_transcripts_play_as_they_are_written(page: Any) -> None:
    blocks = [block for block in page.code("http") if not is_signing(block)]
    assert len(blocks) > 15
    async with open_test_house(SAMPLE, plugins=sample_plugins()) as house:
        site: Any = make_site(house.house)
        transport = httpx.ASGITransport(site)
        async with httpx.AsyncClient(transport=transport, base_url=URL, headers=PLAIN) as client:
            for block in blocks:
                asked = read_exchange(block)
                answer = written(await play(client, asked, EPOCH), EPOCH)
                assert compared(answer) == compared(asked.answer), block


async def test_the_transcripts_of_signing_in_play_as_they_are_written(page: Any) -> None:
    """The page's code and tokens stand for those of this house."""
    blocks = [block for block in page.code("http") if is_signing(block)]
    assert len(blocks) == 5
    opened = open_test_house(SAMPLE, plugins=sample_plugins(), hasher=CountingHasher())
    async with opened as house:
        assert house.house.identity is not None
        await house.house.keepers[IDENTITY].settled.wait()
        place = Place(house.house.identity, CountingHasher())
        await place.furnish()
        devices = place.identity.devices
        code = await devices.create_code(OPERATOR, "till-1", NOON, scopes=TILL)
        site: Any = make_site(house.house)
        transport, token = httpx.ASGITransport(site), ""
        async with httpx.AsyncClient(transport=transport, base_url=URL, headers=PLAIN) as client:
            for block in blocks:
                asked = read_exchange(TOKEN.sub(token, block.replace("7KQM-X2PD", code), 1))
                response = await play(client, asked, EPOCH)
                assert compared(written(response, EPOCH)) == compared(asked.answer), block
                token = response.json().get("token", token)


TOKEN = re.compile(r"(?<=Bearer )mk_\w+")


def is_signing(block: str) -> bool:
    return "/auth/" in block.partition("\n")[0]


URL = "http://localhost/api/v1"
PLAIN = {"Accept-Encoding": "identity"}


def test_every_address_method_and_parameter_is_documented(page: Any) -> None:
    for path, methods in (ADDRESSES | HOUSE).items():
        for method, (_, names) in methods.items():
            shown = path.replace(MODULE, "{m}").replace(":any", "")
            (line,) = re.findall(rf"^\| `{method} {re.escape(shown)}` \|(.*?)\|", page.text, re.M)
            assert re.findall(r"`(\w+)`", line) == list(names)


def test_every_deed_is_documented_with_its_members(page: Any) -> None:
    told = page.text.partition("## People, devices and programs\n")[2].partition("\n## ")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*)\|$", told, re.MULTILINE))
    members = {deed: re.findall(r"`(\w+)`", row) for deed, row in rows.items()}
    assert members == {deed: list(kind.__struct_fields__) for deed, kind in DEEDS.items()}


def test_every_status_is_documented_with_its_codes(page: Any) -> None:
    rows = dict(re.findall(r"^\| (\d{3}) \| (.*) \|$", page.text, re.MULTILINE))
    unused = {"UNKNOWN_ACTION", "UNSUPPORTED_VERSION"}  # there is nothing to be so
    for code, status in STATUS.items():
        assert code in unused or code in rows[str(status)], code
