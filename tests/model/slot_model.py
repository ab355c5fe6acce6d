"""An exhaustive model of the slot protocol in shim/core/: what is explored, what must be found, and the command.

Run it from the tests folder: python3 -m model.slot_model --help. docs/model.md tells what is modelled and what is not.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace

from model.explore import Outcome, Situation, explore
from model.source import line_of
from model.state import BUSY, FIRST_STAMP, NO_ROOM, REFUSED, SHARED, State
from model.steps import DRAWING, STEPS
from model.world import Bounds, Protocol, World


@dataclass(frozen=True)
class Run:
    """The protocol as it is, within some bounds: nothing may break. It proves little unless all of `meets` came up."""

    name: str
    bounds: Bounds
    meets: tuple[Situation, ...] = ()


@dataclass(frozen=True)
class Break:
    """A precaution that is taken away (a field of Protocol), and what then goes wrong within the bounds."""

    precaution: str
    bounds: Bounds
    violation: str
    lively: bool = False


@dataclass(frozen=True)
class Spare:
    """A precaution without which nothing breaks within these bounds, and why it is there all the same."""

    precaution: str
    bounds: Bounds
    why: str


def state_is_handed_on(state: State) -> bool:
    return any(frame.at == "hand_on" for thread in state.threads if thread for frame in thread.frames)


def thread_ended_within_a_draw(state: State) -> bool:
    """Its page says so, and the next thread at this address has not looked yet."""
    owners = [state.threads[slot.home] if slot else None for slot in state.slots]
    return any(page.inside and not owner for page, owner in zip(state.pages, owners))


def child_has_bytes_of_its_parent(state: State) -> bool:
    return any(frame.drawn == SHARED for thread in state.threads if thread for frame in thread.frames)


def request_is_made_again(state: State) -> bool:
    return any(frame.at == "unchanged" for thread in state.threads if thread for frame in thread.frames)


def handler_came_before_busy(state: State) -> bool:
    """A handler has claimed a state while its thread was about to store BUSY."""
    return any(
        thread.frames[-1].at == "busy" and thread.frames[-1].stamp < FIRST_STAMP <= thread.stamp
        for thread in state.threads
        if thread
    )


def handler_came_before_forgetting(state: State) -> bool:
    """A handler has renewed the state while its thread was about to set its stamp back."""
    return any(
        thread.frames[-1].at == "unchanged" and thread.stamp not in (thread.frames[-1].stamp, BUSY)
        for thread in state.threads
        if thread
    )


def vfork_child_draws_from_the_state(state: State) -> bool:
    return any(thread.frames[-1].vforked and thread.frames[-1].at in DRAWING for thread in state.threads if thread)


def long_jump_left_a_thread_busy(state: State) -> bool:
    return any(t.stamp == BUSY and len(t.frames) == 1 and t.frames[0].at == "read" for t in state.threads if t)


def insertion_lost(state: State) -> bool:
    """Another thread has changed the bucket's head in between."""
    numbers = [thread.frames[-1].number for thread in state.threads if thread and thread.frames[-1].at == "swap"]
    slots = [state.slots[number] for number in numbers]
    return any(slot and slot.next != state.head for slot in slots)


def two_slots_in_a_bucket(state: State) -> bool:
    slot = state.slots[state.head - 1] if state.head else None
    return bool(slot and slot.next)


def thread_without_a_slot(state: State) -> bool:
    return any(thread.stamp == NO_ROOM for thread in state.threads if thread)


def thread_refused(state: State) -> bool:
    return any(thread.stamp == REFUSED for thread in state.threads if thread)


def page_changed_under_a_claim(state: State) -> bool:
    """The thread was moved, within a draw that claims, to where its page is another one."""
    return any(frame.moved and frame.slow for thread in state.threads if thread for frame in thread.frames)


RUNS = (
    Run(
        "a fork, drops, handlers",
        Bounds(forks=1, handlers=1, drops=True, large=True),
        (
            state_is_handed_on,
            thread_ended_within_a_draw,
            child_has_bytes_of_its_parent,
            request_is_made_again,
            handler_came_before_busy,
            handler_came_before_forgetting,
        ),
    ),
    Run("two threads, one slot, a fork", Bounds(addresses=2, forks=1), (thread_without_a_slot, state_is_handed_on)),
    Run("a vfork child", Bounds(forks=1, handlers=1, vforks=1), (vfork_child_draws_from_the_state,)),
    Run("a long jump", Bounds(forks=1, handlers=1, jumps=1), (long_jump_left_a_thread_busy,)),
    Run("refusals", Bounds(forks=1, handlers=1, refusals=True), (thread_refused,)),
    Run("a page that comes back", Bounds(returns=1), (page_changed_under_a_claim, request_is_made_again)),
)

LARGE = (
    Run("two threads, two slots", Bounds(addresses=2, slots=2), (insertion_lost, two_slots_in_a_bucket)),
    Run(
        "a page that comes back, and a move",
        Bounds(returns=1, moves=1, large=True),
        (page_changed_under_a_claim, request_is_made_again),
    ),
    Run("a page that comes back, handlers", Bounds(returns=1, handlers=1), (page_changed_under_a_claim,)),
    Run("a page that comes back, a fork", Bounds(returns=1, forks=1), (page_changed_under_a_claim,)),
    Run("two threads, a fork, drops", Bounds(addresses=2, forks=1, drops=True), (thread_ended_within_a_draw,)),
    Run("two forks, handlers", Bounds(forks=2, handlers=1, large=True), (child_has_bytes_of_its_parent,)),
)

