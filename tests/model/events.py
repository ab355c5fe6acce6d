"""What may come between any two steps: forks, deaths, new threads, signal handlers that draw, vfork, long jumps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from model.state import BUSY, DEAD, ELSEWHERE, STALE, Epoch, Frame, State, Thread, Word, Zeroable
from model.steps import Protocol, in_vfork, top, with_thread


@dataclass(frozen=True)
class Bounds:
    """How much may happen. Draws are not bounded, nor are the deaths and starts of threads."""

    threads: tuple[int, ...]  # alive at once: in the first process, in its child, in the child's child
    slots: int = 2
    blocks: int | None = None  # blocks of one slot each that may be added; None: nothing ever tries to
    handlers: int = 1  # signal handlers that interrupt each other on one thread
    vforks: int = 0  # CLONE_VM children: by vfork on a suspended thread's record, or with one of their own
    jumps: int = 0  # long jumps out of a handler
    deaths: bool = True  # threads end, at any step
    mortal_leader: bool = False  # so does the leader; it stays as a zombie

    def start(self) -> State:
        """A process that has just loaded the library."""
        return State(
            word=None,
            settled=None,
            slots=(None,) * self.slots,
            threads=(Thread(),),
            blocks=self.blocks,
            forks=len(self.threads) - 1,
            vforks=self.vforks,
            jumps=self.jumps,
        )

    def threads_now(self, state: State) -> int:
        return self.threads[len(self.threads) - 1 - state.forks]


# The thread to which something happens, what that is, and the state after it.
Event = tuple[int, str, State]


def events(protocol: Protocol, bounds: Bounds, state: State) -> Iterator[Event]:
    """Every event that is possible now."""
    yield from _start(bounds, state)
    for i, thread in enumerate(state.threads):
        if not thread.frames:
            continue
        if state.forks:
            yield i, "forks; the child goes on", fork(state, i)
        if in_vfork(thread):
            yield i, "loses its CLONE_VM child", _vfork_end(state, i)
        elif bounds.deaths and (i or bounds.mortal_leader):
            yield i, "dies", _death(state, i)
        yield from _signals(protocol, bounds, state, i)


def _start(bounds: Bounds, state: State) -> Iterator[Event]:
    """A new thread, at the lowest number that is free, so that tids are recycled; or a CLONE_VM child in its place."""
    i = next((i for i, thread in enumerate(state.threads) if i and not thread.frames), len(state.threads))
    if i >= bounds.threads_now(state):
        return
    threads = (*state.threads, Thread()) if i == len(state.threads) else state.threads
    yield i, "starts", with_thread(state._replace(threads=threads), i, Thread())
    if state.vforks and not any(map(in_vfork, state.threads)):
        child = Thread(frames=(Frame(vforked=True),))
        state = with_thread(state._replace(threads=threads), i, child)
        yield i, "is a CLONE_VM child with a record of its own", state._replace(vforks=state.vforks - 1)


def _death(state: State, i: int) -> State:
    threads = list(with_thread(state, i, DEAD).threads)
    while len(threads) > 1 and not threads[-1].frames:
        threads.pop()
    return state._replace(threads=tuple(threads))


def _signals(protocol: Protocol, bounds: Bounds, state: State, i: int) -> Iterator[Event]:
    thread, frame = state.threads[i], top(state, i)
    # While the record is busy, a draw in a handler or a vfork child changes nothing: see steps.idle().
    can_draw = thread.epoch != BUSY or not protocol.refuse_when_busy
    depth = len(thread.frames)
    if can_draw and frame.at != "idle" and depth <= bounds.handlers:
        yield i, "is interrupted by a handler", _push(state, i, Frame())
    if can_draw and state.vforks and depth <= bounds.handlers and not any(map(in_vfork, state.threads)):
        yield i, "vforks", _push(state, i, Frame(vforked=True))._replace(vforks=state.vforks - 1)
    if depth > 1 and frame.at == "idle" and not frame.vforked:
        yield i, "comes back from the handler", with_thread(state, i, thread._replace(frames=thread.frames[:-1]))
    if state.jumps and (depth > 1 or frame.at != "idle") and not in_vfork(thread):
        jumped = with_thread(state, i, thread._replace(frames=(Frame(),)))
        yield i, "is in a handler that leaves by a long jump", jumped._replace(jumps=state.jumps - 1)


def _push(state: State, i: int, frame: Frame) -> State:
    thread = state.threads[i]
    return with_thread(state, i, thread._replace(frames=(*thread.frames, frame)))


def _vfork_end(state: State, i: int) -> State:
    """The child runs another program, or is killed at whatever step; the thread whose record it used goes on."""
    thread = state.threads[i]
    first = next(n for n, frame in enumerate(thread.frames) if frame.vforked)
    return with_thread(state, i, thread._replace(frames=thread.frames[:first])) if first else _death(state, i)


def fork(state: State, i: int) -> State:
    """The child of thread i: that thread alone is in it, its interrupted calls as they were, and the epoch page wiped.

    Every other pid and tid is now another process's. The record's epoch words are those of an ancestor.
    """

    def word(old: Zeroable) -> Zeroable:
        return Word(old.claim, ELSEWHERE) if old else None

    def epoch(old: Epoch) -> Epoch:
        return STALE if isinstance(old, Word) else old

    def frame(old: Frame) -> Frame:
        tid = None if old.tid is None else ELSEWHERE
        return old._replace(epoch=epoch(old.epoch), word=word(old.word), owner=word(old.owner), tid=tid, vforked=False)

    old = state.threads[i]
    thread = Thread(tuple(map(frame, old.frames)), epoch(old.epoch), epoch(old.claimed))
    return state._replace(
        word=None,
        settled=None,
        slots=tuple(map(word, state.slots)),
        threads=(thread,),
        grower=word(state.grower),
        forks=state.forks - 1,
    )
