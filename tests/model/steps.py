"""The steps of a draw, one for each access to memory that others share, in the order and under the names of the C code.

A step takes the whole state and says which states may follow. Steps that touch nothing but the execution's own
registers are part of the step before them. Between any two steps anything may happen: see events.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Callable, NamedTuple

from model.state import (
    BUSY,
    ELSEWHERE,
    FRESH,
    NO_EPOCH,
    NO_SPARE,
    PID,
    PUBLISHED,
    STALE,
    VFORKED,
    Frame,
    State,
    Thread,
    Word,
    newest,
)


@dataclass(frozen=True)
class Protocol:
    """The protocol as shim/slots.c has it. Each field, when false, takes one precaution away."""

    busy_before_comparison: bool = True  # slots_enter(): busy first, then look at the epoch
    compare_epoch: bool = True  # fill(): a thread that has a state looks whether it is for this epoch
    refuse_when_busy: bool = True  # slots_claim(): a draw that interrupted another one settles and claims nothing
    number_first: bool = True  # claim(): the claim number before anything else
    redraw: bool = True  # claim(): a number older than the epoch is drawn again
    compare_pid: bool = True  # claim(): no registration for a CLONE_VM child
    settle_if_survivor: bool = True  # claim(): only a record that has claimed in an earlier epoch proves the survivor
    look_again: bool = True  # slots_claim(): the epoch once more after the claim
    age_of_claims: bool = True  # owner_gone(): claims from before the epoch apart from those in it
    wait_until_settled: bool = True  # owner_gone(): claims from before the epoch only once it is settled
    confirm_epoch: bool = True  # owner_gone(): the kernel's answer counts only if the epoch still holds
    zero_after_swap: bool = True  # take(): zero the state only once it is ours
    grower_is_owned: bool = True  # grow(): one thread at a time
    forget_spare_first: bool = True  # add_block(): the block is no longer the spare one when others see it
    settle: bool = True  # claim(): the survivor settles at all
    grower_can_go: bool = True  # grow(): the right to grow is taken over from threads that are gone
    restore_epoch: bool = True  # slots_claim(): the thread is no longer busy when the system call is its answer
    no_epoch: bool = True  # a fresh record's epoch is not zero, as the word is in a new process


class Violation(Exception):
    """Two executions met, or are about to; the sentence says how."""


class Step(NamedTuple):
    file: str
    function: str
    line: str  # the line of C for which the step stands
    successors: Callable[[Protocol, State, int], Iterable[State]]


STEPS: dict[str, Step] = {}


def step(function: str, line: str, file: str = "slots.c") -> Callable[[Callable[..., Iterable[State]]], None]:
    def register(successors: Callable[[Protocol, State, int], Iterable[State]]) -> None:
        STEPS[successors.__name__] = Step(file, function, line, successors)

    return register


def top(state: State, i: int) -> Frame:
    return state.threads[i].frames[-1]


def with_thread(state: State, i: int, thread: Thread) -> State:
    """As _replace() does it, but this one is called for every step: naming the fields takes half the time."""
    threads = (*state.threads[:i], thread, *state.threads[i + 1 :])
    word, settled, slots, _, grower, spare, blocks, forks, vforks, jumps = state
    return State(word, settled, slots, threads, grower, spare, blocks, forks, vforks, jumps)


def with_frame(state: State, i: int, frame: Frame) -> State:
    frames, epoch, claimed, slot = state.threads[i]
    return with_thread(state, i, Thread((*frames[:-1], frame), epoch, claimed, slot))


def goto(state: State, i: int, at: str) -> State:
    return with_frame(state, i, top(state, i)._replace(at=at))


def with_slot(state: State, slot: int, owner: Word) -> State:
    return state._replace(slots=(*state.slots[:slot], owner, *state.slots[slot + 1 :]))


def in_vfork(thread: Thread) -> bool:
    return any(frame.vforked for frame in thread.frames)


def getpid(state: State, i: int) -> int:
    return VFORKED if in_vfork(state.threads[i]) else PID


def gettid(state: State, i: int) -> int:
    return VFORKED if in_vfork(state.threads[i]) else i


def alive(state: State, tid: int) -> bool:
    """Whether the kernel knows a thread `tid` of this process. A leader that has ended stays as a zombie."""
    return tid == PID or (tid < len(state.threads) and bool(state.threads[tid].frames))


def tgkill(state: State, pid: int, tid: int) -> tuple[bool, ...]:
    """Whether the kernel says that there is such a thread; both answers if it can't be known here."""
    if pid == ELSEWHERE:
        return (True, False) if tid == ELSEWHERE else (False,)
    if pid == VFORKED:
        return (tid == VFORKED and any(map(in_vfork, state.threads)),)
    return (alive(state, tid),)