ONE = Bounds()
FORK = Bounds(forks=1)
HANDLER = Bounds(handlers=1)
LARGE_REQUEST = Bounds(forks=1, handlers=1, large=True)
TWO_THREADS = Bounds(addresses=2, slots=2)
PAGE_COMES_BACK = Bounds(returns=1)

TWO_INSIDE = "two executions are inside one state"
FOREIGN = "a thread uses a slot whose home is not its record"
LEFT = "a draw begins on a state that was left in the middle of one"
TWICE = "a draw returns bytes that its relative returns too"
FROM_ZEROS = "a draw returns bytes that were made from zeros"
POISONED = "a draw begins on a poisoned state"

BREAKS = (
    Break("busy_before_comparison", Bounds(vforks=1, drops=True), POISONED),
    Break("refuse_when_busy", HANDLER, TWO_INSIDE),
    Break("compare_stamp", FORK, TWICE),
    Break("compare_with_first", ONE, "a thread follows a pointer to a tail that it has not got"),
    Break("compare_home", Bounds(addresses=2), FOREIGN),
    Break("hand_on_a_stamp", FORK, LEFT),
    Break("hand_on_confirmed", PAGE_COMES_BACK, FROM_ZEROS),
    Break("hand_on_at_rest", ONE, LEFT),
    Break("used_at_once", TWO_THREADS, FOREIGN),
    Break("swap_head", TWO_THREADS, "a thread has a slot that the table has lost"),
    Break("new_stamp", LARGE_REQUEST, TWICE),
    Break("take_many", Bounds(forks=1, handlers=1, drops=True, large=True), TWICE),
    Break("stamps_grow", LARGE_REQUEST, TWICE),
    Break("stamp_before_zeros", PAGE_COMES_BACK, FROM_ZEROS),
    Break("zero", ONE, LEFT),
    Break("remember_stamp", ONE, "a thread has a state and takes the slow path", lively=True),
    Break("unconfirm", PAGE_COMES_BACK, FROM_ZEROS),
    Break("confirm_claim", FORK, TWICE),
    Break("compare_large", Bounds(forks=1, large=True), TWICE),
    Break("note_before_key", LARGE_REQUEST, TWICE),
    Break("restore_stamp", ONE, "a thread is busy for ever", lively=True),
    Break("answer_if_idle", HANDLER, TWO_INSIDE),
)

SPARE = (
    Spare(
        "begun_first",
        Bounds(forks=1, handlers=1, drops=True, large=True),
        "a new stamp is not confirmed while the state changes, so nothing is handed on",
    ),
    Spare(
        "forget_if_unchanged",
        Bounds(forks=1, handlers=1, drops=True, large=True),
        "what a handler has claimed would be forgotten: the next draw seeds the state once more than it has to",
    ),
)


def explore_run(run: Run) -> Outcome:
    situations = {meets.__name__: meets for meets in run.meets}
    return explore(World(run.bounds), lively=True, situations=situations)


def explore_without(precaution: str, bounds: Bounds, *, lively: bool) -> Outcome:
    """Raises TypeError when there is no such precaution."""
    return explore(World(bounds, replace(Protocol(), **{precaution: False})), lively=lively)


def never_met(run: Run, outcome: Outcome) -> list[str]:
    return [meets.__name__ for meets in run.meets if not outcome.met[meets.__name__]]


def report(name: str, outcome: Outcome, seconds: float, *, trace: bool) -> None:
    print(f"{name:34} {outcome.states:9,} states {seconds:6.1f} s  {outcome.violation or 'nothing breaks'}", flush=True)
    if trace:
        print("".join(f"    {line}\n" for line in outcome.trace), end="")


def run_all(runs: Iterable[Run]) -> bool:
    """Print a line for each; whether all were intact and met what they are for."""
    good = True
    for run in runs:
        began = time.process_time()
        outcome = explore_run(run)
        report(run.name, outcome, time.process_time() - began, trace=True)
        for situation in never_met(run, outcome):
            print(f"    but there never was: {situation}")
        good &= not outcome.violation and not never_met(run, outcome)
    return good


def take_away(precautions: Iterable[str], *, trace: bool) -> bool:
    """Print a line for each; whether each absence had the consequence that is written down."""
    good = True
    found = {broken.precaution: broken for broken in BREAKS}
    spare = {each.precaution: each for each in SPARE}
    for precaution in precautions:
        began = time.process_time()
        broken = found.get(precaution)
        bounds = broken.bounds if broken else spare[precaution].bounds
        outcome = explore_without(precaution, bounds, lively=broken.lively if broken else True)
        report(f"without {precaution}", outcome, time.process_time() - began, trace=trace)
        if not broken:
            print(f"    {spare[precaution].why}")
        good &= outcome.violation == (broken.violation if broken else "")
    return good


def print_steps() -> None:
    for name, step in STEPS.items():
        place = f"shim/core/{step.file}:{line_of(step)}"
        print(f"{name:15} {place:24} {step.function + '()':20} {step.line}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python3 -m model.slot_model", description="Explore the slot protocol.")
    parser.add_argument("--large", action="store_true", help="the larger runs alone: minutes and GiB")
    parser.add_argument("--without", metavar="PRECAUTION", help="take away this one alone, and show what follows")
    parser.add_argument("--steps", action="store_true", help="show which line of C each step stands for")
    options = parser.parse_args()
    if options.steps:
        print_steps()
        return 0
    precautions = [each.precaution for each in (*BREAKS, *SPARE)]
    if options.without:
        if options.without not in precautions:
            parser.error(f"--without takes one of {', '.join(precautions)}")
        return 0 if take_away([options.without], trace=True) else 1
    if options.large:
        return 0 if run_all(LARGE) else 1
    good = run_all(RUNS)
    return 0 if take_away(precautions, trace=False) and good else 1


if __name__ == "__main__":
    sys.exit(main())
