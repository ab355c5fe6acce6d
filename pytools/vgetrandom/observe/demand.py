"""From samples to rows: calls by process, what they cost, and what the library would save of that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from .containers import CgroupNumbers
from .counter import CLASSES, Sample
from .judging import Judge, Opinion
from .prices import Prices
from .processes import Identity, identify, is_alive, name_and_start

_NOBODY = (0,) * (len(CLASSES) + 1)
_UNKNOWN = Opinion(None, "it ended before it could be looked at", "")


@dataclass(frozen=True)
class Calls:
    """Entries into the system call: `calls` and `bytes` (asked for) by size class; `libc`: glibc's for its own use."""

    calls: tuple[int, ...] = _NOBODY
    bytes: tuple[int, ...] = _NOBODY
    libc: int = 0

    def __add__(self, other: Calls) -> Calls:
        calls = tuple(one + more for one, more in zip(self.calls, other.calls))
        lengths = tuple(one + more for one, more in zip(self.bytes, other.bytes))
        return Calls(calls, lengths, self.libc + other.libc)

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.calls) + self.libc

    @property
    def total_bytes(self) -> int:
        """Bytes asked for by all of them."""
        return sum(self.bytes) + 8 * self.libc


def calls_of(sample: Sample) -> Calls:
    """The calls of one sample."""
    return Calls(sample.calls, sample.bytes, sample.libc)


@dataclass(frozen=True)
class Row:
    """A process that drew; or all those of one name in one control group that have ended, when `alive` is false.

    pid   None for more than one process
    cost  seconds of one CPU for these calls; None where no price is known
    gain  seconds of them that the library would save, at most; None where no price or no verdict is known
    """

    pid: int | None
    processes: int
    alive: bool
    name: str
    command: str
    cgroup: str
    demand: Calls
    opinion: Opinion
    cost: float | None = None
    gain: float | None = None


class Ledger:
    """Collects samples. A process is looked at when it is first seen, and again when it runs another program.

    Of a process that is gone there are samples for one more time: calls between the kernel's count and our look. Who
    has its pid later is somebody else.
    """

    def __init__(self, numbers: CgroupNumbers) -> None:
        self._numbers = numbers
        self._known: dict[int, Identity] = {}  # the newest process of each pid
        self._gone: dict[int, int] = {}  # by pid: the number of the samples with which it was seen to be gone
        self._number = 0
        self._seen: dict[tuple[int, int], Calls] = {}  # by pid and start: those that could be looked at
        self._identities: dict[tuple[int, int], Identity] = {}
        self._unseen: dict[tuple[str, str], tuple[set[int], Calls]] = {}  # by name and cgroup: ended too soon

    def add(self, samples: Iterable[Sample]) -> None:
        """Put each sample to its process: all samples since the time before."""
        self._number += 1
        for sample in sorted(samples, key=lambda one: not one.leader):  # its first thread names a process
            calls = calls_of(sample)
            identity = self._identity(sample.pid)
            if identity:
                key = (identity.pid, identity.start)
                self._identities[key] = identity
                self._seen[key] = self._seen.get(key, Calls()) + calls
            else:
                self._add_unseen(sample, calls)

    def rows(self, judge: Judge) -> list[Row]:
        """A row for each living process, and one for all that have ended of each name and control group."""
        rows, ended = [], []
        for key, one in self._identities.items():
            opinion = judge.process(one.pid) if is_alive(one) else None
            if opinion:
                rows.append(Row(one.pid, 1, True, one.name, one.command, one.cgroup, self._seen[key], opinion))
            else:
                ended.append(_Ended(one.name, one.unified, one.cgroup, one, {one.pid}, self._seen[key]))
        for (name, unified), (pids, calls) in self._unseen.items():
            ended.append(_Ended(name, unified, _likely_cgroup(name, unified, self._identities), None, pids, calls))
        return [*rows, *(_ended_row(group, rows, judge) for group in _grouped(ended))]

    def _identity(self, pid: int) -> Identity | None:
        known = self._known.get(pid)
        try:
            name, start = name_and_start(pid)
        except (OSError, ValueError):
            first = self._gone.setdefault(pid, self._number)
            return known if self._number <= first + 1 else None
        self._gone.pop(pid, None)
        if known and (known.start, known.name) == (start, name):
            return known
        fresh = identify(pid)
        if fresh:
            self._known[pid] = fresh
        return fresh

    def _add_unseen(self, sample: Sample, calls: Calls) -> None:
        place = (sample.name, self._numbers.path(sample.cgroup))
        pids, before = self._unseen.get(place, (set(), Calls()))
        pids.add(sample.pid)
        self._unseen[place] = (pids, before + calls)


