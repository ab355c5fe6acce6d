"""An exhaustive model of the slot protocol in shim/slots.c: what is explored, what must be found, and the command.

Run it from the tests folder: python3 -m model.slot_model --help. docs/model.md tells what is modelled and what is not.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace

from model.events import Bounds
from model.explore import Outcome, Situation, explore
from model.source import line_of
from model.state import BUSY, ELSEWHERE, PID, VFORKED, State, Zeroable
from model.steps import STEPS, Protocol, alive


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


def _dead(state: State, owner: Zeroable) -> bool:
    return owner is not None and owner.id not in (ELSEWHERE, VFORKED) and not alive(state, owner.id)


def dead_thread_left_a_slot(state: State) -> bool:
    return any(_dead(state, owner) for owner in state.slots)


def dead_thread_left_the_right_to_grow(state: State) -> bool:
    return _dead(state, state.grower)


def ancestor_left_the_right_to_grow(state: State) -> bool:
    return state.grower is not None and state.grower.id == ELSEWHERE


def survivor_and_new_thread_draw(state: State) -> bool:
    """The survivor is in the call that the fork interrupted, while a new thread draws."""
    drawing = [frame for thread in state.threads for frame in thread.frames if frame.at == "draw"]
    owners = [state.slots[frame.slot] for frame in drawing if frame.slot is not None]
    return len({owner.id == ELSEWHERE for owner in owners if owner}) == 2


def survivor_searches_for_its_ancestor(state: State) -> bool:
    """The survivor goes on with a search that the fork interrupted, under the ancestor's word."""
    words = [frame.word for thread in state.threads for frame in thread.frames if frame.at == "look"]
    return state.word is not None and any(word != state.word for word in words)


def ancestor_published(state: State) -> bool:
    """A fork came between getpid() and the compare-and-swap: the child's epoch bears its parent's pid."""
    return state.word is not None and state.word.id == ELSEWHERE


def vfork_child_published(state: State) -> bool:
    return state.word is not None and state.word.id == VFORKED


def vfork_child_draws_for_its_parent(state: State) -> bool:
    frames = [thread.frames[-1] for thread in state.threads if thread.frames]
    return state.word is not None and state.word.id == PID and any(f.vforked and f.at == "draw" for f in frames)


def handler_came_before_busy(state: State) -> bool:
    """A handler has claimed a slot while its thread was about to store BUSY."""
    return any(
        state.word is not None and thread.claimed == state.word == thread.epoch
        for thread in state.threads
        if thread.frames and thread.frames[-1].at == "busy" and thread.frames[-1].epoch != thread.epoch
    )


def long_jump_left_a_thread_busy(state: State) -> bool:
    return any(t.epoch == BUSY for t in state.threads if len(t.frames) == 1 and t.frames[0].at == "idle")


RUNS = (
    Run(
        "threads that die, growth",
        Bounds((2,), slots=1, blocks=1),
        (dead_thread_left_a_slot, dead_thread_left_the_right_to_grow),
    ),
    Run(
        "two threads, one forks",
        Bounds((2, 2)),
        (survivor_and_new_thread_draw, survivor_searches_for_its_ancestor, ancestor_published),
    ),
    Run("a fork in the middle of growth", Bounds((1, 2), slots=1, blocks=0), (ancestor_left_the_right_to_grow,)),
    Run("two forks", Bounds((1, 1, 2), slots=1), (survivor_searches_for_its_ancestor,)),
    Run(
        "vfork children",
        Bounds((1, 2), slots=1, vforks=1),
        (vfork_child_published, vfork_child_draws_for_its_parent),
    ),
    Run("handlers in handlers", Bounds((1, 2), slots=1, handlers=2), (handler_came_before_busy,)),
    Run("a long jump", Bounds((1, 2), slots=1, jumps=1), (long_jump_left_a_thread_busy,)),
)

LARGE = (
    Run("a leader that ends", Bounds((2, 2), mortal_leader=True)),
    Run("a fork, and growth in the child", Bounds((1, 2), slots=1, blocks=1)),
    Run("two forks, two threads each", Bounds((2, 2, 2))),
    Run("two vfork children", Bounds((1, 2), vforks=2)),
    Run("two new threads in the child", Bounds((1, 3), slots=1)),
    Run("all at once", Bounds((1, 2), slots=1, handlers=2, vforks=1, jumps=1)),
)

