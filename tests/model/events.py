"""What may come between any two steps: forks, deaths, new threads, handlers, vfork, long jumps, drops, moves."""

from __future__ import annotations

from collections.abc import Iterator

from model.state import BUSY, FIRST_STAMP, OWN, SHARED, Frame, Page, State, Thread
from model.steps import top, with_thread
from model.world import World

# The thread to which something happens, what that is, and the state after it.
Event = tuple[int, str, State]


def in_vfork(thread: Thread) -> bool:
    return any(frame.vforked for frame in thread.frames)


def events(world: World, state: State) -> Iterator[Event]:
    """Every event that is possible now."""
    for i, thread in enumerate(state.threads):
        if not thread:
            yield i, "starts", with_thread(state, i, Thread())
            continue
        if state.forks:
            yield i, "forks; the child goes on", fork(world, state, i)
        if in_vfork(thread):
            first = next(n for n, frame in enumerate(thread.frames) if frame.vforked)
            left = thread._replace(frames=thread.frames[:first])
            yield i, "loses its vfork child", with_thread(state, i, left)
        else:
            yield i, "dies", with_thread(state, i, None)
        yield from _signals(world, state, i)
    if world.bounds.drops or world.bounds.returns:
        yield from _drops(world, state)


def _signals(world: World, state: State, i: int) -> Iterator[Event]:
    thread, frame = top(state, i)
    # While the record is busy, a draw in a handler or a vfork child changes nothing: see steps.read().
    can_draw = thread.stamp != BUSY or not (world.protocol.refuse_when_busy and world.protocol.answer_if_idle)
    depth = len(thread.frames)
    if can_draw and frame.at != "read" and depth <= world.bounds.handlers:
        yield i, "is interrupted by a handler", _push(state, i, Frame())
    if can_draw and state.vforks and not in_vfork(thread):
        yield i, "vforks", _push(state, i, Frame(vforked=True))._replace(vforks=state.vforks - 1)
    if depth > 1 and frame.at == "read" and not frame.vforked:
        yield i, "comes back from the handler", with_thread(state, i, thread._replace(frames=thread.frames[:-1]))
    if state.jumps and (depth > 1 or frame.at != "read") and not in_vfork(thread):
        jumped = with_thread(state, i, thread._replace(frames=(Frame(),)))
        yield i, "is in a handler that leaves by a long jump", jumped._replace(jumps=state.jumps - 1)


def _push(state: State, i: int, frame: Frame) -> State:
    thread, _ = top(state, i)
    return with_thread(state, i, thread._replace(frames=(*thread.frames, frame)))


def fork(world: World, state: State, i: int) -> State:
    """The child of thread i: that thread alone is in it, its interrupted calls as they were, and all pages wiped."""

    def frame(old: Frame) -> Frame:
        return old._replace(drawn=SHARED if old.drawn == OWN else old.drawn, vforked=False)

    thread, _ = top(state, i)
    thread = thread._replace(frames=tuple(map(frame, thread.frames)), away=False)
    if not world.protocol.stamps_grow:
        thread = thread._replace(claimed=0)
    return state._replace(
        threads=tuple([thread if n == i else None for n in range(len(state.threads))]),
        pages=(Page(),) * len(state.pages),
        stale=(None,) * len(state.stale),
        stamps=state.stamps if world.protocol.stamps_grow else FIRST_STAMP,
        forks=state.forks - 1,
    )


def _drops(world: World, state: State) -> Iterator[Event]:
    """A page turns to zeros, at once or on some processors only; there until the translations are flushed."""
    for slot, page in enumerate(state.pages):
        zeros = (*state.pages[:slot], Page(), *state.pages[slot + 1 :])
        if page != Page():
            yield slot, "(its page is dropped)", state._replace(pages=zeros)
            if state.returns and not any(state.stale):
                stale = (*state.stale[:slot], page, *state.stale[slot + 1 :])
                away = tuple([thread and thread._replace(away=True) for thread in state.threads])
                after = state._replace(pages=zeros, stale=stale, threads=away, returns=state.returns - 1)
                yield slot, "(its page is dropped, and not yet flushed)", after
    if any(state.stale):
        if all(_can_move(thread) for thread in state.threads if thread and thread.away):
            here = tuple([thread and _moved(thread, away=False) for thread in state.threads])
            yield 0, "(translations are flushed)", state._replace(stale=(None,) * len(state.stale), threads=here)
        for i, thread in enumerate(state.threads):
            if not thread or not _can_move(thread):
                continue
            within = any(frame.slow and frame.at != "find" for frame in thread.frames)
            if not within or state.moves:
                after = with_thread(state, i, _moved(thread, away=not thread.away))
                yield i, "is moved", after._replace(moves=state.moves - within)


WARM = frozenset({"begin", "generation", "seed", "take", "look_again", "calls"})


def _can_move(thread: Thread) -> bool:
    """Once within a draw that claims; not within another one, which is the known limit."""
    return all(not frame.moved and (frame.slow or frame.at not in WARM) for frame in thread.frames)


def _moved(thread: Thread, away: bool) -> Thread:
    if thread.away == away:
        return thread
    frames = [frame if frame.at == "read" else frame._replace(moved=True) for frame in thread.frames]
    return thread._replace(frames=tuple(frames), away=away)
