"""OpenAPI 3.1 of one module of one branch, worked out from its schema and its sequences."""

from collections.abc import Sequence
from importlib.metadata import version

from mishkah.core.commands import MAX_NUMBERS, MAX_OPS
from mishkah.core.query import DEFAULT_LIMIT, MAX_LIMIT
from mishkah.core.schema import Table
from mishkah.core.seeding import Recipe
from mishkah.core.totals import FUNCTIONS
from mishkah.core.values import MAX_INTEGER
from mishkah.rest.blocks import (
    DUP,
    SEQ,
    TEXT,
    comma_list,
    get,
    header,
    members,
    names_of,
    param,
    query,
    ref,
    write,
)
from mishkah.rest.changes import DEFAULT_COMMITS, MAX_COMMITS
from mishkah.rest.history import DEFAULT_ENTRIES, MAX_ENTRIES
from mishkah.rest.problems import STATUS
from mishkah.rest.requests import MAX_KEY_NAME
from mishkah.rest.shapes import (
    KEY,
    Shape,
    add_shape,
    changes_shape,
    example,
    insert_shape,
    row_shape,
)

_TOKEN = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "Where there is access control; see POST /auth/login, or the command "
        "mishkah-trio token create.",
    }
}


def describe_api(recipe: Recipe) -> Shape:
    """Return the description of the addresses of one store, those of each table by name."""
    return _Description(recipe).whole()


class _Description:
    def __init__(self, recipe: Recipe) -> None:
        self._store = recipe.id
        self._schema = recipe.rules.schema
        self._sequences = recipe.rules.sequences
        self._at = f"/branches/{recipe.id.branch}/modules/{recipe.id.module}"

    def whole(self) -> Shape:
        tables = self._schema.tables.values()
        paths: Shape = {"/branches": {"get": get("branches", "The branches", {"type": "object"})}}
        paths |= self._of_module()
        for table in tables:
            paths |= self._of_table(table)
        for one in (one for some in self._sequences.values() for one in some):
            paths |= self._of_sequence(one.table, one.field)
        shapes = {"Problem": _PROBLEM, "Filter": _FILTER, "Commit": _COMMIT}
        for table in tables:
            numbered = self._numbered(table)
            shapes[f"{table.name}"] = row_shape(table)
            shapes[f"{table.name}.insert"] = {
                **insert_shape(table, numbered),
                "examples": [example(table, numbered)],
            }
            shapes[f"{table.name}.changes"] = changes_shape(table)
            shapes[f"{table.name}.add"] = add_shape(table)
        return {
            "openapi": "3.1.0",
            "info": {
                "title": f"{self._store.branch} / {self._store.module}",
                "version": version("mishkah-trio"),
                "description": "Rows of one module of one branch. Writes have the rules and the "
                "commits of the WebSocket protocol.",
            },
            "servers": [{"url": "/api/v1"}],
            "paths": paths,
            "security": [{}, {"token": []}],
            "components": {
                "schemas": shapes,
                "responses": {"Problem": _PROBLEM_RESPONSE},
                "parameters": _PARAMETERS,
                "securitySchemes": _TOKEN,
            },
        }

    def _of_module(self) -> Shape:
        tables = list(self._schema.tables)
        return {
            self._at: {"get": get("info", "The module, its epoch and seq", {"type": "object"})},
            f"{self._at}/schema": {"get": get("schema", "Every rule", {"type": "object"})},
            f"{self._at}/snapshot": {
                "get": get(
                    "snapshot",
                    "All rows at one commit",
                    _SNAPSHOT,
                    [names_of("tables", tables, "Some tables only.")],
                    known=True,
                )
            },
            f"{self._at}/changes": {"get": _changes()},
            f"{self._at}/history": {"get": _history(tables)},
            f"{self._at}/aggregate": {"get": _aggregate(tables)},
            f"{self._at}/sequences": {
                "get": get("sequences", "Rules and next numbers", {"type": "object"})
            },
            f"{self._at}/transactions": {"post": _transaction(tables)},
        }

    def _of_table(self, table: Table) -> Shape:
        name = table.name
        row = ref(name)
        rows = {"type": "array", "items": {"type": "object"}}
        page = members(rows=rows, seq=SEQ, next={"type": ["string", "null"]})
        done = members(seq=SEQ, row={"anyOf": [row, {"type": "null"}]}, optional=DUP)
        patch = members(optional={"changes": ref(f"{name}.changes"), "add": ref(f"{name}.add")})
        tagged = [param("If-Match"), param("Idempotency-Key")]
        sortable = [n for n, field in table.fields.items() if field.type != "json"]
        ways = [way for name in sortable for way in (name, f"-{name}")]
        of_page = [
            param("where"),
            names_of("order", ways, "Fields; -field goes down."),
            param("limit"),
            param("cursor"),
            names_of("fields", list(table.fields), "What of each row is wanted."),
        ]
        return {
            f"{self._at}/tables/{name}": {
                "get": get(f"list.{name}", f"Rows of {name}", page, of_page, known=True),
                "post": write(
                    f"insert.{name}", f"Insert into {name}", ref(f"{name}.insert"), done, 201
                ),
            },
            f"{self._at}/tables/{name}/{{id}}": {
                "parameters": [param("id")],
                "get": get(f"get.{name}", f"One row of {name}", row, known=True),
                "patch": write(f"update.{name}", f"Change {name}", patch, done, 200, tagged),
                "delete": write(
                    f"delete.{name}",
                    f"Delete from {name}",
                    None,
                    members(seq=SEQ, optional=DUP),
                    200,
                    tagged,
                ),
            },
        }

    def _of_sequence(self, table: str, field: str) -> Shape:
        many = {"type": "integer", "minimum": 1, "maximum": MAX_NUMBERS, "default": 1}
        numbers = members(seq=SEQ, numbers={"type": "array", "items": TEXT}, optional=DUP)
        take = write(
            f"next.{table}.{field}",
            f"Take numbers of {table}.{field}",
            members(optional={"count": many}),
            numbers,
            200,
            optional=True,
        )
        return {f"{self._at}/sequences/{table}/{field}": {"post": take}}

    def _numbered(self, table: Table) -> set[str]:
        return {one.field for one in self._sequences.get(table.name, ())}


