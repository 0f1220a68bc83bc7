"""The first page: what is served here, and where; in Arabic or English, without a script."""

from collections.abc import Iterator, Mapping
from html import escape
from importlib.metadata import version
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from mishkah.core.errors import Text
from mishkah.core.ids import StoreId
from mishkah.site import preferences
from mishkah.site.files import Files
from mishkah.site.packaged import Packaged
from mishkah.site.premises import Premises

_WORDS = {
    "title": Text("Mishkah is running", "مشكاة تعمل"),
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
    """Return ``/``: the shop's own `static/index.html` where there is one, else this page."""

    async def first(request: Request) -> Response:
        return await files.find(request) or _page(house, packaged, request)

    return [Route("/", first)]


def language_of(request: Request) -> str:
    """Return "ar" or "en": what ``?lang=`` says, or else the browser's first choice of the two."""
    asked = request.query_params.get("lang")
    if asked in _OTHER:
        return asked
    return preferences.language(request.headers.get("accept-language", ""))


def _page(house: Premises, packaged: Packaged, request: Request) -> Response:
    language = language_of(request)
    words = {key: getattr(text, language) for key, text in _WORDS.items()}
    scheme = "wss" if request.url.scheme == "https" else "ws"
    base = f"{scheme}://{request.headers.get('host', request.url.netloc)}/"
    other, name = _OTHER[language]
    body = "\n".join(
        [
            "<header>",
            f"<h1>{words['title']}</h1>",
            f'<a href="/?lang={other}" hreflang="{other}" lang="{other}">{name}</a>',
            "</header>",
            f'<main>\n<p class="soft">{words["what"]}</p>',
            f"<h2>{words['branches']}</h2>",
            *_branches(house, words, base, language),
            f"<h2>{words['more']}</h2>",
            '<ul class="links">',
            *(
                f'<li><a href="{path}"><bdi>{path}</bdi></a> <span>{words[path]}</span></li>'
                for path in _LINKS
            ),
            "</ul>\n</main>",
            f'<footer class="soft">{words["own"]} <bdi>mishkah-trio {_version()}</bdi></footer>',
        ]
    )
    html = _HTML.format(
        language=language,
        direction="rtl" if language == "ar" else "ltr",
        title=words["title"],
        icon=packaged.url("icon.svg"),
        style=packaged.url("landing.css"),
        body=body,
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


def _branches(house: Premises, words: Mapping[str, str], base: str, language: str) -> Iterator[str]:
    branches: dict[str, list[StoreId]] = {}
    for store in dict.fromkeys([*house.catalog.listed, *house.keepers]):
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
        match = f'<bdi class="id">{escape(pattern.match)}</bdi>'
        yield f'<p class="soft">{words["pattern"]} {match}</p>'


def _label(label: Any, language: str) -> str:
    """Return what a branch is called: its label is a text, or one for each language."""
    if isinstance(label, Mapping):
        label = label.get(language) or next(iter(label.values()), "")
    return label if isinstance(label, str) else ""


def _version() -> str:
    return version("mishkah-trio")
