"""The steps of a draw, one for each access to memory that others can see or change, in the order of the C code.

A step takes the whole state and says which states may follow. What touches nothing but the execution's own registers is
part of the step before. Between any two steps anything may happen: see events.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Callable, NamedTuple

from model.state import (
    BUSY,
    DREW_ONCE,
    FIRST_STAMP,
    NEVER,
    NO_ROOM,
    NOTHING,
    OWN,
    REFUSED,
    SHARED,
    TAKEN,
    ZEROS,
    Frame,
    Page,
    Slot,
    State,
    Thread,
)
from model.world import Violation, World


class Step(NamedTuple):
    file: str
    function: str
    line: str  # the line of C for which the step stands
    successors: Callable[[World, State, int], Iterable[State]]


STEPS: dict[str, Step] = {}

# Steps between which an execution is inside its thread's state, and in which it changes it outside a draw.
DRAWING = frozenset({"generation", "seed", "take", "look_again"})
ZEROING = frozenset({"zero_key", "zero_rest"})


def step(function: str, line: str, file: str = "slots.c") -> Callable[[Callable[..., Iterable[State]]], None]:
    def register(successors: Callable[[World, State, int], Iterable[State]]) -> None:
        STEPS[successors.__name__] = Step(file, function, line, successors)

    return register


def with_thread(state: State, i: int, thread: Thread | None) -> State:
    return state._replace(threads=(*state.threads[:i], thread, *state.threads[i + 1 :]))


def top(state: State, i: int) -> tuple[Thread, Frame]:
    thread = state.threads[i]
    assert thread
    return thread, thread.frames[-1]


def goto(state: State, i: int, at: str, record: dict[str, Any] | None = None, **local: Any) -> State:
    """The next step of an execution, with changes of the record and of local variables."""
    thread, frame = top(state, i)
    frames = (*thread.frames[:-1], frame._replace(at=at, **local))
    return with_thread(state, i, thread._replace(frames=frames, **(record or {})))


def over(state: State, i: int, **record: Any) -> State:
    thread, frame = top(state, i)
    frames = (*thread.frames[:-1], Frame(vforked=frame.vforked))
    return with_thread(state, i, thread._replace(frames=frames, **record))


def page_of(state: State, i: int) -> Page:
    """What a thread sees where its state is."""
    thread, _ = top(state, i)
    if thread.tail is None:
        raise Violation("a thread follows a pointer to a tail that it has not got")
    stale = state.stale[thread.tail]
    return stale if stale and thread.away else state.pages[thread.tail]


def written(state: State, i: int, **values: Any) -> State:
    thread, _ = top(state, i)
    page, slot = page_of(state, i)._replace(**values), thread.tail
    assert slot is not None
    if state.stale[slot] and thread.away:
        return state._replace(stale=(*state.stale[:slot], page, *state.stale[slot + 1 :]))
    return state._replace(pages=(*state.pages[:slot], page, *state.pages[slot + 1 :]))


# slots_enter(), slots_hold()


@step("slots_enter", "uint64_t stamp = core_thread.stamp;", "slots.h")
def read(world: World, state: State, i: int) -> Iterator[State]:
    thread, _ = top(state, i)
    if thread.stamp == BUSY and world.protocol.refuse_when_busy and world.protocol.answer_if_idle:
        return  # stores BUSY where it is, and the system call answers: nothing changes
    for large in (False, True) if world.bounds.large else (False,):
        yield goto(
            state, i, "busy" if world.protocol.busy_before_comparison else "hold", stamp=thread.stamp, large=large
        )


@step("slots_enter", "core_thread.stamp = BUSY;", "slots.h")
def busy(world: World, state: State, i: int) -> Iterator[State]:
    state = goto(state, i, "hold", {"stamp": BUSY})
    if world.protocol.busy_before_comparison:
        yield state
    else:
        yield _claim(world, state, i) if top(state, i)[1].slow else goto(state, i, "begin")


@step(
    "slots_hold", "return stamp >= FIRST_STAMP && *(volatile uint64_t *)&core_thread.tail->stamp == stamp;", "slots.h"
)
def hold(world: World, state: State, i: int) -> Iterator[State]:
    slow = not _holds(world, state, i)
    if not world.protocol.busy_before_comparison:
        yield goto(state, i, "busy", slow=slow)
    else:
        yield _claim(world, state, i) if slow else goto(state, i, "begin")


def _holds(world: World, state: State, i: int) -> bool:
    stamp = top(state, i)[1].stamp
    if stamp < FIRST_STAMP and world.protocol.compare_with_first:
        return False
    return page_of(state, i).stamp == stamp or not world.protocol.compare_stamp


# slots_claim()


def _claim(world: World, state: State, i: int) -> State:
    thread, frame = top(state, i)
    if frame.stamp == BUSY and world.protocol.refuse_when_busy:
        return goto(state, i, "kernel")
    if frame.stamp in (NO_ROOM, REFUSED):
        return goto(state, i, "restore")
    if thread.tail is None:
        return goto(state, i, "find", slow=True)
    return _found(goto(state, i, "find", slow=True), i)


@step("find", "uint64_t number = __atomic_load_n(bucket_of(home), __ATOMIC_ACQUIRE);")
def find(world: World, state: State, i: int) -> Iterator[State]:
    number = state.head
    while number:
        slot = state.slots[number - 1]
        assert slot
        if slot.home == i or not world.protocol.compare_home:
            yield _found(goto(state, i, "find", {"tail": number - 1}), i)
            return
        number = slot.next
    yield _not_handed_on(state, i)


def _found(state: State, i: int) -> State:
    return goto(state, i, "stamp_left") if top(state, i)[1].stamp == NEVER else _not_handed_on(state, i)


def _not_handed_on(state: State, i: int) -> State:
    thread, frame = top(state, i)
    if frame.stamp == NEVER and not frame.large:
        return goto(state, i, "restore")
    return goto(state, i, "number" if thread.tail is not None else "count")


@step("handed_on", "uint64_t stamp = *(const volatile uint64_t *)&tail->stamp;")
def stamp_left(world: World, state: State, i: int) -> Iterator[State]:
    stamp = page_of(state, i).stamp
    if stamp < FIRST_STAMP and world.protocol.hand_on_a_stamp:
        yield _not_handed_on(state, i)
    else:
        yield goto(state, i, "confirmed_left", number=stamp)


IN_ORDER = "if (stamp < FIRST_STAMP || stamp != core_thread.slot->confirmed || tail->begun != tail->calls)"


@step("handed_on", IN_ORDER)
def confirmed_left(world: World, state: State, i: int) -> Iterator[State]:
    if top(state, i)[1].number != _slot(state, i).confirmed and world.protocol.hand_on_confirmed:
        yield _not_handed_on(goto(state, i, "confirmed_left", number=0), i)
    else:
        yield goto(state, i, "rest_left")


@step("handed_on", IN_ORDER)
def rest_left(world: World, state: State, i: int) -> Iterator[State]:
    if page_of(state, i).inside and world.protocol.hand_on_at_rest:
        yield _not_handed_on(goto(state, i, "rest_left", number=0), i)
    else:
        yield goto(state, i, "hand_on")


@step("handed_on", "core_thread.claimed = stamp;")
def hand_on(world: World, state: State, i: int) -> Iterator[State]:
    stamp = top(state, i)[1].number
    yield goto(state, i, "begin", {"claimed": stamp}, stamp=stamp, number=0)


@step("slots_claim", "core_thread.stamp = stamp;")
def restore(world: World, state: State, i: int) -> Iterator[State]:
    stamp = top(state, i)[1].stamp
    yield goto(state, i, "kernel", {"stamp": stamp} if world.protocol.restore_stamp else None, slow=False, stamp=0)


# give()


@step("give", "number = __atomic_fetch_add(&slots_table.used, 1, __ATOMIC_RELAXED);")
def count(world: World, state: State, i: int) -> Iterator[State]:
    if state.used == len(state.slots):
        yield goto(state, i, "restore", stamp=NO_ROOM)
    elif world.protocol.used_at_once:
        yield goto(state._replace(used=state.used + 1), i, "link", number=state.used)
    elif top(state, i)[1].number:  # read before: plus one
        number = top(state, i)[1].number
        yield goto(state._replace(used=number), i, "link", number=number - 1)
    else:
        yield goto(state, i, "count", number=state.used + 1)


@step("give", "slot->next = head;")
def link(world: World, state: State, i: int) -> Iterator[State]:
    yield goto(_with_slot(state, i), i, "swap")


def _with_slot(state: State, i: int) -> State:
    number = top(state, i)[1].number
    return state._replace(slots=(*state.slots[:number], Slot(i, state.head), *state.slots[number + 1 :]))


SWAP = "while (!__atomic_compare_exchange_n(bucket, &head, (uint16_t)(number + 1), false,"


@step("give", f"{SWAP} __ATOMIC_RELEASE, __ATOMIC_RELAXED));")
def swap(world: World, state: State, i: int) -> Iterator[State]:
    number = top(state, i)[1].number
    slot = state.slots[number]
    assert slot
    if slot.next == state.head or not world.protocol.swap_head:
        yield goto(state._replace(head=number + 1), i, "number", {"tail": number}, number=0)
    else:
        yield _with_slot(state, i)


# renew()


@step("new_stamp", "last = STAMPS_TAKEN * (1 + __atomic_fetch_add(&slots_table.stamps, 1, __ATOMIC_RELAXED));")
def number(world: World, state: State, i: int) -> Iterator[State]:
    number = top(state, i)[0].claimed + 1
    if not world.protocol.new_stamp:
        number = FIRST_STAMP
    elif (number - FIRST_STAMP) % TAKEN == 0 or number < FIRST_STAMP:
        number = state.stamps
        state = state._replace(stamps=number + (TAKEN if world.protocol.take_many else 1))
    yield goto(state, i, "unconfirm", number=number, stamp=0)


@step("renew", "core_thread.slot->confirmed = 0;")
def unconfirm(world: World, state: State, i: int) -> Iterator[State]:
    yield goto(_confirmed(state, i, 0) if world.protocol.unconfirm else state, i, "open")


def _slot(state: State, i: int) -> Slot:
    number = top(state, i)[0].tail
    slot = None if number is None else state.slots[number]
    assert slot
    return slot


def _confirmed(state: State, i: int, stamp: int) -> State:
    number, slot = top(state, i)[0].tail or 0, _slot(state, i)._replace(confirmed=stamp)
    return state._replace(slots=(*state.slots[:number], slot, *state.slots[number + 1 :]))


@step("renew", "tail->begun = tail->calls + 1;")
def open(world: World, state: State, i: int) -> Iterator[State]:
    then = "stamp" if world.protocol.stamp_before_zeros else "zero_key"
    yield goto(written(state, i, inside=1) if world.protocol.begun_first else state, i, then)


@step("renew", "*stamp = number;")
def stamp(world: World, state: State, i: int) -> Iterator[State]:
    then = "zero_key" if world.protocol.stamp_before_zeros and world.protocol.zero else "close"
    yield goto(written(state, i, stamp=top(state, i)[1].number), i, then)


@step("renew", "*state++ = 0;")
def zero_key(world: World, state: State, i: int) -> Iterator[State]:
    yield goto(written(state, i, key=False), i, "zero_rest")


@step("renew", "*state++ = 0;")
def zero_rest(world: World, state: State, i: int) -> Iterator[State]:
    then = "close" if world.protocol.stamp_before_zeros else "stamp"
    yield goto(written(state, i, generation=False, in_use=False), i, then)


@step("renew", "tail->begun = tail->calls;")
def close(world: World, state: State, i: int) -> Iterator[State]:
    yield goto(written(state, i, inside=0), i, "claimed")


@step("renew", "core_thread.claimed = number;")
def claimed(world: World, state: State, i: int) -> Iterator[State]:
    stamp = top(state, i)[1].number if world.protocol.remember_stamp else top(state, i)[0].claimed
    yield goto(state, i, "begin", {"claimed": stamp}, stamp=stamp, number=0)


# The draw: slots_begin(), the vDSO's function (lib/vdso/getrandom.c in Linux), slots_leave()


@step("slots_begin", "tail->begun++;", "slots.h")
def begin(world: World, state: State, i: int) -> Iterator[State]:
    _, frame = top(state, i)
    kept = frame.stamp if frame.slow or frame.large else 0
    yield goto(written(state, i, inside=page_of(state, i).inside + 1), i, "generation", stamp=kept)


VDSO = "answer = arch_vdso_call(core.entry, buf, len, flags, slots_state(slots_begin()), core.state_size);"


@step("draw_from_state", VDSO, "draw.h")
def generation(world: World, state: State, i: int) -> Iterator[State]:
    page, frame = page_of(state, i), top(state, i)[1]
    if page.in_use and not frame.retried:
        left = (state.returns, state.vforks, state.jumps)
        if left == (world.bounds.returns, world.bounds.vforks, world.bounds.jumps):
            raise Violation("a draw begins on a state that was left in the middle of one")
        yield goto(state, i, "calls", drawn=OWN)  # the vDSO makes the system call
    elif page.generation:
        if not page.key and not frame.slow:
            raise Violation("a draw begins on a poisoned state")
        yield goto(written(state, i, in_use=True), i, "take")
    else:
        yield goto(written(state, i, in_use=True, generation=True), i, "seed")


@step("draw_from_state", VDSO, "draw.h")
def seed(world: World, state: State, i: int) -> Iterator[State]:
    yield goto(written(state, i, key=True), i, "take")
    if world.bounds.refusals:
        yield goto(written(state, i, generation=False, in_use=False), i, "calls", failed=True)


@step("draw_from_state", VDSO, "draw.h")
def take(world: World, state: State, i: int) -> Iterator[State]:
    yield goto(state, i, "look_again", drawn=OWN if page_of(state, i).key else ZEROS)


@step("draw_from_state", VDSO, "draw.h")
def look_again(world: World, state: State, i: int) -> Iterator[State]:
    _, frame = top(state, i)
    if page_of(state, i).generation:
        yield _drawn(written(state, i, in_use=False), i)
    elif frame.retried:
        yield _drawn(goto(written(state, i, in_use=False), i, "calls", drawn=OWN), i)
    else:
        yield goto(state, i, "generation", drawn=NOTHING, retried=True)


def _drawn(state: State, i: int) -> State:
    """The bytes are the caller's, unless they are to be confirmed or are a key to be expanded."""
    _, frame = top(state, i)
    if frame.large or frame.slow:
        return goto(state, i, "calls", retried=False)
    return goto(_returned(state, i), i, "calls", retried=False, drawn=NOTHING)