# slots_enter(), fill(), slots_leave()


@step("slots_enter", "uint64_t epoch = thread.epoch;", "slots.h")
def idle(protocol: Protocol, state: State, i: int) -> Iterable[State]:
    thread = state.threads[i]
    if thread.epoch == BUSY and protocol.refuse_when_busy:
        return ()  # stores BUSY where it is, and slots_claim() returns at once: nothing changes
    then = "busy" if protocol.busy_before_comparison else "compare"
    return (with_frame(state, i, top(state, i)._replace(at=then, epoch=thread.epoch)),)


@step("slots_enter", "thread.epoch = BUSY;", "slots.h")
def busy(protocol: Protocol, state: State, i: int) -> Iterable[State]:
    state = with_thread(state, i, state.threads[i]._replace(epoch=BUSY))
    if protocol.busy_before_comparison:
        return (goto(state, i, "compare"),)
    return (begin(state, i) if top(state, i).total else goto(state, i, "number"),)


@step("fill", "if (unlikely(epoch != epoch_word()))", "fill.h")
def compare(protocol: Protocol, state: State, i: int) -> Iterable[State]:
    thread, frame = state.threads[i], top(state, i)
    same = frame.epoch == state.word if protocol.compare_epoch else bool(thread.claimed)
    if not protocol.no_epoch:
        same |= not state.word and frame.epoch == NO_EPOCH
    if not protocol.busy_before_comparison:
        return (with_frame(state, i, frame._replace(at="busy", total=int(same))),)
    return (begin(state, i) if same else goto(state, i, "number"),)


def begin(state: State, i: int) -> State:
    """The draw itself. Only here does it matter whether the state in the record is this thread's own in this epoch."""
    thread = state.threads[i]
    owner = None if thread.slot is None else state.slots[thread.slot]
    if not thread.claimed:
        raise Violation(f"thread {i} draws and has never claimed a state")
    if not owner or not state.word or thread.claimed != state.word or owner.claim < state.word.claim:
        raise Violation(f"thread {i} draws from a state that it has not claimed in this epoch")
    if state.word.id == ELSEWHERE:
        raise Violation(f"thread {i} draws from a state in an epoch that bears an ancestor's pid")
    if owner.id not in (i, VFORKED):
        raise Violation(f"thread {i} draws from a state that thread {owner.id} has claimed")
    return with_frame(state, i, Frame("draw", slot=thread.slot, vforked=top(state, i).vforked))


@step("slots_leave", "thread.epoch = thread.claimed;", "slots.h")
def draw(protocol: Protocol, state: State, i: int) -> Iterable[State]:
    thread = state.threads[i]
    return (finish(with_thread(state, i, thread._replace(epoch=thread.claimed)), i),)


def finish(state: State, i: int) -> State:
    return with_frame(state, i, Frame(vforked=top(state, i).vforked))


def fall_back(protocol: Protocol, state: State, i: int) -> State:
    """slots_claim() answers false: the record gets back the epoch that it had; what follows is the system call."""
    epoch = top(state, i).epoch if protocol.restore_epoch else BUSY
    return finish(with_thread(state, i, state.threads[i]._replace(epoch=epoch)), i)


# claim(), slots_publish()


@step("claim", "uint64_t number = next_claim();")
def number(protocol: Protocol, state: State, i: int) -> Iterable[State]:
    drawn = newest(state) + 1 if protocol.number_first else 0
    return (with_frame(state, i, top(state, i)._replace(at="word", number=drawn)),)


@step("claim", "uint64_t word = __atomic_load_n(&this_epoch->word, __ATOMIC_ACQUIRE);")
def word(protocol: Protocol, state: State, i: int) -> Iterable[State]:
    frame = top(state, i)
    if not state.word:
        return (with_frame(state, i, frame._replace(at="publish_number", number=0)),)
    if state.word.claim > frame.number and protocol.number_first and protocol.redraw:
        return (with_frame(state, i, frame._replace(at="number", number=0)),)
    return (with_frame(state, i, frame._replace(at="pid", word=state.word)),)


@step("slots_publish", "uint64_t number = next_claim();")
def publish_number(protocol: Protocol, state: State, i: int) -> Iterable[State]:
    return (with_frame(state, i, top(state, i)._replace(at="publish_pid", number=newest(state) + 1)),)


