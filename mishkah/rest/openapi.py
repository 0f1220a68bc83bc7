"""OpenAPI 3.1 of one module of one branch, worked out from its schema and its sequences."""

from collections.abc import Mapping, Sequence
from importlib.metadata import version

from mishkah.core.commands import MAX_NUMBERS, MAX_OPS
from mishkah.core.query import DEFAULT_LIMIT, MAX_LIMIT
from mishkah.core.schema import Table
from mishkah.core.seeding import Recipe
from mishkah.core.totals import FUNCTIONS
from mishkah.core.values import MAX_INTEGER
from mishkah.rest.changes import DEFAULT_COMMITS, MAX_COMMITS
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

SEQ: Shape = {"type": "integer", "minimum": 0, "description": "The number of a commit."}
TEXT: Shape = {"type": "string"}


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
        paths: Shape = {"/branches": {"get": _get("branches", "The branches", {"type": "object"})}}
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
            "components": {
                "schemas": shapes,
                "responses": {"Problem": _PROBLEM_RESPONSE},
                "parameters": _PARAMETERS,
            },
        }

    def _of_module(self) -> Shape:
        tables = list(self._schema.tables)
        return {
            self._at: {"get": _get("info", "The module, its epoch and seq", {"type": "object"})},
            f"{self._at}/schema": {"get": _get("schema", "Every rule", {"type": "object"})},
            f"{self._at}/snapshot": {
                "get": _get(
                    "snapshot",
                    "All rows at one commit",
                    _SNAPSHOT,
                    [_names("tables", tables, "Some tables only.")],
                    known=True,
                )
            },
            f"{self._at}/changes": {"get": _changes()},
            f"{self._at}/aggregate": {"get": _aggregate(tables)},
            f"{self._at}/sequences": {
                "get": _get("sequences", "Rules and next numbers", {"type": "object"})
            },
            f"{self._at}/transactions": {"post": _transaction(tables)},
        }

    def _of_table(self, table: Table) -> Shape:
        name = table.name
        row = _ref(name)
        rows = {"type": "array", "items": {"type": "object"}}
        page = _with(rows=rows, seq=SEQ, next={"type": ["string", "null"]})
        done = _with(seq=SEQ, row={"anyOf": [row, {"type": "null"}]}, optional=_DUP)
        patch = _with(optional={"changes": _ref(f"{name}.changes"), "add": _ref(f"{name}.add")})
        tagged = [_param("If-Match"), _param("Idempotency-Key")]
        sortable = [n for n, field in table.fields.items() if field.type != "json"]
        ways = [way for name in sortable for way in (name, f"-{name}")]
        of_page = [
            _param("where"),
            _names("order", ways, "Fields; -field goes down."),
            _param("limit"),
            _param("cursor"),
            _names("fields", list(table.fields), "What of each row is wanted."),
        ]
        return {
            f"{self._at}/tables/{name}": {
                "get": _get(f"list.{name}", f"Rows of {name}", page, of_page, known=True),
                "post": _write(
                    f"insert.{name}", f"Insert into {name}", _ref(f"{name}.insert"), done, 201
                ),
            },
            f"{self._at}/tables/{name}/{{id}}": {
                "parameters": [_param("id")],
                "get": _get(f"get.{name}", f"One row of {name}", row, known=True),
                "patch": _write(f"update.{name}", f"Change {name}", patch, done, 200, tagged),
                "delete": _write(
                    f"delete.{name}",
                    f"Delete from {name}",
                    None,
                    _with(seq=SEQ, optional=_DUP),
                    200,
                    tagged,
                ),
            },
        }

    def _of_sequence(self, table: str, field: str) -> Shape:
        many = {"type": "integer", "minimum": 1, "maximum": MAX_NUMBERS, "default": 1}
        numbers = _with(seq=SEQ, numbers={"type": "array", "items": TEXT}, optional=_DUP)
        take = _write(
            f"next.{table}.{field}",
            f"Take numbers of {table}.{field}",
            _with(optional={"count": many}),
            numbers,
            200,
            optional=True,
        )
        return {f"{self._at}/sequences/{table}/{field}": {"post": take}}

    def _numbered(self, table: Table) -> set[str]:
        return {one.field for one in self._sequences.get(table.name, ())}


def _get(
    name: str, summary: str, shape: Shape, params: Sequence[Shape] = (), *, known: bool = False
) -> Shape:
    said: Shape = {
        "operationId": name,
        "summary": summary,
        "parameters": [*params, *([_param("If-None-Match")] if known else [])],
        "responses": {"200": _json_response(shape), **_PROBLEMS},
    }
    if known:
        said["responses"]["304"] = {"description": "What the client has is what there is."}
    return said


def _write(
    name: str,
    summary: str,
    body: Shape | None,
    answer: Shape,
    status: int,
    params: Sequence[Shape] | None = None,
    *,
    optional: bool = False,
) -> Shape:
    said: Shape = {
        "operationId": name,
        "summary": summary,
        "parameters": [_param("Idempotency-Key")] if params is None else [*params],
        "responses": {str(status): _json_response(answer), **_PROBLEMS},
    }
    if body is not None:
        content = {"application/json": {"schema": body}}
        said["requestBody"] = {"required": not optional, "content": content}
    return said


def _changes() -> Shape:
    limit = {"type": "integer", "minimum": 1, "maximum": MAX_COMMITS, "default": DEFAULT_COMMITS}
    page = _with(
        epoch=TEXT,
        seq=SEQ,
        commits={"type": "array", "items": _ref("Commit")},
        next={"type": ["integer", "null"]},
    )
    said = _get(
        "changes",
        "The commits after a cursor; a stream for Accept: text/event-stream",
        page,
        [
            _query("since", {"type": "integer", "minimum": 0, "maximum": MAX_INTEGER}, "After it."),
            _query("epoch", TEXT, "The history that since is of."),
            _query("limit", limit, "Commits in one page."),
        ],
    )
    said["responses"]["200"]["content"]["text/event-stream"] = {"schema": TEXT}
    return said


