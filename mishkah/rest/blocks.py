"""What descriptions of an API are built of (OpenAPI 3.1): requests, parameters, shapes."""

from collections.abc import Mapping, Sequence

from mishkah.rest.shapes import Shape

SEQ: Shape = {"type": "integer", "minimum": 0, "description": "The number of a commit."}
TEXT: Shape = {"type": "string"}


def get(
    name: str, summary: str, shape: Shape, params: Sequence[Shape] = (), *, known: bool = False
) -> Shape:
    """Return an operation that reads; what it answers is *known* by an ETag."""
    said: Shape = {
        "operationId": name,
        "summary": summary,
        "parameters": [*params, *([param("If-None-Match")] if known else [])],
        "responses": {"200": json_response(shape), **PROBLEMS},
    }
    if known:
        said["responses"]["304"] = {"description": "What the client has is what there is."}
    return said


def write(
    name: str,
    summary: str,
    body: Shape | None,
    answer: Shape,
    status: int,
    params: Sequence[Shape] | None = None,
    *,
    optional: bool = False,
) -> Shape:
    """Return an operation that writes *body* (None: has none) and is answered with *status*."""
    said: Shape = {
        "operationId": name,
        "summary": summary,
        "parameters": [param("Idempotency-Key")] if params is None else [*params],
        "responses": {str(status): json_response(answer), **PROBLEMS},
    }
    if body is not None:
        content = {"application/json": {"schema": body}}
        said["requestBody"] = {"required": not optional, "content": content}
    return said


def members(optional: Mapping[str, Shape] | None = None, **required: Shape) -> Shape:
    """Return an object that has these members and no others."""
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
        "additionalProperties": False,
    }


def ref(name: str, kind: str = "schemas") -> Shape:
    """Return what leads to a component."""
    return {"$ref": f"#/components/{kind}/{name}"}


def param(name: str) -> Shape:
    return ref(name, "parameters")


def query(name: str, shape: Shape, description: str, *, as_json: bool = False) -> Shape:
    said: Shape = {"name": name, "in": "query", "description": description}
    if as_json:
        return {**said, "content": {"application/json": {"schema": shape}}}
    return {**said, "schema": shape}


def names_of(name: str, known: Sequence[str], description: str) -> Shape:
    return comma_list(name, {"type": "string", "enum": list(known)}, description)


def comma_list(name: str, item: Shape, description: str) -> Shape:
    """Return a parameter that is a list with commas."""
    shape = {"type": "array", "items": item, "minItems": 1, "maxItems": 100, "uniqueItems": True}
    return {**query(name, shape, description), "style": "form", "explode": False}


def header(name: str, shape: Shape, description: str) -> Shape:
    return {"name": name, "in": "header", "description": description, "schema": shape}


def json_response(shape: Shape) -> Shape:
    return {"description": "Done.", "content": {"application/json": {"schema": shape}}}


DUP: Mapping[str, Shape] = {
    "dup": {"const": True, "description": "It was done before, under the same Idempotency-Key."}
}
PROBLEMS = {
    status: ref("Problem", "responses")
    for status in ("400", "404", "409", "412", "413", "415", "422", "500", "503", "507")
}
