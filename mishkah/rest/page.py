"""The description of a module for people: plain HTML, made here, without a script."""

import json
from collections.abc import Iterable
from html import escape
from typing import Any
from urllib.parse import quote, urlencode

from mishkah.core.ids import StoreId
from mishkah.core.seeding import Recipe
from mishkah.rest.openapi import describe_api
from mishkah.rest.problems import STATUS, TITLES
from mishkah.rest.shapes import Shape

STYLE = """
:root { color-scheme: light dark; }
body { font: 1rem/1.6 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid #8886; padding: .3rem .6rem; text-align: start; }
pre { background: #8882; padding: .8rem; overflow-x: auto; direction: ltr; text-align: left; }
code { direction: ltr; unicode-bidi: isolate; }
h3 code, td:last-child { overflow-wrap: anywhere; }
h2 { border-top: 2px solid #8886; margin-top: 3rem; padding-top: 1rem; }
nav { display: flex; flex-wrap: wrap; gap: .2rem 1rem; }
@media (max-width: 40rem) {
  tr, td { display: block; border: 0; }
  tr { border-bottom: 1px solid #8886; padding: .4rem 0; }
  td { padding: 0; overflow-wrap: anywhere; }
  th { display: none; }
}
"""

_WORDS = {
    "API": "واجهة البرمجة",
    "Modules": "المودولات",
    "Tables": "الجداول",
    "Field": "الحقل",
    "Label": "الاسم",
    "Type": "النوع",
    "Rules": "القواعد",
    "Addresses": "العناوين",
    "Example": "مثال",
    "Errors": "الأخطاء",
    "Code": "الرمز",
    "Status": "الحالة",
    "Meaning": "المعنى",
    "required": "مطلوب",
    "read only": "للقراءة فقط",
}
_RULES = ("enum", "minimum", "maximum", "maxLength", "pattern", "x-references")


class _Writer:
    """Writes in one language; field names and code stay as they are."""

    def __init__(self, *, arabic: bool) -> None:
        self.arabic = arabic

    def say(self, word: str) -> str:
        return _WORDS[word] if self.arabic else word

    def whole(self, title: str, body: Iterable[str]) -> str:
        language, way = ("ar", "rtl") if self.arabic else ("en", "ltr")
        return "\n".join(
            [
                "<!doctype html>",
                f'<html lang="{language}" dir="{way}">',
                f'<meta charset="utf-8"><title>{escape(title)}</title>',
                '<meta name="viewport" content="width=device-width">',
                '<link rel="stylesheet" href="/docs/style.css">',
                f"<h1>{escape(title)}</h1>",
                *body,
                self._errors(),
                "</html>",
            ]
        )

    def grid(self, heads: Iterable[str], lines: Iterable[Iterable[str]]) -> str:
        """Return a table; *lines* are HTML already."""
        top = "".join(f"<th>{self.say(head)}</th>" for head in heads)
        rows = ("".join(f"<td>{cell}</td>" for cell in line) for line in lines)
        return f"<table><tr>{top}</tr>" + "".join(f"<tr>{row}</tr>" for row in rows) + "</table>"

    def _errors(self) -> str:
        lines = [
            (
                f'<code id="{code}">{code}</code>',
                str(status),
                TITLES[code].ar if self.arabic else TITLES[code].en,
            )
            for code, status in STATUS.items()
            if code in TITLES
        ]
        heads = ("Code", "Status", "Meaning")
        return f'<h2 id="errors">{self.say("Errors")}</h2>' + self.grid(heads, lines)


def write_index(stores: Iterable[StoreId], *, arabic: bool) -> str:
    """Return the page that leads to the page of each of *stores*."""
    writer = _Writer(arabic=arabic)
    links = [
        f'<li><a href="/docs?{escape(urlencode({"branch": s.branch, "module": s.module}))}">'
        f"{escape(str(s))}</a></li>"
        for s in stores
    ]
    return writer.whole(
        writer.say("API"), [f"<h2>{writer.say('Modules')}</h2><ul>", *links, "</ul>"]
    )


