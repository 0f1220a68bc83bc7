"""The first page: what is served here, and where, in Arabic or English.

Where there is access control it is that for who is signed in, and a form to sign in for who is not.
"""

from collections.abc import Iterable, Iterator, Mapping
from html import escape
from importlib.metadata import version
from typing import Any
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from mishkah.core.errors import AuthExpired, AuthRequired, Refused, Text
from mishkah.core.ids import StoreId
from mishkah.core.reach import ANY, HOUSE
from mishkah.rest.problems import problem
from mishkah.rights import Rights
from mishkah.site import forms, preferences
from mishkah.site.cookies import keep_in
from mishkah.site.files import Files
from mishkah.site.packaged import Packaged
from mishkah.site.premises import Premises
from mishkah.site.visitors import METRICS, refuse, rights_of

_WORDS = {
    "title": Text("Mishkah is running", "مشكاة تعمل"),
    "in": Text("Sign in", "تسجيل الدخول"),
    "what": Text(
        "A real-time backend for shops, restaurants and gyms.",
        "خادم لحظي للمتاجر والمطاعم والصالات الرياضية.",
    ),
    "branches": Text("Branches", "الفروع"),
    "none": Text("No branch is listed.", "لا يوجد فرع مدرج."),
    "pattern": Text("Branches that match this open on first use:", "فروع تُفتح عند أول استخدام:"),
    "serving": Text("serving", "يعمل"),
    "opening": Text("opening", "يُفتح الآن"),
    "closed": Text("not open yet", "لم يُفتح بعد"),
    "failed": Text("failed, see the log", "متعطل، راجع السجل"),
    "more": Text("More", "المزيد"),
    "/docs": Text("the HTTP interface", "واجهة HTTP"),
    "/metrics": Text("what the server counts, for Prometheus", "أرقام الخادم بصيغة Prometheus"),
    "/healthz": Text("whether the server lives", "هل الخادم حي"),
    "/readyz": Text("whether its stores serve", "هل المخازن جاهزة"),
    "own": Text(
        "Put your own page here: static/index.html in the data folder.",
        "ضع صفحتك هنا: static/index.html في مجلد البيانات.",
    ),
}
_LINKS = ("/docs", "/metrics", "/healthz", "/readyz")
_OTHER = {"en": ("ar", "العربية"), "ar": ("en", "English")}


def routes(house: Premises, files: Files, packaged: Packaged) -> list[Route]:
    """Return ``/``: the shop's own `static/index.html` where there is one, else this page.

    ``/sign-in`` is this page in any case.
    """

    async def first(request: Request) -> Response:
        return await files.find(request) or await page(request)

    async def page(request: Request) -> Response:
        try:
            rights = rights_of(house, request)
        except (AuthRequired, AuthExpired):
            rights = house.rights()
        except Refused as refusal:
            return refuse(house, request, problem(refusal))
        response = _page(house, packaged, request, rights)
        await keep_in(house, request, response)
        return response

    return [Route("/", first), Route("/sign-in", page)]


def language_of(request: Request) -> str:
    """Return "ar" or "en": what ``?lang=`` says, or else the browser's first choice of the two."""
    asked = request.query_params.get("lang")
    if asked in _OTHER:
        return asked
    return preferences.language(request.headers.get("accept-language", ""))


