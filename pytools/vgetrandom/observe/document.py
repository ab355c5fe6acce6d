"""A look as an object for JSON. A key that is here stays; a new meaning gets a new schema number."""

from __future__ import annotations

import time
from typing import Any

from .containers import place_of
from .counter import CLASSES
from .demand import Row, cost_of
from .observing import Burden, Look
from .prices import SIZES, Prices

SCHEMA = 1


def look_object(look: Look) -> dict[str, Any]:
    """Everything that was seen. Shares are of one CPU: 1.0 is a whole one."""
    seconds = look.seconds
    return {
        "schema": SCHEMA,
        "time": time.time(),
        "seconds": seconds,
        "size_classes": [*CLASSES, None],
        "host": {
            "processes": look.processes,
            "calls": look.host.total,
            "calls_per_second": look.host.total / seconds,
            "calls_by_size": look.host.calls,
            "libc_calls": look.host.libc,
            "bytes": look.host.total_bytes,
            "cpu_share": cost_of(look.host, look.prices) / seconds if look.prices else None,
        },
        "lost_calls": look.lost,
        "observing": _burden_object(look.burden, seconds),
        "prices": _prices_object(look.prices),
        "processes": [_row_object(row, seconds) for row in look.rows],
    }


def _burden_object(burden: Burden, seconds: float) -> dict[str, Any]:
    return {
        "nanoseconds_a_getrandom": burden.getrandom,
        "nanoseconds_another_system_call": burden.other,
        "own_cpu_share": burden.own / seconds,
    }


def _prices_object(prices: Prices | None) -> dict[str, Any] | None:
    if prices is None:
        return None
    return {
        "sizes": SIZES,
        "system_call_nanoseconds": prices.system_call,
        "library_nanoseconds": prices.library,
        "library_active": prices.active,
    }


def _row_object(row: Row, seconds: float) -> dict[str, Any]:
    place, opinion = place_of(row.cgroup), row.opinion
    return {
        "pid": row.pid,
        "processes": row.processes,
        "alive": row.alive,
        "name": row.name,
        "command": row.command,
        "cgroup": row.cgroup,
        "container": {"runtime": place.runtime, "name": place.name} if place.runtime else None,
        "calls": row.demand.total,
        "calls_per_second": row.demand.total / seconds,
        "calls_by_size": row.demand.calls,
        "bytes_by_size": row.demand.bytes,
        "libc_calls": row.demand.libc,
        "bytes": row.demand.total_bytes,
        "cpu_share": None if row.cost is None else row.cost / seconds,
        "gain_share": None if row.gain is None else row.gain / seconds,
        "verdict": opinion.verdict.value if opinion.verdict else None,
        "reason": opinion.reason,
        "judged_by": opinion.basis or None,
        "has_library": opinion.has_it,
    }
