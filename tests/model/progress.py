"""That the protocol is not only safe but of use. Looked at whenever no draw is under way anywhere."""

from __future__ import annotations

from dataclasses import replace

from model.state import BUSY, NEVER, NO_ROOM, REFUSED, State
from model.steps import STEPS
from model.world import Violation, World


def check(world: World, state: State) -> None:
    """Raises Violation when a thread would be left to the system call for no reason."""
    if any(thread.frames[-1].at != "read" or len(thread.frames) > 1 for thread in state.threads if thread):
        return
    for i, thread in enumerate(state.threads):
        if not thread:
            continue
        if thread.stamp == BUSY:
            if (state.jumps, state.vforks) == (world.bounds.jumps, world.bounds.vforks):
                raise Violation("a thread is busy for ever")
        elif thread.stamp == NO_ROOM:
            if state.used < len(state.slots):
                raise Violation("a thread is without a slot although there is room")
        elif state.used < len(state.slots) or thread.tail is not None:
            _draws(world, state, i)


def _draws(world: World, state: State, i: int) -> None:
    """Alone, and asked for little, a thread draws from its state at its second draw, and then with no slow path."""
    thread = state.threads[i]
    assert thread
    quick = replace(world, bounds=replace(world.bounds, large=False, refusals=False))
    if thread.stamp in (NEVER, REFUSED):
        state, steps = _draw(quick, state, i)
    state, steps = _draw(quick, state, i)
    if "generation" not in steps:
        raise Violation("a thread has drawn and gets no state although there is room")
    state, steps = _draw(quick, state, i)
    if steps[:5] != ["read", "busy", "hold", "begin", "generation"]:
        raise Violation("a thread has a state and takes the slow path")


def _draw(world: World, state: State, i: int) -> tuple[State, list[str]]:
    steps = []
    while True:
        thread = state.threads[i]
        assert thread
        steps.append(thread.frames[-1].at)
        if len(steps) > 1 and steps[-1] == "read":
            return state, steps
        after = list(STEPS[steps[-1]].successors(world, state, i))
        if not after:
            raise Violation("a thread is busy for ever")
        state = after[0]  # the only one, but for the confirmation, which what follows does not depend on
