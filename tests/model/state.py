"""What the model's world consists of at one moment: the table, the pages, and every thread's record and executions.

Everything is an immutable tuple, so that a state can be a member of a set. Names are those of shim/core/slots.h.
"""

from __future__ import annotations

from typing import NamedTuple

# Values of a record's `stamp`, as in slots.h.
NEVER, BUSY, DREW_ONCE, NO_ROOM, REFUSED = range(5)
TAKEN = 2  # STAMPS_TAKEN: two numbers are enough to give one that is left, and to be left with none
FIRST_STAMP = 8 * TAKEN + 1

# What an execution has drawn: nothing; bytes that are nobody else's; bytes that a forked relative has too; zeros.
NOTHING, OWN, SHARED, ZEROS = "nothing", "own", "shared", "zeros"


class Page(NamedTuple):
    """A state and its tail. All zeros at first, when it was dropped, and in a forked child."""

    stamp: int = 0
    inside: int = 0  # tail->begun - tail->calls
    key: bool = False  # the vDSO's key, or bytes that it has ready: not zeros
    generation: bool = False  # the kernel's current one, so that the vDSO does not ask for a key
    in_use: bool = False


class Frame(NamedTuple):
    """One execution of a draw: the step that it takes next, and the C code's local variables."""

    at: str = "read"
    stamp: int = 0  # what slots_enter() returned; from the claim on, the one to be confirmed
    number: int = 0  # of the slot that is being given, or the new stamp
    large: bool = False
    slow: bool = False  # by slots_claim(): to be confirmed
    drawn: str = NOTHING
    retried: bool = False  # the vDSO began again
    failed: bool = False  # the vDSO answered with an error
    moved: bool = False  # within this draw
    vforked: bool = False  # the first frame of a vfork child, which runs on this thread's record


class Thread(NamedTuple):
    """`struct thread_record`, and the executions that use it, each of which interrupted those before."""

    frames: tuple[Frame, ...] = (Frame(),)
    tail: int | None = None  # the number of a slot
    stamp: int = NEVER
    claimed: int = 0
    away: bool = False  # on a processor that has not heard of the drop: see State.stale


class Slot(NamedTuple):
    home: int
    next: int  # as in slots.h: plus one, 0 is none
    confirmed: int = 0  # the stamp that may be handed on


class State(NamedTuple):
    """Of one process. All addresses of records are in one bucket of the table."""

    threads: tuple[Thread | None, ...]  # by the address of their record; None: no thread is there now
    slots: tuple[Slot | None, ...]
    pages: tuple[Page, ...]  # of each slot
    stale: tuple[Page | None, ...]  # the page that was dropped, while some processor still reads and writes it
    head: int = 0
    used: int = 0
    stamps: int = FIRST_STAMP  # the first of those that are taken next
    forks: int = 0  # so many more may happen; likewise the next three
    vforks: int = 0
    jumps: int = 0
    moves: int = 0
    returns: int = 0  # drops that a processor does not hear of at once


def renumbered(state: State) -> State:
    """The same state for all that differ only in which numbers were taken: their order is all that matters."""
    used = {page.stamp for page in (*state.pages, *state.stale) if page}
    used |= {slot.confirmed for slot in state.slots if slot}
    for thread in state.threads:
        if thread:
            used.update((thread.stamp, thread.claimed))
            for frame in thread.frames:
                used.update((frame.stamp, frame.number))
    used = {stamp for stamp in used if stamp >= FIRST_STAMP} | {state.stamps}
    taken = sorted({(stamp - FIRST_STAMP) // TAKEN for stamp in used})
    new = {
        FIRST_STAMP + old * TAKEN + n: FIRST_STAMP + each * TAKEN + n
        for each, old in enumerate(taken)
        for n in range(TAKEN)
    }

    def page(page: Page) -> Page:
        return page._replace(stamp=new.get(page.stamp, page.stamp))

    def thread(thread: Thread) -> Thread:
        frames = tuple(
            [f._replace(stamp=new.get(f.stamp, f.stamp), number=new.get(f.number, f.number)) for f in thread.frames]
        )
        stamp, claimed = new.get(thread.stamp, thread.stamp), new.get(thread.claimed, thread.claimed)
        return thread._replace(frames=frames, stamp=stamp, claimed=claimed)

    return state._replace(
        threads=tuple([each and thread(each) for each in state.threads]),
        slots=tuple([slot and slot._replace(confirmed=new.get(slot.confirmed, 0)) for slot in state.slots]),
        pages=tuple(map(page, state.pages)),
        stale=tuple([each and page(each) for each in state.stale]),
        stamps=new[state.stamps],
    )
