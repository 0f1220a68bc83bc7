"""What the house has counted, as Prometheus reads it; it is put together when it is asked for.

Nothing of prometheus_client is on the way of a command: the house counts in its tallies.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import trio
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mishkah.core.errors import Refused
from mishkah.core.ids import StoreId
from mishkah.rest.problems import problem
from mishkah.site.premises import Premises
from mishkah.site.visitors import check_counts, refuse
from mishkah.tally import Histogram, Tally

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_STORE = ("branch", "module")
STATUSES = ("opening", "serving", "failed")


class HouseCollector(Collector):
    """The metrics of one house. *sizes* are the bytes of its stores' files."""

    def __init__(self, house: Premises) -> None:
        self._house = house
        self.sizes: Mapping[StoreId, int] = {}

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterator[Metric]:
        yield from self._of_clients()
        yield from self._of_stores()

    def _of_clients(self) -> Iterator[Metric]:
        tally, outboxes = self._house.tally, list(self._house.outboxes)
        waiting = [outbox.size for outbox in outboxes]
        yield _gauge("mishkah_sessions", "WebSockets that are open", len(outboxes))
        yield _counter("mishkah_sessions_opened", "WebSockets since the start", tally.sessions)
        yield _gauge("mishkah_outbox_bytes", "Bytes that wait for all clients", sum(waiting))
        yield _gauge(
            "mishkah_outbox_max_bytes", "Bytes that wait for one of them", max(waiting, default=0)
        )
        refused = CounterMetricFamily(
            "mishkah_refusals", "Commands refused, on sockets and by HTTP", labels=["code"]
        )
        for code, count in sorted(tally.refused.items()):
            refused.add_metric([code], count)
        yield refused
        limited = CounterMetricFamily(
            "mishkah_limited", "How often a limit had to act", labels=["limit"]
        )
        for limit, count in sorted(tally.limited.items()):
            limited.add_metric([limit], count)
        yield limited
        yield _histogram("mishkah_loop_lag_seconds", "How late the event loop wakes up", tally.lag)
        requests = CounterMetricFamily(
            "mishkah_http_requests", "HTTP responses", labels=["method", "route", "status"]
        )
        for (method, route, status), count in sorted(tally.answered.items()):
            requests.add_metric([method, route, str(status)], count)
        yield requests

    def _of_stores(self) -> Iterator[Metric]:
        keepers = self._house.keepers.items()
        stores = [(store, keeper.store, keeper.tally) for store, keeper in keepers]
        yield _each(
            GaugeMetricFamily("mishkah_store_rows", "Rows in memory", labels=_STORE),
            {store: served.rows for store, served, _ in stores if served},
        )
        yield _each(
            GaugeMetricFamily("mishkah_store_file_bytes", "Bytes of the file", labels=_STORE),
            self.sizes,
        )
        yield _each(
            GaugeMetricFamily("mishkah_subscriptions", "Views shown as of now", labels=_STORE),
            {store: served.subscriptions for store, served, _ in stores if served},
        )
        for name, text, counts in (
            ("acks", "ACKs", {store: tally.acks for store, _, tally in stores}),
            ("deltas", "DELTAs, once for each client", {s: t.deltas for s, _, t in stores}),
            ("store_restarts", "Openings after a failure", {s: t.restarts for s, _, t in stores}),
        ):
            yield _each(CounterMetricFamily(f"mishkah_{name}", text, labels=_STORE), counts)
        status = GaugeMetricFamily(
            "mishkah_store_status", "1 for the status it has", labels=[*_STORE, "status"]
        )
        batches = HistogramMetricFamily(
            "mishkah_batch_commits", "Commits that shared a transaction", labels=_STORE
        )
        appends = HistogramMetricFamily(
            "mishkah_commit_seconds", "Time until a batch was durable", labels=_STORE
        )
        for store, keeper in keepers:
            for known in STATUSES:
                status.add_metric([*_labels(store), known], float(keeper.status == known))
            _add(batches, _labels(store), keeper.tally.batches)
            _add(appends, _labels(store), keeper.tally.appends)
        yield from (status, batches, appends)


def _labels(store: StoreId) -> list[str]:
    return [store.branch, store.module]


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)


def _counter(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(name, text, value=value)


def _each(
    family: GaugeMetricFamily | CounterMetricFamily, values: Mapping[StoreId, float]
) -> Metric:
    for store, value in values.items():
        family.add_metric(_labels(store), value)
    return family


def _histogram(name: str, text: str, values: Histogram) -> Metric:
    family = HistogramMetricFamily(name, text, labels=())
    _add(family, (), values)
    return family


def _add(family: HistogramMetricFamily, labels: Iterable[str], values: Histogram) -> None:
    total, buckets = 0, []
    for bound, count in zip([*map(str, values.bounds), "+Inf"], values.counts, strict=True):
        total += count
        buckets.append((bound, float(total)))
    family.add_metric(list(labels), buckets, values.sum)


def routes(house: Premises) -> list[Route]:
    """Return ``/metrics``, with a registry of its own."""
    registry = CollectorRegistry()
    collector = HouseCollector(house)
    registry.register(collector)
    ProcessCollector(registry=registry)

    async def metrics(request: Request) -> Response:
        try:
            check_counts(house, request)
        except Refused as refusal:
            return refuse(house, request, problem(refusal))
        paths = {store: house.catalog.store_path(store) for store in house.keepers}
        collector.sizes = await trio.to_thread.run_sync(_sizes, paths)
        encode, kind = choose_encoder(request.headers.get("accept", ""))
        return Response(
            encode(registry), headers={"content-type": kind, "cache-control": "no-store"}
        )

    return [Route("/metrics", metrics)]


def _sizes(paths: Mapping[StoreId, Path]) -> dict[StoreId, int]:
    """Return the bytes of each store's file and of its write-ahead log. Blocks."""
    found = {}
    for store, path in paths.items():
        files = [path, path.with_name(f"{path.name}-wal")]
        try:
            found[store] = sum(os.stat(file).st_size for file in files if file.exists())
        except OSError:  # it is not there, or there no more
            continue
    return found


class Counting:
    """An ASGI application that counts the responses of *app*.

    Labels are bounded: routes are the templates that *app* knows, other methods are one.
    """

    def __init__(self, app: ASGIApp, tally: Tally) -> None:
        self._app = app
        self._answered = tally.answered

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                method = scope["method"] if scope["method"] in _METHODS else "other"
                self._answered[method, _route(scope), message["status"]] += 1
            await send(message)

        await self._app(scope, receive, counted)


def _route(scope: Scope) -> str:
    route = scope.get("route")
    if route is None:
        return "files"
    above = "" if isinstance(route, Mount) else scope.get("root_path", "")
    return f"{above}{route.path}"  # below a mount that leads nowhere, the mount itself
