"""That the protocol is not only safe but of use. Looked at whenever no draw is under way anywhere."""

from __future__ import annotations

from model.events import Bounds
from model.state import BUSY, PID, STALE, State, Word, renumbered
from model.steps import STEPS, Protocol, Violation, alive, in_vfork


def check(protocol: Protocol, bounds: Bounds, state: State) -> None:
    """Raises Violation when a thread would be left to the system call for no reason."""
    if any(len(thread.frames) > 1 or (thread.frames and thread.frames[0].at != "idle") for thread in state.threads):
        return
    for i, thread in enumerate(state.threads):
        if not thread.frames:
            continue
        if thread.epoch == BUSY:
            if state.jumps == bounds.jumps and state.vforks == bounds.vforks:
                raise Violation(f"thread {i} is busy for ever")
        elif state.word and thread.epoch == state.word:
            _draws_at_once(protocol, state, i)
        elif (not state.word or state.word.id == PID) and not in_vfork(thread):
            _settles(protocol, state, i)
            _finds_a_slot(protocol, state, i)


def _draws_at_once(protocol: Protocol, state: State, i: int) -> None:
    """A thread that has a state in this epoch takes three steps to it, and none of the slow path."""
    for _ in range(3):
        (state,) = STEPS[state.threads[i].frames[0].at].successors(protocol, state, i)
    if state.threads[i].frames[0].at != "draw":
        raise Violation(f"thread {i} has a state in this epoch and takes the slow path")


def _settles(protocol: Protocol, state: State, i: int) -> None:
    """One draw of the survivor is enough, if it had ever claimed before the fork."""
    if i == 0 and state.threads[0].claimed == STALE:
        for after in _alone(protocol, state, i):
            if after.word and after.settled != after.word:
                raise Violation("the survivor has drawn and the epoch is not settled")


def _finds_a_slot(protocol: Protocol, state: State, i: int) -> None:
    """A thread gets a state whenever there is a slot that nobody owns any more, or one can be added."""
    spare = any(not owner or _abandoned(state, owner) for owner in state.slots)
    more = state.blocks and (not state.grower or _abandoned(state, state.grower))
    if (spare or more) and not any(after.threads[i].frames[0].at == "draw" for after in _alone(protocol, state, i)):
        raise Violation(f"thread {i} finds no slot although one is to be had")


def _abandoned(state: State, owner: Word) -> bool:
    """Whether the slow path ought to see that what `owner` claimed is in use no longer."""
    if state.word and owner.claim > state.word.claim:
        return not alive(state, owner.id)
    return state.word is not None and state.settled == state.word


def _alone(protocol: Protocol, state: State, i: int) -> list[State]:
    """Where one draw of thread i can end if nothing else happens: in the draw itself or, idle again, without one."""
    ends, seen, todo = [], {state}, [state]
    while todo:
        state = todo.pop()
        for after in map(renumbered, STEPS[state.threads[i].frames[0].at].successors(protocol, state, i)):
            if after.threads[i].frames[0].at in ("draw", "idle"):
                ends.append(after)
            elif after not in seen:
                seen.add(after)
                todo.append(after)
    return ends