@step("slots_publish", "int pid = sys_getpid();")
def publish_pid(protocol: Protocol, state: State, i: int) -> Iterable[State]:
    return (with_frame(state, i, top(state, i)._replace(at="publish_swap", tid=getpid(state, i))),)


@step("slots_publish", "if (replace(&this_epoch->word, 0, number << VGETRANDOM_TID_BITS | (uint64_t)pid)) {")
def publish_swap(protocol: Protocol, state: State, i: int) -> Iterable[State]:
    frame = top(state, i)
    if not state.word:
        assert frame.tid is not None
        state = state._replace(word=Word(frame.number, frame.tid))
    return (with_frame(state, i, frame._replace(at="number", number=0, tid=None)),)


@step("claim", "if (sys_getpid() != ID(word))")
def pid(protocol: Protocol, state: State, i: int) -> Iterable[State]:
    frame = top(state, i)
    assert frame.word
    if getpid(state, i) != frame.word.id and protocol.compare_pid:
        return (fall_back(protocol, state, i),)
    return (goto(state, i, "tid"),)


@step("claim", "tid = sys_gettid();")
def tid(protocol: Protocol, state: State, i: int) -> Iterable[State]:
    frame, claimed, tid = top(state, i), state.threads[i].claimed, gettid(state, i)
    assert frame.word
    # A STALE claim is older than the word: only an ancestor's word is older still, and its pid is not our tid.
    survivor = tid == frame.word.id and (claimed == STALE or not protocol.settle_if_survivor)
    return (with_frame(state, i, frame._replace(at="settle" if survivor and protocol.settle else "look", tid=tid)),)


@step("claim", "__atomic_store_n(&this_epoch->settled, word, __ATOMIC_RELEASE);")
def settle(protocol: Protocol, state: State, i: int) -> Iterable[State]:
    return (goto(state._replace(settled=top(state, i).word), i, "look"),)


# search(), take(), owner_gone()


@step("take", "uint64_t owner = __atomic_load_n(&slot->owner, __ATOMIC_ACQUIRE);")
def look(protocol: Protocol, state: State, i: int) -> Iterator[State]:
    """search() as well: the cursor may stand anywhere, and the credit may be used up at any time."""
    frame = top(state, i)
    for slot, owner in enumerate(state.slots):
        yield with_frame(state, i, judged(protocol, frame._replace(slot=slot, owner=owner), "swap"))
    if state.blocks is None:
        yield fall_back(protocol, state, i)
    else:
        yield with_frame(state, i, frame._replace(at="grow", total=len(state.slots)))


def judged(protocol: Protocol, frame: Frame, then: str) -> Frame:
    """The frame before it asks whether the owner it has loaded is gone."""
    if not frame.owner:
        return frame._replace(at=then)
    assert frame.word
    old = frame.owner.claim < frame.word.claim and protocol.age_of_claims
    return frame._replace(at="judge_old" if old else "judge")


def verdict(protocol: Protocol, state: State, i: int, gone: bool) -> State:
    """Go on with a slot, or with the right to grow, whose owner is gone or not."""
    growing = bool(top(state, i).total)
    if gone:
        if growing:
            return goto(state, i, "grow_swap")
        return goto(state, i, "swap" if protocol.zero_after_swap else "zero")
    return fall_back(protocol, state, i) if growing else next_slot(state, i)


def next_slot(state: State, i: int) -> State:
    return with_frame(state, i, top(state, i)._replace(at="look", slot=None, owner=None, total=0))


@step("owner_gone", "return __atomic_load_n(&this_epoch->settled, __ATOMIC_ACQUIRE) == word;")
def judge_old(protocol: Protocol, state: State, i: int) -> Iterable[State]:
    settled = state.settled == top(state, i).word or not protocol.wait_until_settled
    return (verdict(protocol, state, i, settled),)


TGKILL = "return sys_tgkill(ID(word), ID(owner), 0) == -ESRCH && epoch_word() == word;"


@step("owner_gone", TGKILL)
def judge(protocol: Protocol, state: State, i: int) -> Iterator[State]:
    frame = top(state, i)
    assert frame.word and frame.owner
    for exists in tgkill(state, frame.word.id, frame.owner.id):
        if exists or not protocol.confirm_epoch:
            yield verdict(protocol, state, i, not exists)
        else:
            yield goto(state, i, "confirm")


@step("owner_gone", TGKILL)
def confirm(protocol: Protocol, state: State, i: int) -> Iterable[State]:
    return (verdict(protocol, state, i, state.word == top(state, i).word),)


