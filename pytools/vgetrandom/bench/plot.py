"""Latency by size for every contender, how many times as fast as the system call that is, first and slowest draws."""

from __future__ import annotations

from collections.abc import Sequence
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
_DRAWS = {"1st": "first", "2nd": "second", "3rd": "third"}
_CHILDS_DRAWS = {"1st": "first", "2nd": "second"}


def check(path: Path) -> None:
    """Raises VgetrandomError when `path` can't become a plot: before a run of minutes, not after it."""
    if path.suffix not in SUFFIXES:
        raise VgetrandomError(f"{path} can't be plotted; the name must end in {' or '.join(SUFFIXES)}")
    if not path.absolute().parent.is_dir():
        raise VgetrandomError(f"{path.parent} is not a folder; --plot writes into one that is there")
    _pyplot()


def plot(run: Run, path: Path) -> None:
    """Write the plot of the run's latencies, first draws and slowest draws to `path`, SVG or PNG by its suffix.

    Raises VgetrandomError without matplotlib, without any of these, or when the file can't be written.
    """
    pyplot = _pyplot()
    panels = [panel for panel in (_draw_times, _draw_ratios, _draw_lives, _draw_tails) if panel(run, None)]
    if not panels:
        raise VgetrandomError("this run has nothing to plot; measure latency, first or tail")
    rows = (len(panels) + 1) // 2
    figure, axes = pyplot.subplots(
        rows, min(2, len(panels)), figsize=(15, 7 * rows), layout="constrained", squeeze=False
    )
    for unused in axes.flat[len(panels) :]:
        unused.set_axis_off()
    labelled: dict[str, Any] = {}
    for panel, axis in zip(panels, axes.flat):
        panel(run, axis)
        handles, labels = axis.get_legend_handles_labels()
        labelled = {**dict(zip(labels, handles)), **labelled}
    figure.legend(labelled.values(), labelled.keys(), loc="outside right upper", frameon=False, fontsize=10)
    machine = run.machine
    figure.suptitle(
        f"Random bytes: {machine.get('cpu', '')}, Linux {machine.get('kernel', '')}, {machine.get('date', '')}"
    )
    try:
        figure.savefig(path, dpi=110, metadata={"Date": None} if path.suffix == ".svg" else None)
    except OSError as error:
        raise VgetrandomError(f"{path} can't be written: {error.strerror}") from error
    pyplot.close(figure)


# Each draws its part of the run on an axis, and returns whether there is anything to draw; without an axis it only does
# the latter.


def _draw_times(run: Run, axis: Any) -> bool:
    lines = [(who, _points(run, who)) for who in _who(run)]
    lines = [(who, points) for who, points in lines if len(points) > 1]
    if axis is not None:
        for who, points in lines:
            sizes = [series.parameter for series in points]
            axis.plot(sizes, [summarise(series.samples).median for series in points], **_style(run, who))
        _axis(axis, "Time of one draw", lambda value, _: time_text(value), _sizes(lines))
    return bool(lines)


def _draw_ratios(run: Run, axis: Any) -> bool:
    lines = [(who, _points(run, who)) for who in _who(run)]
    lines = [(who, points) for who, points in lines if len(points) > 1]
    against = {
        who.key: [(one.parameter, found) for one in points if (found := ratio(run, one, SYSCALL))]
        for who, points in lines
    }
    if axis is not None:
        for who, _ in lines:
            if against[who.key]:
                pairs = against[who.key]
                axis.plot([size for size, _ in pairs], [1 / found.median for _, found in pairs], **_style(run, who))
        _axis(axis, "Times as fast as the system call", lambda value, _: f"{value:g}x", _sizes(lines))
    return any(against.values())


def _draw_lives(run: Run, axis: Any) -> bool:
    """A column for each stage of a life; contenders stand side by side in it."""
    stages = [stage for stage in _stages(run) if any(True for _ in run.select(stage[1], "", "", stage[2]))]
    if axis is not None:
        everybody = _who(run)
        for number, who in enumerate(everybody):
            found = [run.find(measure, who.key, "", parameter) for _, measure, parameter in stages]
            aside = 0.7 * (number / max(1, len(everybody) - 1) - 0.5)
            points = [(place + aside, summarise(one.samples).median) for place, one in enumerate(found) if one]
            if points:
                style = {**_style(run, who), "linestyle": "", "markersize": 6}
                axis.plot([place for place, _ in points], [value for _, value in points], **style)
        axis.set_yscale("log")
        axis.set_xticks(range(len(stages)), [name for name, _, _ in stages], rotation=45, ha="right")
        _values(axis, "First draws, by who draws", lambda value, _: time_text(value))
        axis.grid(False, axis="x")
        for place in range(1, len(stages)):
            axis.axvline(place - 0.5, color="#dddddd", linewidth=0.6)
    return bool(stages)


def _stages(run: Run) -> list[tuple[str, str, int]]:
    """Name, measure and parameter, in the order of a life."""
    crowds = sorted({series.parameter for series in run.select("crowd-first-draw")})
    forks = sorted({series.parameter for series in run.select("fork-first-draw")})
    return [
        ("program, 1st", "program-first-draw", -1),
        ("program, 2nd", "program-second-draw", -1),
        *((f"thread, {which}", f"thread-{word}-draw", -1) for which, word in _DRAWS.items()),
        *(
            (f"of {n:,} threads, {which}", f"crowd-{word}-draw", n)
            for n in crowds[-1:]
            for which, word in _DRAWS.items()
        ),
        *((f"child of {n:,}, {which}", f"fork-{word}-draw", n) for n in forks for which, word in _CHILDS_DRAWS.items()),
    ]


def _draw_tails(run: Run, axis: Any) -> bool:
    """The draw of a thousand that takes longer, by the number of threads."""
    counts = sorted({series.parameter for series in run.select("tail-99.9")})
    if axis is not None:
        for who in _who(run):
            found = [run.find("tail-99.9", who.key, "", count) for count in counts]
            points = [(one.parameter, summarise(one.samples).median) for one in found if one]
            if points:
                axis.plot([count for count, _ in points], [value for _, value in points], **_style(run, who))
        axis.set_xscale("log")
        axis.set_yscale("log")
        axis.set_xticks(counts, [f"{count:,}" for count in counts])
        axis.minorticks_off()
        axis.set_xlabel("threads alive")
        _values(axis, "One draw of a thousand takes longer", lambda value, _: time_text(value))
    return bool(counts)


def _who(run: Run) -> list[Participant]:
    return [who for who in run.present() if who.key != CONTROL]


def _sizes(lines: Sequence[tuple[Participant, Sequence[Series]]]) -> list[int]:
    return sorted({series.parameter for _, points in lines for series in points})


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


def _style(run: Run, who: Participant) -> dict[str, Any]:
    everybody = _who(run)
    families = list(dict.fromkeys(_family(one) for one in everybody if _family(one) not in _STRONG))
    strong = who.key in _STRONG
    family = _family(who)
    colour = _STRONG[family] if family in _STRONG else _OTHERS[families.index(family) % len(_OTHERS)]
    return {
        "label": who.label,
        "color": colour,
        "marker": _MARKERS[everybody.index(who) % len(_MARKERS)],
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
    axis.set_xlabel("size of the draw")
    _values(axis, title, text)


def _values(axis: Any, title: str, text: Any) -> None:
    axis.yaxis.set_major_locator(_locator())
    axis.yaxis.set_major_formatter(text)
    axis.set_title(title)
    axis.grid(True, color="#dddddd", linewidth=0.6)