def _changes() -> Shape:
    limit = {"type": "integer", "minimum": 1, "maximum": MAX_COMMITS, "default": DEFAULT_COMMITS}
    page = members(
        epoch=TEXT,
        seq=SEQ,
        commits={"type": "array", "items": ref("Commit")},
        next={"type": ["integer", "null"]},
    )
    said = get(
        "changes",
        "The commits after a cursor; a stream for Accept: text/event-stream",
        page,
        [
            query("since", {"type": "integer", "minimum": 0, "maximum": MAX_INTEGER}, "After it."),
            query("epoch", TEXT, "The history that since is of."),
            query("limit", limit, "Commits in one page."),
        ],
    )
    said["responses"]["200"]["content"]["text/event-stream"] = {"schema": TEXT}
    return said


def _history(tables: Sequence[str]) -> Shape:
    limit = {"type": "integer", "minimum": 1, "maximum": MAX_ENTRIES, "default": DEFAULT_ENTRIES}
    page = members(
        changes={"type": "array", "items": {"type": "object"}}, next={"type": ["integer", "null"]}
    )
    return get(
        "history",
        "What was done to one row, the newest first",
        page,
        [
            {**query("table", {"enum": list(tables)}, "The row's table."), "required": True},
            {**query("id", TEXT, "The row's primary key."), "required": True},
            query(
                "before",
                {"type": "integer", "minimum": 0, "maximum": MAX_INTEGER},
                "Before this commit.",
            ),
            query("limit", limit, "Changes in one page, about."),
        ],
    )


