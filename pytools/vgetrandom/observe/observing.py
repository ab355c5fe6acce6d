"""One look after the other at the demand of the whole host, and what looking costs it."""

from __future__ import annotations

import contextlib
import errno
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..doctor.measurement import Measurement, measure
from ..errors import VgetrandomError
from ..system.host import require_proc
from .containers import CgroupNumbers
from .counter import CLASSES, Counter
from .demand import Calls, Ledger, Row, calls_of, with_prices
from .judging import Judge
from .prices import Prices, measure_prices

_DRAIN = 0.2  # seconds: as long as a process must live to be looked at for certain
_OWN_CALLS = 7  # made to see whether they are counted


@dataclass(frozen=True)
class Burden:
    """What observing costs the host: nanoseconds more for each getrandom and for each other system call of any process

    (None where the program that measures is missing), and the seconds of CPU that this process itself used.
    """

    getrandom: float | None
    other: float | None
    own: float


@dataclass(frozen=True)
class Look:
    """What was seen in `seconds`: rows of those that were asked for, and the whole host's demand.

    processes  of the host, that drew
    lost       calls that are in no row and not in `host`
    """

    seconds: float
    rows: tuple[Row, ...]
    host: Calls
    processes: int
    lost: int
    burden: Burden
    prices: Prices | None


class Observer:
    """Made by `observing`."""

    def __init__(self, counter: Counter, prices: Prices | None, before: Measurement | None) -> None:
        self._counter = counter
        self._prices = prices
        self._judge = Judge()
        self._numbers = CgroupNumbers()
        during = measure(None) if before else None
        self._extra = (_difference(before, during, "system_call"), _difference(before, during, "other"))
        _check_own_calls(counter)

    def look(
        self,
        seconds: float,
        stop: threading.Event,
        pids: Sequence[int] = (),
        began: Callable[[], object] = lambda: None,
    ) -> Look:
        """Count for so many seconds, or until `stop` is set; rows of `pids` alone where there are any.

        `began` is called when counting has begun.
        """
        ledger = Ledger(self._numbers)
        host = Calls()
        seen: set[int] = set()
        self._counter.drain()
        lost, own, start = self._counter.lost, time.process_time(), time.monotonic()
        began()
        running = True
        while running:
            left = start + seconds - time.monotonic()
            running = left > 0 and not stop.wait(min(left, _DRAIN))
            samples = [sample for sample in self._counter.drain() if sample.pid != os.getpid()]
            ledger.add(sample for sample in samples if not pids or sample.pid in pids)
            host = sum((calls_of(sample) for sample in samples), host)
            seen.update(sample.pid for sample in samples)
        took = time.monotonic() - start
        burden = Burden(*self._extra, time.process_time() - own)
        rows = with_prices(ledger.rows(self._judge), self._prices)
        return Look(took, tuple(rows), host, len(seen), self._counter.lost - lost, burden, self._prices)


@contextlib.contextmanager
def observing() -> Iterator[Observer]:
    """Count until the end of `with`. Raises VgetrandomError, in one line, where the kernel can't or won't do it."""
    require_proc()
    with _counting():
        pass  # says at once what is missing
    prices, before = measure_prices(), measure(None)
    with _counting() as counter:
        yield Observer(counter, prices, before)


@contextlib.contextmanager
def _counting() -> Iterator[Counter]:
    try:
        counter = Counter()
    except OSError as error:
        raise VgetrandomError(explain(error.errno, os.geteuid() == 0, _lockdown())) from error
    with contextlib.closing(counter):
        yield counter


def explain(code: int | None, root: bool, lockdown: str) -> str:
    """What an error of the kernel means here, and the way out."""
    if code in (errno.EPERM, errno.EACCES):
        if lockdown == "confidentiality":
            return "the kernel is locked down (confidentiality), which forbids tracing; boot it with lockdown=integrity"
        if root:
            return "root has no CAP_SYS_ADMIN here, and observing needs it; run it on the host, not in a container"
        return "observing a host needs root; a process of your own: timeout 10 strace -f -c -e trace=getrandom -p PID"
    if code in (errno.ENOENT, errno.ENODEV):
        return "this kernel has no tracepoint for getrandom (CONFIG_FTRACE_SYSCALLS); use strace -f -c -p PID"
    if code in (errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP):
        return "this kernel runs no BPF programs at tracepoints (CONFIG_BPF_EVENTS); use strace -f -c -p PID"
    reason = os.strerror(code) if code else "for no known reason"
    return f"the kernel refuses to observe: {reason}; use strace -f -c -p PID"


def _lockdown() -> str:
    """The level in brackets in "none [integrity] confidentiality" (kernel_lockdown(7)); "" where there is none."""
    try:
        return Path("/sys/kernel/security/lockdown").read_text().partition("[")[2].partition("]")[0]
    except OSError:
        return ""


def _difference(before: Measurement | None, during: Measurement | None, name: str) -> float | None:
    one, other = getattr(before, name, None), getattr(during, name, None)
    return None if one is None or other is None else max(0.0, other - one)


def _check_own_calls(counter: Counter) -> None:
    """Count some calls of this very process. Raises VgetrandomError where they are not counted as made.

    In a pid namespace of its own, the kernel's numbers of processes are not those that are seen there.
    """
    counter.drain()
    for _call in range(_OWN_CALLS):
        os.getrandom(CLASSES[1] + 1)
    mine = [sample for sample in counter.drain() if sample.pid == os.getpid()]
    if sum(sum(sample.calls) for sample in mine) < _OWN_CALLS and not counter.lost:
        raise VgetrandomError("processes have numbers of their own here (a pid namespace); run it on the host")