ONE = Bounds((1,))
GROWTH = Bounds((2,), slots=1, blocks=2)
FORK = Bounds((1, 1))
FORK_AND_THREAD = Bounds((1, 2))
UNCLAIMED = "draws from a state that it has not claimed in this epoch"
ZEROED = "is zeroed while it is in use"

BREAKS = (
    Break("busy_before_comparison", FORK, UNCLAIMED),
    Break("compare_epoch", FORK, UNCLAIMED),
    Break("no_epoch", ONE, "draws and has never claimed a state"),
    Break("refuse_when_busy", FORK, "two executions draw from state"),
    Break("number_first", Bounds((2, 2), slots=1), ZEROED),
    Break("redraw", FORK_AND_THREAD, UNCLAIMED),
    Break("compare_pid", FORK, "draws from a state in an epoch that bears an ancestor's pid"),
    Break("settle_if_survivor", Bounds((1, 2), slots=1, vforks=1), ZEROED),
    Break("look_again", FORK, UNCLAIMED),
    Break("age_of_claims", FORK_AND_THREAD, ZEROED),
    Break("wait_until_settled", FORK_AND_THREAD, ZEROED),
    Break("confirm_epoch", FORK_AND_THREAD, UNCLAIMED),
    Break("zero_after_swap", FORK_AND_THREAD, ZEROED),
    Break("grower_is_owned", GROWTH, "two executions add a block at once"),
    Break("forget_spare_first", GROWTH, "gives other states to the slots of a block that is in use"),
    Break("settle", FORK, "the survivor has drawn and the epoch is not settled", lively=True),
    Break("grower_can_go", GROWTH, "finds no slot although one is to be had", lively=True),
    Break("restore_epoch", ONE, "is busy for ever", lively=True),
)


def explore_run(run: Run) -> Outcome:
    return explore(Protocol(), run.bounds, lively=True, situations={meets.__name__: meets for meets in run.meets})


def explore_break(broken: Break) -> Outcome:
    return explore(replace(Protocol(), **{broken.precaution: False}), broken.bounds, lively=broken.lively)


def never_met(run: Run, outcome: Outcome) -> list[str]:
    return [meets.__name__ for meets in run.meets if not outcome.met[meets.__name__]]


def report(name: str, outcome: Outcome, seconds: float, trace: bool) -> None:
    print(f"{name:34} {outcome.states:9,} states {seconds:6.1f} s  {outcome.violation or 'nothing breaks'}", flush=True)
    if trace:
        print("".join(f"    {line}\n" for line in outcome.trace), end="")


def run_all(runs: Iterable[Run], breaks: Iterable[Break], trace: bool) -> bool:
    """Print a line for each; whether every run was intact and every break was found."""
    good = True
    for run in runs:
        began = time.process_time()
        outcome = explore_run(run)
        report(run.name, outcome, time.process_time() - began, trace)
        for situation in never_met(run, outcome):
            print(f"    but there never was: {situation}")
        good &= not outcome.violation and not never_met(run, outcome)
    for broken in breaks:
        began = time.process_time()
        outcome = explore_break(broken)
        report(f"without {broken.precaution}", outcome, time.process_time() - began, trace)
        good &= broken.violation in outcome.violation
    return good


def print_steps() -> None:
    for name, step in STEPS.items():
        print(f"{name:15} shim/{step.file}:{line_of(step):<4} {step.function + '()':16} {step.line}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python3 -m model.slot_model", description="Explore the slot protocol.")
    parser.add_argument("--large", action="store_true", help="the larger runs: some minutes, some GiB")
    parser.add_argument("--without", metavar="PRECAUTION", help="take away this one alone, and show what follows")
    parser.add_argument("--steps", action="store_true", help="show which line of C each step stands for")
    options = parser.parse_args()
    if options.steps:
        print_steps()
        return 0
    breaks = [broken for broken in BREAKS if options.without in (None, broken.precaution)]
    if not breaks:
        parser.error(f"--without takes one of {', '.join(broken.precaution for broken in BREAKS)}")
    runs = () if options.without else LARGE if options.large else RUNS
    return 0 if run_all(runs, () if options.large else breaks, trace=bool(options.without)) else 1


if __name__ == "__main__":
    sys.exit(main())