@step("take", "if ((owner && !owner_gone(owner, word)) || !replace(&slot->owner, owner, self))")
def swap(protocol: Protocol, state: State, i: int) -> Iterable[State]:
    frame = top(state, i)
    assert frame.slot is not None and frame.tid is not None
    if state.slots[frame.slot] != frame.owner:
        return (next_slot(state, i),)
    self = Word(frame.number if protocol.number_first else newest(state) + 1, frame.tid)
    state = with_slot(state, frame.slot, self)
    zero = frame.owner and protocol.zero_after_swap
    return (with_frame(state, i, frame._replace(at="zero" if zero else "again", number=0, tid=None, owner=None)),)


@step("take", "state[i] = 0;")
def zero(protocol: Protocol, state: State, i: int) -> Iterable[State]:
    return (goto(state, i, "again" if protocol.zero_after_swap else "swap"),)


@step("slots_claim", "if (thread.claimed == epoch_word())")
def again(protocol: Protocol, state: State, i: int) -> Iterable[State]:
    frame = top(state, i)
    assert frame.word
    holds = frame.word == state.word
    thread = state.threads[i]._replace(slot=frame.slot if holds else None, claimed=frame.word if holds else STALE)
    state = with_thread(state, i, thread)
    if holds or not protocol.look_again:
        return (begin(state, i),)
    return (with_frame(state, i, Frame("number", epoch=frame.epoch, vforked=frame.vforked)),)


# grow(), add_block()


@step("grow", "uint64_t owner = __atomic_load_n(&grower, __ATOMIC_ACQUIRE);")
def grow(protocol: Protocol, state: State, i: int) -> Iterable[State]:
    frame = top(state, i)
    if not protocol.grower_is_owned:
        return (goto(state, i, "grow_count"),)
    if state.grower and not protocol.grower_can_go:
        return (fall_back(protocol, state, i),)
    return (with_frame(state, i, judged(protocol, frame._replace(owner=state.grower), "grow_swap")),)


@step("grow", "if ((owner && !owner_gone(owner, word)) || !replace(&grower, owner, self))")
def grow_swap(protocol: Protocol, state: State, i: int) -> Iterable[State]:
    frame = top(state, i)
    if state.grower != frame.owner:
        return (fall_back(protocol, state, i),)
    assert frame.tid is not None
    self = Word(frame.number if protocol.number_first else newest(state) + 1, frame.tid)
    return (with_frame(state._replace(grower=self), i, frame._replace(at="grow_count", number=self.claim, owner=None)),)


@step("grow", "grown = total_slots() > total || add_block(all_slots.blocks);")
def grow_count(protocol: Protocol, state: State, i: int) -> Iterator[State]:
    frame = top(state, i)
    if len(state.slots) > frame.total:
        yield goto(state, i, "grow_release")
        return
    yield with_frame(state, i, frame._replace(at="grow_release", total=0))  # mmap() fails, or no block is left
    if state.blocks:
        yield goto(state, i, "grow_map")


@step("add_block", "if (!spare || !map_states(spare, block_slots(block)))")
def grow_map(protocol: Protocol, state: State, i: int) -> Iterable[State]:
    if state.spare == PUBLISHED:
        raise Violation(f"thread {i} gives other states to the slots of a block that is in use")
    return (goto(state._replace(spare=FRESH), i, "grow_forget" if protocol.forget_spare_first else "grow_publish"),)


@step("add_block", "spare = NULL;")
def grow_forget(protocol: Protocol, state: State, i: int) -> Iterable[State]:
    then = "grow_publish" if protocol.forget_spare_first else "grow_release"
    return (goto(state._replace(spare=NO_SPARE), i, then),)


@step("add_block", "__atomic_store_n(&all_slots.blocks, block + 1, __ATOMIC_RELEASE);")
def grow_publish(protocol: Protocol, state: State, i: int) -> Iterable[State]:
    assert state.blocks
    state = state._replace(slots=(*state.slots, None), blocks=state.blocks - 1)
    if protocol.forget_spare_first:
        return (goto(state, i, "grow_release"),)
    return (goto(state._replace(spare=PUBLISHED), i, "grow_forget"),)


@step("grow", "replace(&grower, self, 0);")
def grow_release(protocol: Protocol, state: State, i: int) -> Iterable[State]:
    frame = top(state, i)
    if state.grower == (frame.number, frame.tid):
        state = state._replace(grower=None)
    return (next_slot(state, i) if frame.total else fall_back(protocol, state, i),)


# Steps at which an execution is adding a block.
GROWING = frozenset({"grow_count", "grow_map", "grow_forget", "grow_publish"})
