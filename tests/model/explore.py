"""Breadth-first search through every state that can be reached, and the invariants that each of them must keep."""

from __future__ import annotations

import gc
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Callable, Optional

from model import progress
from model.events import Event, events
from model.state import Page, State, renumbered
from model.steps import DRAWING, STEPS, ZEROING
from model.world import Violation, World

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


def explore(world: World, *, lively: bool = False, situations: Mapping[str, Situation] | None = None) -> Outcome:
    """Visit everything that can be reached within the bounds, up to the first violation.

    lively: check progress as well. situations: what to count the states of.
    """
    with no_garbage_collection():
        return _explore(world, lively, situations or {})


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


def _explore(world: World, lively: bool, situations: Mapping[str, Situation]) -> Outcome:
    start = world.bounds.start()
    came_from: Origins = {start: None}
    queue = deque([start])
    met: Counter[str] = Counter()
    taken: set[str] = set()
    while queue:
        state = queue.popleft()
        try:
            check(state)
            if lively:
                progress.check(world, state)
            for _, _, after in successors(world, state):
                after = renumbered(after)
                if after not in came_from:
                    came_from[after] = state
                    queue.append(after)
        except Violation as violation:
            return Outcome(len(came_from), str(violation), trace(world, came_from, state))
        taken.update([thread.frames[-1].at for thread in state.threads if thread])
        met.update([name for name, applies in situations.items() if applies(state)])
    return Outcome(len(came_from), met=met, taken=frozenset(taken))


def successors(world: World, state: State) -> Iterator[Event]:
    """Whatever can happen next."""
    for i, thread in enumerate(state.threads):
        if thread:
            at = thread.frames[-1].at
            for after in STEPS[at].successors(world, state, i):
                yield i, at, after
    yield from events(world, state)


def check(state: State) -> None:
    """No two executions in one state, none in one that is being zeroed, only a slot's owner in it; no slot is lost."""
    inside: set[int | None] = set()
    for home, thread in enumerate(state.threads):
        for frame in thread.frames if thread else ():
            if thread and (frame.at in DRAWING or frame.at in ZEROING):
                slot = None if thread.tail is None else state.slots[thread.tail]
                if not slot or slot.home != home:
                    raise Violation("a thread uses a slot whose home is not its record")
                if thread.tail in inside:
                    raise Violation("two executions are inside one state")
                inside.add(thread.tail)
    for thread in state.threads:
        if thread and thread.tail is not None and not _listed(state, thread.tail):
            raise Violation("a thread has a slot that the table has lost")


def _listed(state: State, number: int) -> bool:
    at = state.head
    while at and at != number + 1:
        slot = state.slots[at - 1]
        at = slot.next if slot else 0
    return at != 0


def trace(world: World, came_from: Origins, last: State) -> tuple[str, ...]:
    """The way to a state, one line for each step, with what the table and the pages hold after it.

    Stamps keep their numbers along the way, unlike in the search itself.
    """
    path = [last]
    while (before := came_from[path[-1]]) is not None:
        path.append(before)
    lines, state = [], path.pop()
    while path:
        target = path.pop()
        i, what, state = next(choice for choice in successors(world, state) if renumbered(choice[2]) == target)
        lines.append(f"{i} {what:44} {_shown(state)}")
    return tuple(lines)


def _shown(state: State) -> str:
    def page(page: Page) -> str:
        words = [
            word for word, there in (("current", page.generation), ("key", page.key), ("in use", page.in_use)) if there
        ]
        return f"stamp {page.stamp}, {page.inside} inside, {' '.join(words) or 'zeros'}"

    pages = [f"state {n}: {page(p)}" for n, p in enumerate(state.pages) if p != Page()]
    stale = [f"stale {n}: {page(p)}" for n, p in enumerate(state.stale) if p]
    threads = [f"record {n}: {thread.stamp}{' away' * thread.away}" for n, thread in enumerate(state.threads) if thread]
    return "; ".join((*threads, *pages, *stale))