def _returned(state: State, i: int) -> State:
    _, frame = top(state, i)
    if frame.drawn == ZEROS:
        raise Violation("a draw returns bytes that were made from zeros")
    if frame.drawn == SHARED:
        raise Violation("a draw returns bytes that its relative returns too")
    return state


@step("slots_leave", "core_thread.tail->calls++;", "slots.h")
def calls(world: World, state: State, i: int) -> Iterator[State]:
    yield goto(written(state, i, inside=page_of(state, i).inside - 1), i, "leave")


@step("slots_leave", "core_thread.stamp = core_thread.claimed;", "slots.h")
def leave(world: World, state: State, i: int) -> Iterator[State]:
    thread, frame = top(state, i)
    if frame.failed:
        yield goto(state, i, "refuse", {"stamp": thread.claimed}, stamp=0)
    elif frame.slow or frame.large:
        look = "still" if world.protocol.confirm_claim else "confirm"
        yield goto(state, i, look if frame.slow else "expanded", {"stamp": thread.claimed})
    else:
        yield over(state, i, stamp=thread.claimed)


@step("draw_failed", "core_thread.stamp = REFUSED;", "draw.c")
def refuse(world: World, state: State, i: int) -> Iterator[State]:
    yield over(state, i, stamp=REFUSED)


