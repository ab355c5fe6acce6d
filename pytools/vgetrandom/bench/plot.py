"""Latency by size for every contender, and how many times as fast as the system call that is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import VgetrandomError
from .model import CONTROL, SHIM, SYSCALL, VDSO, Participant, Run, Series
from .statistics import ratio, summarise
from .text import size_text, time_text

SUFFIXES = (".svg", ".png")
_STRONG = {SHIM: "#d62728", VDSO: "#111111", SYSCALL: "#1f77b4"}  # who the plot is about
_OTHERS = (  # one a family: a libc keeps its colour, dashed, with the library
    "#17becf", "#9467bd", "#2ca02c", "#bcbd22", "#8c564b", "#e377c2", "#7f7f7f", "#ff7f0e", "#003f5c", "#b8860b",
)  # fmt: skip
_MARKERS = "osD^v<>PX*hdp"


def check(path: Path) -> None:
    """Raises VgetrandomError when `path` can't become a plot: before a run of minutes, not after it."""
    if path.suffix not in SUFFIXES:
        raise VgetrandomError(f"{path} can't be plotted; the name must end in {' or '.join(SUFFIXES)}")
    if not path.absolute().parent.is_dir():
        raise VgetrandomError(f"{path.parent} is not a folder; --plot writes into one that is there")
    _pyplot()


def plot(run: Run, path: Path) -> None:
    """Write the plot of the run's latencies to `path`, SVG or PNG by its suffix.

    Raises VgetrandomError without matplotlib, without latencies, or when the file can't be written.
    """
    pyplot = _pyplot()
    lines = [(who, _points(run, who)) for who in run.present() if who.key != CONTROL]
    lines = [(who, points) for who, points in lines if len(points) > 1]
    if not lines:
        raise VgetrandomError("this run has no latencies to plot; measure latency")
    figure, (times, ratios) = pyplot.subplots(1, 2, figsize=(15, 7), layout="constrained")
    families = list(dict.fromkeys(_family(who) for who, _ in lines if _family(who) not in _STRONG))
    for number, (who, points) in enumerate(lines):
        style = _style(who, number, families)
        times.plot(
            [series.parameter for series in points], [summarise(series.samples).median for series in points], **style
        )
        against = [(series.parameter, found) for series in points if (found := ratio(run, series, SYSCALL))]
        if against:
            ratios.plot([size for size, _ in against], [1 / found.median for _, found in against], **style)
    sizes = sorted({series.parameter for _, points in lines for series in points})
    _axis(times, "Time of one draw", lambda value, _: time_text(value), sizes)
    _axis(ratios, "Times as fast as the system call", lambda value, _: f"{value:g}x", sizes)
    handles, labels = times.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right upper", frameon=False, fontsize=10)
    machine = run.machine
    figure.suptitle(
        f"Random bytes: {machine.get('cpu', '')}, Linux {machine.get('kernel', '')}, {machine.get('date', '')}"
    )
    try:
        figure.savefig(path, dpi=110, metadata={"Date": None} if path.suffix == ".svg" else None)
    except OSError as error:
        raise VgetrandomError(f"{path} can't be written: {error.strerror}") from error
    pyplot.close(figure)


def _pyplot() -> Any:
    try:
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot
    except ImportError:
        raise VgetrandomError("plots need matplotlib; install it with: pip install 'vgetrandom[plot]'") from None
    pyplot.rcParams["svg.hashsalt"] = "vgetrandom"  # the same run gives the same file
    return pyplot


def _locator() -> Any:
    from matplotlib.ticker import LogLocator

    return LogLocator(subs=(1, 2, 5), numticks=20)


def _points(run: Run, who: Participant) -> list[Series]:
    return sorted(run.select("latency", who.key, who.main), key=lambda series: series.parameter)


def _family(who: Participant) -> str:
    return SHIM if _other_setting(who) else who.key.removesuffix(f"+{SHIM}")


def _other_setting(who: Participant) -> bool:
    """Whether it is the library as VGETRANDOM can have it: in the library's colour, dotted and thin."""
    return who.key.startswith(f"{SHIM}-")


def _style(who: Participant, number: int, families: list[str]) -> dict[str, Any]:
    strong = who.key in _STRONG
    family = _family(who)
    colour = _STRONG[family] if family in _STRONG else _OTHERS[families.index(family) % len(_OTHERS)]
    return {
        "label": who.label,
        "color": colour,
        "marker": _MARKERS[number % len(_MARKERS)],
        "linewidth": 5 if strong else 1.3,
        "markersize": 9 if strong else 4,
        "alpha": 0.55 if strong else 1,
        "linestyle": ":" if _other_setting(who) else "--" if who.key.endswith(f"+{SHIM}") else "-",
        "zorder": 2 if strong else 3,  # thin lines on wide ones: neither hides the other
    }


def _axis(axis: Any, title: str, text: Any, sizes: list[int]) -> None:
    axis.set_xscale("log", base=2)
    axis.set_yscale("log")
    axis.set_xticks(sizes, [size_text(size) for size in sizes], rotation=45, ha="right")
    axis.minorticks_off()
    axis.yaxis.set_major_locator(_locator())
    axis.yaxis.set_major_formatter(text)
    axis.set_xlabel("size of the draw")
    axis.set_title(title)
    axis.grid(True, color="#dddddd", linewidth=0.6)
