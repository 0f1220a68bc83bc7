"""Medians, spread and ratios of what was seen, as JSON and as tables of Markdown."""

from statistics import median
from typing import Any

from benchmarks.versus.measuring import Result
from benchmarks.versus.servers import LIMIT, OURS, PEER
from benchmarks.versus.workloads import Figure


def summary(result: Result) -> dict[str, Any]:
    """Return *result* as JSON: each figure's median, lowest and highest value, and its ratios.

    A ratio is that of two values of the same round, the median of the rounds. Beside others it is
    how many times better ours is; within a growth, how many times worse than its first entrant.
    """
    base = next(iter(result.seen))
    figures = []
    for figure in result.workload.figures:
        values = {label: [figure.of(seen) for seen in runs] for label, runs in result.seen.items()}
        against = {
            label: _ratio(values[base], those, figure, beside=base == OURS)
            for label, those in values.items()
            if label != base
        }
        figures.append(
            {
                "figure": figure.unit,
                "values": {label: _spread(those) for label, those in values.items()},
                "ratios": against,
            }
        )
    return {
        "workload": result.workload.name,
        "aim": result.workload.aim,
        "rounds": max(map(len, result.seen.values())),
        "figures": figures,
    }


def _spread(values: list[float]) -> dict[str, float]:
    return {
        "median": _short(median(values)),
        "lowest": _short(min(values)),
        "highest": _short(max(values)),
    }


def _ratio(base: list[float], others: list[float], figure: Figure, *, beside: bool) -> float | None:
    if not all(base) or not all(others):
        return None
    pairs = zip(base, others, strict=True)
    return _short(median(b / o if beside and figure.more else o / b for b, o in pairs))


def _short(value: float) -> float:
    """Return *value* with three digits that count, whole numbers whole."""
    return float(f"{value:.3g}") if abs(value) < 1000 else round(value)


def beside(told: list[dict[str, Any]]) -> str:
    """Return the table of ours beside the others; each value with its spread in brackets."""
    head = ["workload", "in", OURS, PEER, LIMIT, f"× {PEER}", f"× {LIMIT}", "to reach"]
    lines = []
    for one in told:
        for number, figure in enumerate(one["figures"]):
            ratios = figure["ratios"]
            lines.append(
                [
                    one["workload"] if not number else "",
                    figure["figure"],
                    *(_cell(figure["values"].get(label)) for label in (OURS, PEER, LIMIT)),
                    *(_number(ratios.get(label)) for label in (PEER, LIMIT)),
                    one["aim"] if not number else "",
                ]
            )
    return _table(head, lines)


def growth(told: list[dict[str, Any]]) -> str:
    """Return the table of how costs grow: each step with its value and its ratio to the first."""
    lines = []
    for one in told:
        (figure,) = one["figures"]
        steps = [
            f"{label}: {_cell(value)}" + (f" (× {_number(ratio)})" if ratio is not None else "")
            for label, value in figure["values"].items()
            for ratio in [figure["ratios"].get(label)]
        ]
        lines.append([one["workload"], figure["figure"], " · ".join(steps)])
    return _table(["what grows", "in", "cost"], lines)


def _cell(value: dict[str, float] | None) -> str:
    if value is None:
        return ""
    lowest, highest = _number(value["lowest"]), _number(value["highest"])
    spread = "" if lowest == highest else f" [{lowest}–{highest}]"
    return _number(value["median"]) + spread


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.10g}"


def _table(head: list[str], lines: list[list[str]]) -> str:
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in rows)