# The end: slots_confirm(), slots_still_hold(), and the system call


@step("bulk_draw", "expand(buf, len, key);", "bulk.c")
def expanded(world: World, state: State, i: int) -> Iterator[State]:
    noted = top(state, i)[1].stamp if world.protocol.note_before_key else page_of(state, i).stamp
    yield goto(state, i, "still", stamp=noted) if world.protocol.compare_large else over(_returned(state, i), i)


@step("slots_still_hold", "if (slots_hold(stamp))")
def still(world: World, state: State, i: int) -> Iterator[State]:
    if not _holds(world, state, i):
        yield goto(state, i, "unchanged", drawn=NOTHING, slow=False)
    elif top(state, i)[1].large and not top(state, i)[1].slow:
        yield over(_returned(state, i), i)
    elif top(state, i)[1].large:
        yield goto(state, i, "confirm")
    else:
        yield goto(_returned(state, i), i, "confirm", drawn=NOTHING)


@step("slots_confirm", "core_thread.slot->confirmed = stamp;")
def confirm(world: World, state: State, i: int) -> Iterator[State]:
    state = _returned(state, i) if not top(state, i)[1].large else state
    # Which thread is the first, which leaves this out, is not modelled: each may be.
    for after in (_confirmed(state, i, top(state, i)[1].stamp), state):
        if top(state, i)[1].large:
            yield goto(after, i, "expanded", slow=False, moved=False)
        else:
            yield over(after, i)