@dataclass(frozen=True)
class _Ended:
    """Processes of one name in one control group that have ended; `known` is one of them that could be looked at."""

    name: str
    unified: str
    cgroup: str
    known: Identity | None
    pids: set[int]
    calls: Calls


def _likely_cgroup(name: str, unified: str, identities: Mapping[tuple[int, int], Identity]) -> str:
    """Where one ran that was not seen: where another of its name ran, if the kernel has both in the same group."""
    namesakes = (one.cgroup for one in identities.values() if (one.name, one.unified) == (name, unified))
    return next(namesakes, unified)


def _grouped(ended: Iterable[_Ended]) -> Iterable[_Ended]:
    groups: dict[tuple[str, str], _Ended] = {}
    for one in ended:
        place = (one.name, one.cgroup)
        before = groups.get(place)
        if before:
            calls, known = before.calls + one.calls, before.known or one.known
            one = _Ended(one.name, one.unified, one.cgroup, known, before.pids | one.pids, calls)
        groups[place] = one
    return groups.values()


def _ended_row(group: _Ended, living: Sequence[Row], judge: Judge) -> Row:
    """Judged by a living process of that name there, by its program's file, or by the program of that name on PATH."""
    like = next((row.opinion for row in living if (row.name, row.cgroup) == (group.name, group.cgroup)), None)
    opinion = replace(like, basis="name") if like and like.verdict else None
    known = group.known
    if not opinion and known and known.program and known.at_home:
        opinion = judge.file(known.program)
    opinion = opinion or judge.name(group.name) or _UNKNOWN
    command = known.command if known else group.name
    pid = min(group.pids) if len(group.pids) == 1 else None
    return Row(pid, len(group.pids), False, group.name, command, group.cgroup, group.calls, opinion)


def with_prices(rows: Iterable[Row], prices: Prices | None) -> list[Row]:
    """Rows with cost and gain, what there is to gain first; by calls where no price is known.

    Where no verdict is known, the cost stands for the gain: that much is possible.
    """
    priced = [
        replace(row, cost=cost_of(row.demand, prices), gain=_gain(row, prices)) if prices else row for row in rows
    ]
    return sorted(priced, key=_importance, reverse=True)


def _importance(row: Row) -> tuple[float, float, int]:
    cost = row.cost or 0.0
    return (cost if row.gain is None else row.gain, cost, row.demand.total)


def cost_of(demand: Calls, prices: Prices) -> float:
    """Seconds of one CPU for these calls."""
    served = sum(prices.cost(calls, size) for calls, size in zip(demand.calls, demand.bytes))
    return served + prices.cost(demand.libc, 8 * demand.libc)


def _gain(row: Row, prices: Prices) -> float | None:
    """Of the calls but libc's own, and but the first of each process, which stays a system call."""
    if row.opinion.verdict is None:
        return None
    calls = sum(row.demand.calls)
    if not row.opinion.promises or calls <= row.processes:
        return 0.0
    gain = sum(prices.gain(number, size) for number, size in zip(row.demand.calls, row.demand.bytes))
    return gain * (calls - row.processes) / calls