def _aggregate(tables: Sequence[str]) -> Shape:
    values = {
        "type": "object",
        "minProperties": 1,
        "additionalProperties": {"type": "array", "items": TEXT, "minItems": 1, "maxItems": 2},
        "description": f'{{"name": ["count"] or [function, field]}}; {", ".join(FUNCTIONS)}.',
    }
    table = {"type": "string", "enum": tables}
    rows = _with(rows={"type": "array", "items": {"type": "object"}}, seq=SEQ)
    params = [
        {**_query("table", table, "The table."), "required": True},
        {**_query("values", values, "What to work out.", as_json=True), "required": True},
        _list("by", TEXT, "Fields that make groups."),
        _param("where"),
    ]
    return _get("aggregate", "Counts, sums, averages and ends", rows, params, known=True)


def _transaction(tables: Sequence[str]) -> Shape:
    table = {"type": "string", "enum": list(tables)}
    thing = {"type": "object"}
    kinds = {
        "INSERT": _with(table=table, data=thing),
        "UPDATE": _with(table=table, id=TEXT, optional={"changes": thing, "add": thing}),
        "DELETE": _with(table=table, id=TEXT),
    }
    ops = [_with_kind(kind, shape) for kind, shape in kinds.items()]
    many = {"type": "array", "items": {"oneOf": ops}, "minItems": 1, "maxItems": MAX_OPS}
    body = _with(
        ops=many,
        optional={"base": {"type": ["integer", "null"]}, "epoch": {"type": ["string", "null"]}},
    )
    rows = {"type": "array", "items": {"type": ["object", "null"]}}
    answer = _with(seq=SEQ, rows=rows, optional=_DUP)
    return _write("transaction", "All of it, in one commit, or nothing", body, answer, 200)


def _with_kind(kind: str, shape: Shape) -> Shape:
    return {
        **shape,
        "properties": {"type": {"const": kind}, **shape["properties"]},
        "required": ["type", *shape["required"]],
    }


def _with(optional: Mapping[str, Shape] | None = None, **required: Shape) -> Shape:
    """Return an object that has these members and no others."""
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
        "additionalProperties": False,
    }


def _ref(name: str, kind: str = "schemas") -> Shape:
    return {"$ref": f"#/components/{kind}/{name}"}


def _param(name: str) -> Shape:
    return _ref(name, "parameters")


def _query(name: str, shape: Shape, description: str, *, as_json: bool = False) -> Shape:
    said: Shape = {"name": name, "in": "query", "description": description}
    if as_json:
        return {**said, "content": {"application/json": {"schema": shape}}}
    return {**said, "schema": shape}


def _names(name: str, known: Sequence[str], description: str) -> Shape:
    return _list(name, {"type": "string", "enum": list(known)}, description)


def _list(name: str, item: Shape, description: str) -> Shape:
    """Return a parameter that is a list with commas."""
    shape = {"type": "array", "items": item, "minItems": 1, "maxItems": 100, "uniqueItems": True}
    return {**_query(name, shape, description), "style": "form", "explode": False}


def _header(name: str, shape: Shape, description: str) -> Shape:
    return {"name": name, "in": "header", "description": description, "schema": shape}


def _json_response(shape: Shape) -> Shape:
    return {"description": "Done.", "content": {"application/json": {"schema": shape}}}


_DUP: Mapping[str, Shape] = {
    "dup": {"const": True, "description": "It was done before, under the same Idempotency-Key."}
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
        "errors": {"type": "array", "items": _with(path=TEXT, rule=TEXT, message=TEXT)},
        "more": {"type": "integer", "description": "So many errors are not shown."},
        "current": {"type": ["object", "null"], "description": "The row, in a CONFLICT."},
    },
}
_PROBLEM_RESPONSE = {
    "description": "Refused; nothing of it was done (RFC 9457).",
    "content": {"application/problem+json": {"schema": _ref("Problem")}},
}
_PROBLEMS = {
    status: _ref("Problem", "responses")
    for status in ("400", "404", "409", "412", "413", "415", "422", "500", "503", "507")
}
_FILTER = {
    "description": '["field", "operator", value], {"and": [...]}, {"or": [...]} or {"not": ...}',
    "anyOf": [
        {"type": "array", "prefixItems": [TEXT, TEXT, {}], "minItems": 3, "maxItems": 3},
        {"type": "object", "minProperties": 1, "maxProperties": 1},
    ],
    "examples": [["status", "in", ["open"]]],
}
_COMMIT = _with(
    seq=SEQ,
    timestamp={"type": "string", "format": "date-time"},
    by={"type": "object"},
    changes={
        "type": "array",
        "items": _with(
            table=TEXT,
            operation={"enum": ["INSERT", "UPDATE", "DELETE"]},
            id=TEXT,
            changes={"type": "object"},
        ),
    },
)
_SNAPSHOT = _with(
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
    "where": _query("where", _ref("Filter"), "Which rows.", as_json=True),
    "limit": _query("limit", _LIMIT, "Rows in one page."),
    "cursor": _query("cursor", TEXT, "The next of the page before."),
    "If-Match": _header("If-Match", TEXT, "The ETag of the row that the user saw."),
    "If-None-Match": _header("If-None-Match", TEXT, "The ETag of what the client has."),
    "Idempotency-Key": _header("Idempotency-Key", _NAME, "The write's name, for ever."),
}