@step("slots_still_hold", "if (core_thread.stamp == stamp)")
def unchanged(world: World, state: State, i: int) -> Iterator[State]:
    thread, frame = top(state, i)
    same = thread.stamp == frame.stamp or not world.protocol.forget_if_unchanged
    yield goto(state, i, "forget" if same else "kernel", stamp=0)


@step("slots_still_hold", "core_thread.stamp = DREW_ONCE;")
def forget(world: World, state: State, i: int) -> Iterator[State]:
    yield goto(state, i, "kernel", {"stamp": DREW_ONCE})


@step("draw_from_kernel", "long answer = platform_getrandom(buf, len, flags);", "draw.c")
def kernel(world: World, state: State, i: int) -> Iterator[State]:
    yield goto(state, i, "answered")
    if world.bounds.refusals:
        yield over(state, i)


@step("slots_answered", "if (core_thread.stamp == NEVER || core_thread.stamp == REFUSED)")
def answered(world: World, state: State, i: int) -> Iterator[State]:
    if top(state, i)[0].stamp in (NEVER, REFUSED) or not world.protocol.answer_if_idle:
        yield goto(state, i, "drew_once")
    else:
        yield over(state, i)


@step("slots_answered", "core_thread.stamp = DREW_ONCE;")
def drew_once(world: World, state: State, i: int) -> Iterator[State]:
    yield over(state, i, stamp=DREW_ONCE)