def _aggregate(tables: Sequence[str]) -> Shape:
    values = {
        "type": "object",
        "minProperties": 1,
        "additionalProperties": {"type": "array", "items": TEXT, "minItems": 1, "maxItems": 2},
        "description": f'{{"name": ["count"] or [function, field]}}; {", ".join(FUNCTIONS)}.',
    }
    table = {"type": "string", "enum": tables}
    rows = members(rows={"type": "array", "items": {"type": "object"}}, seq=SEQ)
    params = [
        {**query("table", table, "The table."), "required": True},
        {**query("values", values, "What to work out.", as_json=True), "required": True},
        comma_list("by", TEXT, "Fields that make groups."),
        param("where"),
    ]
    return get("aggregate", "Counts, sums, averages and ends", rows, params, known=True)


def _transaction(tables: Sequence[str]) -> Shape:
    table = {"type": "string", "enum": list(tables)}
    thing = {"type": "object"}
    kinds = {
        "INSERT": members(table=table, data=thing),
        "UPDATE": members(table=table, id=TEXT, optional={"changes": thing, "add": thing}),
        "DELETE": members(table=table, id=TEXT),
    }
    ops = [_with_kind(kind, shape) for kind, shape in kinds.items()]
    many = {"type": "array", "items": {"oneOf": ops}, "minItems": 1, "maxItems": MAX_OPS}
    body = members(
        ops=many,
        optional={"base": {"type": ["integer", "null"]}, "epoch": {"type": ["string", "null"]}},
    )
    rows = {"type": "array", "items": {"type": ["object", "null"]}}
    answer = members(seq=SEQ, rows=rows, optional=DUP)
    return write("transaction", "All of it, in one commit, or nothing", body, answer, 200)


def _with_kind(kind: str, shape: Shape) -> Shape:
    return {
        **shape,
        "properties": {"type": {"const": kind}, **shape["properties"]},
        "required": ["type", *shape["required"]],
    }


_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "code", "errors"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": TEXT,
        "status": {"type": "integer"},
        "detail": TEXT,
        "code": {"enum": sorted(STATUS)},
        "errors": {"type": "array", "items": members(path=TEXT, rule=TEXT, message=TEXT)},
        "more": {"type": "integer", "description": "So many errors are not shown."},
        "current": {"type": ["object", "null"], "description": "The row, in a CONFLICT."},
    },
}
_PROBLEM_RESPONSE = {
    "description": "Refused; nothing of it was done (RFC 9457).",
    "content": {"application/problem+json": {"schema": ref("Problem")}},
}
_FILTER = {
    "description": '["field", "operator", value], {"and": [...]}, {"or": [...]} or {"not": ...}',
    "anyOf": [
        {"type": "array", "prefixItems": [TEXT, TEXT, {}], "minItems": 3, "maxItems": 3},
        {"type": "object", "minProperties": 1, "maxProperties": 1},
    ],
    "examples": [["status", "in", ["open"]]],
}
_COMMIT = members(
    seq=SEQ,
    timestamp={"type": "string", "format": "date-time"},
    by={"type": "object"},
    changes={
        "type": "array",
        "items": members(
            table=TEXT,
            operation={"enum": ["INSERT", "UPDATE", "DELETE"]},
            id=TEXT,
            changes={"type": "object"},
        ),
    },
)
_SNAPSHOT = members(
    type={"const": "SNAPSHOT"},
    branch=TEXT,
    module=TEXT,
    epoch=TEXT,
    seq=SEQ,
    data={
        "type": "object",
        "additionalProperties": {"type": "array", "items": {"type": "object"}},
    },
    optional={"view": TEXT},
)
_LIMIT = {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}
_NAME = {"type": "string", "minLength": 1, "maxLength": MAX_KEY_NAME, "pattern": "^[!-~]+$"}
_PARAMETERS = {
    "id": {
        "name": "id",
        "in": "path",
        "required": True,
        "description": "The row's primary key.",
        "schema": KEY,
    },
    "where": query("where", ref("Filter"), "Which rows.", as_json=True),
    "limit": query("limit", _LIMIT, "Rows in one page."),
    "cursor": query("cursor", TEXT, "The next of the page before."),
    "If-Match": header("If-Match", TEXT, "The ETag of the row that the user saw."),
    "If-None-Match": header("If-None-Match", TEXT, "The ETag of what the client has."),
    "Idempotency-Key": header("Idempotency-Key", _NAME, "The write's name, for ever."),
}
