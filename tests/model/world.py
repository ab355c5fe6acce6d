"""What is explored: the protocol, perhaps without one of its precautions, and how much may happen to it."""

from __future__ import annotations

from dataclasses import dataclass

from model.state import Page, State, Thread


@dataclass(frozen=True)
class Protocol:
    """The protocol as shim/core/ has it. Each field, when false, takes one precaution away."""

    busy_before_comparison: bool = True  # slots_enter(): busy first, then look at the stamp
    refuse_when_busy: bool = True  # slots_claim(): a draw that interrupted another one claims nothing
    compare_stamp: bool = True  # slots_hold(): the tail still has the thread's stamp
    compare_with_first: bool = True  # slots_hold(): a word is no stamp
    compare_home: bool = True  # find(): only the slot whose home is this thread's record
    hand_on_a_stamp: bool = True  # handed_on(): not from a page that was dropped
    hand_on_confirmed: bool = True  # handed_on(): only the stamp that a whole draw has confirmed
    hand_on_at_rest: bool = True  # handed_on(): not from a thread that ended within a draw
    used_at_once: bool = True  # give(): a slot's number is read and counted in one go
    swap_head: bool = True  # give(): the bucket's head changes only if it is as it was
    new_stamp: bool = True  # renew(): a number that nobody had
    take_many: bool = True  # new_stamp(): nobody else takes the numbers that a thread has left
    stamps_grow: bool = True  # a forked child goes on where its parent was
    begun_first: bool = True  # renew(): a draw is begun before the state changes
    stamp_before_zeros: bool = True  # renew()
    zero: bool = True  # renew()
    remember_stamp: bool = True  # renew(): core_thread.claimed
    unconfirm: bool = True  # renew(): until then nothing is handed on
    confirm_claim: bool = True  # slots_confirm(): the stamp once more at the end of a draw that claimed it
    compare_large: bool = True  # bulk_draw(): the stamp once more when the key was expanded
    note_before_key: bool = True  # bulk_draw(): the stamp of before the draw of the key
    restore_stamp: bool = True  # slots_claim(): the thread is no longer busy when the system call is its answer
    answer_if_idle: bool = True  # slots_answered(): a thread that is in a draw stays busy
    forget_if_unchanged: bool = True  # slots_still_hold(): not what a handler has claimed meanwhile


@dataclass(frozen=True)
class Bounds:
    """How much may happen. Draws are not bounded, nor are deaths and starts of threads."""

    addresses: int = 1  # of thread records
    slots: int = 1
    forks: int = 0
    handlers: int = 0  # signal handlers that interrupt each other on one thread
    vforks: int = 0
    jumps: int = 0  # long jumps out of a handler
    drops: bool = False
    returns: int = 0  # dropped pages that come back, until a flush
    moves: int = 0  # of a thread between processors within a draw that claims
    large: bool = False
    refusals: bool = False  # the kernel may refuse getrandom

    def start(self) -> State:
        """A process that has just loaded the library."""
        return State(
            threads=(Thread(), *[None] * (self.addresses - 1)),
            slots=(None,) * self.slots,
            pages=(Page(),) * self.slots,
            stale=(None,) * self.slots,
            forks=self.forks,
            vforks=self.vforks,
            jumps=self.jumps,
            returns=self.returns,
            moves=self.moves,
        )


@dataclass(frozen=True)
class World:
    bounds: Bounds
    protocol: Protocol = Protocol()


class Violation(Exception):
    """An invariant is broken; the sentence says how."""