def _page(house: Premises, packaged: Packaged, request: Request, rights: Rights) -> Response:
    language = language_of(request)
    words = {key: getattr(text, language) for key, text in _WORDS.items()}
    who, closed = rights.who, house.identity is not None
    stranger = closed and who.session is None
    stores = [store for store in _stores(house) if rights.may_enter(store)]
    title = words["in" if stranger else "title"]
    body = [
        f"<header>\n<h1>{title}</h1>",
        _other_language(request, language),
        f'</header>\n<main>\n<p class="soft">{words["what"]}</p>',
    ]
    if closed:
        body += forms.sign_in(language) if stranger else forms.signed_in(who, language)
        body.append(f'<script type="module" src="{packaged.url("signing.mjs")}"></script>')
    if stores or not stranger:
        body.append(f"<h2>{words['branches']}</h2>")
        body += _branches(house, rights, stores, words, _base(request), language)
    if not stranger:
        paths = [path for path in _LINKS if path != "/metrics" or rights.may_enter(METRICS)]
        body += _links(paths, words)
    body.append("</main>")
    if not stranger:
        made = f"<bdi>mishkah-trio {_version()}</bdi>"
        body.append(f'<footer class="soft">{words["own"]} {made}</footer>')
    html = _HTML.format(
        language=language,
        direction="rtl" if language == "ar" else "ltr",
        title=title,
        icon=packaged.url("icon.svg"),
        style=packaged.url("landing.css"),
        body="\n".join(body),
    )
    return HTMLResponse(
        html,
        headers={
            "cache-control": "no-store",
            "vary": "Accept-Language",
            "content-language": language,
        },
    )


_HTML = """<!doctype html>
<html lang="{language}" dir="{direction}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="{icon}">
<link rel="stylesheet" href="{style}">
</head>
<body>
{body}
</body>
</html>
"""


def _other_language(request: Request, language: str) -> str:
    other, name = _OTHER[language]
    asked = {"lang": other, **{k: v for k, v in request.query_params.items() if k == "next"}}
    return f'<a href="?{escape(urlencode(asked))}" hreflang="{other}" lang="{other}">{name}</a>'


def _base(request: Request) -> str:
    """Return the URL of sockets, without its query."""
    scheme = "wss" if request.url.scheme == "https" else "ws"
    return f"{scheme}://{request.headers.get('host', request.url.netloc)}/"


def _links(paths: Iterable[str], words: Mapping[str, str]) -> Iterator[str]:
    yield f'<h2>{words["more"]}</h2>\n<ul class="links">'
    for path in paths:
        yield f'<li><a href="{path}"><bdi>{path}</bdi></a> <span>{words[path]}</span></li>'
    yield "</ul>"


def _stores(house: Premises) -> Iterator[StoreId]:
    """Yield the stores of the listed branches, then the open ones of others; none of the house."""
    for store in dict.fromkeys([*house.catalog.listed, *house.keepers]):
        if store.branch != HOUSE:
            yield store


def _branches(
    house: Premises,
    rights: Rights,
    stores: Iterable[StoreId],
    words: Mapping[str, str],
    base: str,
    language: str,
) -> Iterator[str]:
    branches: dict[str, list[StoreId]] = {}
    for store in stores:
        branches.setdefault(store.branch, []).append(store)
    if not branches:
        yield f"<p>{words['none']}</p>"
    for branch, stores in branches.items():
        listed = house.catalog.branches.branches.get(branch)
        label = _label(listed.label if listed else "", language)
        yield f'<section class="branch">\n<h3><bdi>{escape(label or branch)}</bdi></h3>\n<ul>'
        for store in stores:
            keeper = house.keepers.get(store)
            status = keeper.status if keeper else "closed"
            url = base + f"?branch={quote(branch, safe='')}&module={quote(store.module, safe='')}"
            yield (
                f'<li><div><bdi class="id">{escape(str(store))}</bdi> '
                f'<span class="{status}">{words[status]}</span></div>'
                f"<code>{escape(url)}</code></li>"
            )
        yield "</ul>\n</section>"
    for pattern in house.catalog.branches.patterns:
        if not any(rights.may_enter(StoreId(ANY, module)) for module in pattern.modules):
            continue
        match = f'<bdi class="id">{escape(pattern.match)}</bdi>'
        yield f'<p class="soft">{words["pattern"]} {match}</p>'


def _label(label: Any, language: str) -> str:
    """Return what a branch is called: its label is a text, or one for each language."""
    if isinstance(label, Mapping):
        label = label.get(language) or next(iter(label.values()), "")
    return label if isinstance(label, str) else ""


def _version() -> str:
    return version("mishkah-trio")
