"""Breadth-first search through every state that can be reached, and the invariants that each of them must keep."""

from __future__ import annotations

import gc
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Callable, Optional

from model import progress
from model.events import Bounds, Event, events
from model.state import ELSEWHERE, VFORKED, State, Word, renumbered
from model.steps import GROWING, STEPS, Protocol, Violation

Situation = Callable[[State], bool]
Origins = dict[State, Optional[State]]


@dataclass(frozen=True)
class Outcome:
    """How many states a search has seen; what broke, if anything did, and the shortest way there."""

    states: int
    violation: str = ""
    trace: tuple[str, ...] = ()
    met: Counter[str] = field(default_factory=Counter)  # in how many states each situation was found
    taken: frozenset[str] = frozenset()  # every step that was taken


def explore(
    protocol: Protocol, bounds: Bounds, *, lively: bool = False, situations: Mapping[str, Situation] | None = None
) -> Outcome:
    """Visit everything that can be reached within the bounds, up to the first violation.

    lively: check progress as well. situations: what to count the states of.
    """
    with no_garbage_collection():
        return _explore(protocol, bounds, lively, situations or {})


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Millions of tuples without a cycle: looking for one takes a sixth of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _explore(protocol: Protocol, bounds: Bounds, lively: bool, situations: Mapping[str, Situation]) -> Outcome:
    start = bounds.start()
    came_from: Origins = {start: None}
    queue = deque([start])
    met: Counter[str] = Counter()
    taken: set[str] = set()
    while queue:
        state = queue.popleft()
        try:
            check(state)
            if lively:
                progress.check(protocol, bounds, state)
            for _, _, after in successors(protocol, bounds, state):
                after = renumbered(after)
                if after not in came_from:
                    came_from[after] = state
                    queue.append(after)
        except Violation as violation:
            return Outcome(len(came_from), str(violation), trace(protocol, bounds, came_from, state))
        taken.update([thread.frames[-1].at for thread in state.threads if thread.frames])
        met.update([name for name, applies in situations.items() if applies(state)])
    return Outcome(len(came_from), met=met, taken=frozenset(taken))


def successors(protocol: Protocol, bounds: Bounds, state: State) -> Iterator[Event]:
    """Whatever can happen next."""
    for i, thread in enumerate(state.threads):
        if thread.frames:
            at = thread.frames[-1].at
            for after in STEPS[at].successors(protocol, state, i):
                yield i, at, after
    yield from events(protocol, bounds, state)


def check(state: State) -> None:
    """No two executions in one state, none in a state that is being zeroed, no two that add a block."""
    drawing: set[int | None] = set()
    zeroing: set[int | None] = set()
    growing = 0
    for thread in state.threads:
        for frame in thread.frames:
            if frame.at == "draw":
                if frame.slot in drawing:
                    raise Violation(f"two executions draw from state {frame.slot}")
                drawing.add(frame.slot)
            elif frame.at == "zero":
                zeroing.add(frame.slot)
            growing += frame.at in GROWING
    for slot in drawing & zeroing:
        raise Violation(f"state {slot} is zeroed while it is in use")
    if growing > 1:
        raise Violation("two executions add a block at once")


def trace(protocol: Protocol, bounds: Bounds, came_from: Origins, last: State) -> tuple[str, ...]:
    """The way to a state, one line for each step, with the words that threads share after it.

    Claim numbers and slots keep their names along the way, unlike in the search itself.
    """
    path = [last]
    while (before := came_from[path[-1]]) is not None:
        path.append(before)
    lines, state = [], path.pop()
    while path:
        target = path.pop()
        choices = successors(protocol, bounds, state)
        i, what, state = next(choice for choice in choices if renumbered(choice[2]) == target)
        lines.append(f"thread {i} {what:36} {_shared(state)}")
    return tuple(lines)


def _shared(state: State) -> str:
    def shown(word: Word | None) -> str:
        return f"{word.claim}@{NAMES.get(word.id, word.id)}" if word else "0"

    slots = " ".join(map(shown, state.slots))
    return f"word {shown(state.word)}, settled {shown(state.settled)}, slots {slots}, grower {shown(state.grower)}"


NAMES = {VFORKED: "vforked", ELSEWHERE: "elsewhere"}
