"""Where the C code is that a step stands for, and which accesses to shared memory in it no step stands for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from model.steps import STEPS, Step

SHIM = Path(__file__).resolve().parents[2] / "shim"

# The functions of slots.c that a draw can run, and what in them other threads, a fork or the kernel have to do with.
MODELLED = (
    "owner_gone",
    "add_block",
    "grow",
    "take",
    "search",
    "slots_publish",
    "claim",
    "slots_claim",
    "slots_claim_later",
)
SHARED = re.compile(r"__atomic_|replace\(|next_claim\(|epoch_word\(|\bsys_|\bspare\b|all_slots|total_slots\(|slot->")

# Shared, and yet no step of its own: the beginning of the line, and why.
BETWEEN_STEPS = {
    "if (block == VGETRANDOM_BLOCKS)": "a constant; grow_count allows for no more blocks",
    "if (!spare)": "spare is its owner's alone, as the model checks: part of grow_map",
    "spare = sys_mmap(": "part of grow_map; when it fails, grow_count goes to grow_release",
    "all_slots.block[block] = (uintptr_t)spare;": "nobody looks at it before grow_publish",
    "__atomic_store_n(&cursor,": "look takes any slot, wherever the cursor is",
    "__atomic_store_n(&credit,": "look goes on or gives up, whatever the credit is",
    "if (tries >= total || __atomic_load_n(&credit": "the same",
    "if (__atomic_load_n(&credit": "the same",
    "__atomic_fetch_add(&credit": "the same",
    "__atomic_fetch_sub(&credit": "the same",
    "slot = take(slot_at(__atomic_fetch_add(&cursor": "look takes any slot",
    "uint64_t total = total_slots();": "part of look; an older total only leaves fewer slots to choose from",
    "total = total_slots();": "the same",
    "slot->calls = slot->bytes = 0;": "a counter",
    "__atomic_fetch_add(&this_epoch->threads": "a counter",
    "all_slots.forks += published;": "a counter",
    "__atomic_fetch_add(&this_epoch->first_draws": "a counter",
    "if (!epoch_word() && report_wanted())": "where reports are wanted: it publishes as a claim does",
    "volatile uint64_t *state = ": "the slot's state never changes: grow_map is for slots that nobody has",
    "thread.state = (void *)(uintptr_t)slot->state;": "the same; the record is not looked at while the thread is busy",
}


def squeezed(line: str) -> str:
    return " ".join(line.split())


def function(file: str, name: str) -> Iterator[tuple[int, str]]:
    """The lines of a function, comments left out, with their numbers. Raises LookupError when there is none."""
    text = (SHIM / file).read_text()
    text = re.sub(r"/\*.*?\*/", lambda comment: re.sub(r"[^\n]", "", comment[0]), text, flags=re.DOTALL)
    lines = text.splitlines()
    for first, line in enumerate(lines):
        if re.match(rf"[a-z].*\b{name}\([^;]*$", line):
            last = lines.index("}", first)
            return ((number + 1, squeezed(lines[number])) for number in range(first + 1, last))
    raise LookupError(f"{file} has no function {name}()")


def line_of(step: Step) -> int:
    """The number of the line that a step stands for. Raises LookupError when it is not there any more."""
    for number, line in function(step.file, step.function):
        if line == step.line:
            return number
    raise LookupError(f"{step.function}() in {step.file} has no line `{step.line}`")


def overlooked() -> list[str]:
    """Lines of slots.c that touch something shared and that the model says nothing about."""
    steps = {(step.function, step.line) for step in STEPS.values()}
    return [
        f"{name}(), line {number}: {line}"
        for name in MODELLED
        for number, line in function("slots.c", name)
        if SHARED.search(line) and (name, line) not in steps and not line.startswith(tuple(BETWEEN_STEPS))
    ]