def write_page(recipe: Recipe, *, arabic: bool) -> str:
    """Return the page of one module: its tables, and each address with an example."""
    writer, told = _Writer(arabic=arabic), describe_api(recipe)
    tables = list(recipe.rules.schema.tables)
    base = f"/api/v1/branches/{quote(recipe.id.branch)}/modules/{quote(recipe.id.module)}"
    links = [f'<a href="#{escape(name)}">{escape(name)}</a>' for name in tables]
    body = [
        f'<p><a href="{escape(base)}/openapi.json">OpenAPI 3.1</a></p>',
        f"<nav>{writer.say('Tables')}: {' '.join(links)}</nav>",
        *(_table(writer, told, name) for name in tables),
        f"<h2>{writer.say('Addresses')}</h2>",
        *_addresses(writer, told, (p for p in told["paths"] if "/tables/" not in p)),
    ]
    return writer.whole(told["info"]["title"], body)


def _table(writer: _Writer, told: Shape, name: str) -> str:
    shape = told["components"]["schemas"][name]
    needed = told["components"]["schemas"][f"{name}.insert"]["required"]
    lines = [
        (
            f"<code>{escape(field)}</code>",
            escape(" / ".join(dict.fromkeys(_labels(rules, arabic=writer.arabic)))),
            escape(_kind(rules)),
            " · ".join(f"<bdi>{escape(r)}</bdi>" for r in _rules(writer, field, rules, needed)),
        )
        for field, rules in shape["properties"].items()
    ]
    mine = (p for p in told["paths"] if p.removesuffix("/{id}").endswith(f"/tables/{name}"))
    return "\n".join(
        [
            f'<h2 id="{escape(name)}">{escape(name)}</h2>',
            writer.grid(("Field", "Label", "Type", "Rules"), lines),
            *_addresses(writer, told, mine),
        ]
    )


def _labels(rules: Shape, *, arabic: bool) -> list[str]:
    both = [str(rules[key]) for key in ("title", "x-title-ar") if key in rules]
    return both[::-1] if arabic else both


def _kind(rules: Shape) -> str:
    kind = rules.get("type", "json")
    kind = kind[0] if isinstance(kind, list) else kind
    return str(rules.get("format", kind))


def _rules(writer: _Writer, field: str, rules: Shape, needed: Iterable[str]) -> Iterable[str]:
    if field in needed:
        yield writer.say("required")
    if rules.get("readOnly"):
        yield writer.say("read only")
    for rule in _RULES:
        if rule in rules and abs(rules[rule] if rule[:4] in ("mini", "maxi") else 0) < 2**53:
            yield f"{rule.removeprefix('x-')}: {_said(rules[rule])}"


def _addresses(writer: _Writer, told: Shape, paths: Iterable[str]) -> Iterable[str]:
    for path in paths:
        for method, about in told["paths"][path].items():
            if method != "parameters":
                yield f"<h3><code>{method.upper()} {escape(path)}</code></h3>"
                yield f"<p>{escape(about['summary'])}</p>"
                yield f"<pre>{escape(_call(told, path, method))}</pre>"


def _call(told: Shape, path: str, method: str) -> str:
    """Return a request as curl makes it."""
    about = told["paths"][path][method]
    url = f"http://localhost:8080/api/v1{path}".replace("{id}", "ID")
    if method == "get":
        return f"curl '{url}{_QUERIES.get(about['operationId'].partition('.')[0], '')}'"
    lines = [f"curl -X {method.upper()} '{url}'", "  -H 'Idempotency-Key: 7d3f'"]
    if "requestBody" in about:
        shape = about["requestBody"]["content"]["application/json"]["schema"]
        name = shape.get("$ref", "").rpartition("/")[2]
        body = told["components"]["schemas"][name]["examples"][0] if name else _BODIES[
            about["operationId"].partition(".")[0]
        ]  # fmt: skip
        lines += ["  -H 'Content-Type: application/json'", f"  -d '{_said(body)}'"]
    return " \\\n".join(lines)


_QUERIES = {"list": "?limit=10", "changes": "?since=0", "aggregate": "?table=TABLE&values=..."}
_BODIES: dict[str, Any] = {
    "update": {"changes": {}},
    "transaction": {"ops": [{"type": "DELETE", "table": "TABLE", "id": "ID"}]},
    "next": {"count": 2},
}


def _said(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
