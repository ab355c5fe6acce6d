"""A benchmark worker in Python: what an application sees. It needs only Python.

It understands some of the requests of native/main.c.
"""

from __future__ import annotations

import os
import resource
import secrets
import sys
import time
import uuid
from typing import Any, Callable

ANY_SIZE = 1 << 20


def draw_uuid(size: int) -> uuid.UUID:
    return uuid.uuid4()


FUNCTIONS: dict[str, Callable[[int], Any]] = {
    "os.urandom": os.urandom,
    "secrets.token_bytes": secrets.token_bytes,
    "uuid.uuid4": draw_uuid,
}
NO_SIZE = {"uuid.uuid4"}
WARM_UP_PART = 8


def switches() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw


def turn(name: str, size: int, count: int) -> None:
    draw = FUNCTIONS[name]
    for _ in range(count // WARM_UP_PART):
        draw(size)
    before, start = switches(), time.perf_counter_ns()
    for _ in range(count):
        draw(size)
    taken = time.perf_counter_ns() - start
    print(taken, -1, -1, switches() - before, flush=True)


def main() -> None:
    allowed = os.sched_getaffinity(0)
    print("ready", sys.version.split()[0])
    print(*(f"{name}:{0 if name in NO_SIZE else ANY_SIZE}" for name in FUNCTIONS), flush=True)
    for line in sys.stdin:
        words = line.split()
        if words[0] == "turn":
            turn(words[1], int(words[2]), int(words[3]))
        elif words[0] == "pin":
            cpu = int(words[1])
            os.sched_setaffinity(0, allowed if cpu < 0 else {cpu})
        else:
            sys.exit("no such request")


main()
