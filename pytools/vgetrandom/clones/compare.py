"""Who repeats: what the clones of one snapshot drew after it, compared with each other."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import VgetrandomError
from .memory import Draw, Memory

NOTICED = "virtual machine fork"  # in the kernel's message (drivers/char/random.c, add_vmfork_randomness)
_RESOLUTION = 1000  # nanoseconds: of the time of such a message


@dataclass(frozen=True)
class Repeats:
    """One contender in the clones of one snapshot; all numbers are of the clone in which they are the largest.

    compared    draws that ended after the snapshot
    repeated    of these: another clone drew the same value
    late        of these: begun after that clone's kernel had handled the notification
    last_ns     when the last of the repeated was begun, in guest nanoseconds from the snapshot; None: none did
    fresh       number, from 1, of the first draw after the snapshot from which on none repeats; None: the last does
    late_draws  of those compared, whether they repeat or not: begun after that clone's kernel had handled it
    """

    compared: int
    repeated: int
    late: int
    last_ns: int | None
    fresh: int | None
    late_draws: int


def stopped_at(source: Memory) -> int:
    """When the snapshot was taken, in guest nanoseconds: at the last draw of any contender, or during it."""
    return max((draw.begun for draws in source.draws.values() for draw in draws), default=0)


def handled_at(clone: Memory) -> int | None:
    """When its kernel had handled the notification, in guest nanoseconds; None: it did not."""
    return next((at + _RESOLUTION for at, text in clone.messages if NOTICED in text), None)


def compare(contender: int, source: Memory, clones: Sequence[Memory]) -> Repeats:
    """One contender in all clones. Each value counts, wherever in the other clone it was drawn.

    Raises VgetrandomError where the first draws after the snapshot are not recorded any more.
    """
    last = source.last(contender)
    drawn = [[draw for draw in clone.draws.get(contender, []) if draw.number > last] for clone in clones]
    if any(draws and draws[0].number > last + 1 for draws in drawn):
        raise VgetrandomError("a contender drew more often than its records hold; give more with --draws or --lines")
    clones_with = Counter(value for draws in drawn for value in {draw.value for draw in draws})
    found = [_in_one(draws, clones_with, stopped_at(source), handled_at(clone)) for draws, clone in zip(drawn, clones)]
    most = together(found)  # of times and numbers
    return dataclasses.replace(
        most,
        compared=min(one.compared for one in found),
        repeated=max(one.repeated for one in found),
        late=max(one.late for one in found),
        late_draws=min(one.late_draws for one in found),
    )


def together(found: Sequence[Repeats]) -> Repeats:
    """Several processes of one contender: sums, and the latest of times and numbers."""
    fresh = [one.fresh for one in found]
    return Repeats(
        compared=sum(one.compared for one in found),
        repeated=sum(one.repeated for one in found),
        late=sum(one.late for one in found),
        last_ns=max((one.last_ns for one in found if one.last_ns is not None), default=None),
        fresh=None if None in fresh else max(number for number in fresh if number is not None),
        late_draws=sum(one.late_draws for one in found),
    )


def _in_one(draws: Sequence[Draw], clones_with: Counter[bytes], stopped: int, handled: int | None) -> Repeats:
    begun_late = [handled is not None and draw.begun > handled for draw in draws]
    repeated = [place for place, draw in enumerate(draws) if clones_with[draw.value] > 1]
    late = sum(begun_late[place] for place in repeated)
    fresh = repeated[-1] + 2 if repeated else 1
    last = max(draws[repeated[-1]].begun - stopped, 0) if repeated else None
    return Repeats(len(draws), len(repeated), late, last, fresh if fresh <= len(draws) else None, sum(begun_late))
