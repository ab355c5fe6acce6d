"""What the model's world consists of at one moment: the shared words, and every thread's record and frames.

Everything is an immutable tuple, so that a state can be a member of a set. Claim numbers are plain integers as in C;
renumbered() keeps them small, and makes one state of all those that differ in nothing the protocol can see.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import NamedTuple, Optional, Union

# Identities in the process that is followed: 0 is its pid and its leader's tid; 1 and more are its other threads' tids.
PID = 0
VFORKED = 90  # pid and tid of a CLONE_VM child; every such child has the same: the worst case of recycling
ELSEWHERE = 99  # any pid or tid of an ancestor process

# Values of thread.epoch besides epoch words; the first two as in slots.h.
NO_EPOCH = 1
BUSY = 2
STALE = 3  # every epoch word of an ancestor: a word never comes back, so that they are all alike


class Word(NamedTuple):
    """An owner or epoch word, `claim << VGETRANDOM_TID_BITS | id`. A word of zero is None."""

    claim: int
    id: int


Zeroable = Optional[Word]
Epoch = Union[Word, int]


class Frame(NamedTuple):
    """One execution of a draw: where it is, and the C code's local variables (empty while they are not needed)."""

    at: str = "idle"  # the step of steps.py that it takes next
    epoch: Epoch = 0  # what slots_enter() returned
    number: int = 0
    word: Zeroable = None
    tid: int | None = None
    slot: int | None = None
    owner: Zeroable = None
    total: int = 0
    vforked: bool = False  # the first frame of a CLONE_VM child, which runs on this thread's record


class Thread(NamedTuple):
    """`struct thread`, and the stack of executions that use it, each of which interrupted those before. Empty: dead."""

    frames: tuple[Frame, ...] = (Frame(),)
    epoch: Epoch = NO_EPOCH
    claimed: Epoch = 0
    slot: int | None = None


DEAD = Thread(frames=())


class State(NamedTuple):
    word: Zeroable
    settled: Zeroable
    slots: tuple[Zeroable, ...]  # the owner of each slot there is; its state is known by the slot's number
    threads: tuple[Thread, ...]
    grower: Zeroable = None
    spare: int = 0  # NO_SPARE, FRESH or PUBLISHED: what the pointer `spare` refers to
    blocks: int | None = None  # so many more may be added, of one slot each; None: nothing ever tries
    forks: int = 0  # so many more may happen; likewise the next two
    vforks: int = 0
    jumps: int = 0


NO_SPARE, FRESH, PUBLISHED = range(3)

# Steps at which Frame.number is the claim number of a word to be published.
PUBLISHING = frozenset({"publish_pid", "publish_swap"})


def _claims(state: State) -> tuple[list[int], list[int]]:
    """The claim numbers of the epoch words that anything can still be compared with; of owners, except the slots'."""
    words, owners = [], []
    if state.word:
        words.append(state.word.claim)
    if state.grower:
        owners.append(state.grower.claim)
    for thread in state.threads:
        for frame in thread.frames:
            if frame.word:
                words.append(frame.word.claim)
            if frame.number:
                (words if frame.at in PUBLISHING else owners).append(frame.number)
            if frame.owner:
                owners.append(frame.owner.claim)
    return words, owners


def newest(state: State) -> int:
    """The last claim number that was drawn, of those that are still to be seen anywhere."""
    words, owners = _claims(state)
    return max((*words, *owners, *[owner.claim for owner in state.slots if owner]), default=0)


class _Names(NamedTuple):
    """What renumbered() makes of a state: new claim numbers, and the old slot for each new one. None: as they are."""

    ranks: dict[int, int] | None
    slots: tuple[int, ...] | None


_Key = tuple[tuple[int, ...], tuple[Zeroable, ...], tuple[int, ...], tuple[Optional[int], ...]]


def _names(key: _Key) -> _Names:
    """Claim numbers of owners are compared with epoch words only: between two of these any order is as good.

    Likewise slots are all alike: they go by the age of their owner's claim, by the owner, and by who refers to them.
    """
    words, owners, others, references = key
    ordered = sorted(set(words))

    def age(claim: int) -> int:
        between = bisect_left(ordered, claim)
        return 2 * between + (claim in words)

    def place(slot: int) -> tuple[int, int, int]:
        owner = owners[slot]
        first = references.index(slot) if slot in references else len(references)
        return (age(owner.claim), owner.id, first) if owner else (-1, 0, first)

    slots = tuple(sorted(range(len(owners)), key=place))
    claims = [owner.claim for owner in (owners[slot] for slot in slots) if owner]
    appearance = {claim: n for n, claim in reversed(list(enumerate([*ordered, *claims, *others])))}
    ranked = sorted(appearance, key=lambda claim: (age(claim), appearance[claim]))
    ranks = {claim: n for n, claim in enumerate(ranked, 1)}
    return _Names(
        None if all(old == new for old, new in ranks.items()) else ranks,
        None if slots == tuple(range(len(owners))) else slots,
    )


_known: dict[_Key, _Names] = {}


def renumbered(state: State) -> State:
    """The same state for all that differ only in names: small claim numbers, and the slots in a fixed order."""
    words, others = map(tuple, _claims(state))
    references = tuple([user.slot for thread in state.threads for user in thread.frames])
    references += tuple([thread.slot for thread in state.threads])
    key = (words, state.slots, others, references)
    names = _known.get(key)
    if not names:
        names = _known[key] = _names(key)
    if state.settled and state.settled.claim not in words:
        state = state._replace(settled=None)  # equals no word that anyone could compare it with
    if names.slots:
        state = _with_slots(state, names.slots)
    return _with_ranks(state, names.ranks) if names.ranks else state


def _with_slots(state: State, slots: tuple[int, ...]) -> State:
    def slot(old: int | None) -> int | None:
        return None if old is None else slots.index(old)

    def thread(old: Thread) -> Thread:
        frames = tuple([frame._replace(slot=slot(frame.slot)) for frame in old.frames])
        return old._replace(frames=frames, slot=slot(old.slot))

    return state._replace(slots=tuple([state.slots[n] for n in slots]), threads=tuple(map(thread, state.threads)))


def _with_ranks(state: State, ranks: dict[int, int]) -> State:
    def word(old: Zeroable) -> Zeroable:
        return Word(ranks[old.claim], old.id) if old else None

    def epoch(old: Epoch) -> Epoch:
        return Word(ranks[old.claim], old.id) if isinstance(old, Word) else old

    def frame(old: Frame) -> Frame:
        number = ranks[old.number] if old.number else 0
        return old._replace(epoch=epoch(old.epoch), number=number, word=word(old.word), owner=word(old.owner))

    def thread(old: Thread) -> Thread:
        return Thread(tuple(map(frame, old.frames)), epoch(old.epoch), epoch(old.claimed), old.slot)

    return state._replace(
        word=word(state.word),
        settled=word(state.settled),
        slots=tuple(map(word, state.slots)),
        threads=tuple(map(thread, state.threads)),
        grower=word(state.grower),
    )
