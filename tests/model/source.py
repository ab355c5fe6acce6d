"""Where the C code is that a step stands for, and which accesses to shared memory in it no step stands for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from model.steps import STEPS, Step

CORE = Path(__file__).resolve().parents[2] / "shim" / "core"

# In each function of each file: what a record, the table or a page consists of.
FILES = tuple(sorted(path.name for path in CORE.glob("*.[ch]")))
SHARED = re.compile(r"__atomic_|core_thread|slots_table|\bslots?\[|\bslot->|\bbucket_of\(|\btail->|\*stamp\b|\*state\b")

# Shared, and yet no step of its own: the function, the beginning of the line, and why.
NO_STEP = {
    ("slots_begin", "struct tail *tail = core_thread.tail;"): "a record's pointer: while it is busy nobody changes it",
    ("slots_leave", "core_thread.tail->bytes +="): "a counter that decides nothing",
    ("settle", "core_thread.slot ="): "part of find or swap: while the record is busy nobody looks at it",
    ("settle", "core_thread.tail ="): "the same",
    ("bucket_of", "return &slots_table.buckets["): "an address; in the model all homes are in one bucket",
    ("find", "const struct slot *slots ="): "an address",
    ("find", "uint64_t home ="): "an address",
    ("find", "while (number && slots[number - 1].home"): "part of find: what the head leads to never changes",
    ("find", "number = slots[number - 1].next;"): "the same",
    ("give", "uint64_t home ="): "an address",
    ("give", "uint16_t *bucket = bucket_of"): "an address",
    ("give", "if (__atomic_load_n(&slots_table.used"): "part of count, which looks again",
    ("give", "slot = &slots_table.slots["): "an address",
    ("give", "slot->home = home;"): "part of link: nobody sees the slot before swap",
    ("give", "head = __atomic_load_n(bucket"): "part of link: swap compares it",
    ("handed_on", "const struct tail *tail = core_thread.tail;"): "as in slots_begin()",
    ("new_stamp", "uint64_t last = core_thread.claimed;"): "part of number: the record is busy",
    ("renew", "struct tail *tail = core_thread.tail;"): "as in slots_begin()",
    ("renew", "if (core_thread.slot->confirmed)"): "part of unconfirm: nobody else changes it",
    ("renew", "volatile uint64_t *state ="): "an address",
    ("renew", "if (!*stamp)"): "part of open: with a stamp of 0 nothing is handed on",
    ("renew", "tail->calls = tail->bytes = 0;"): "the same",
    ("slots_claim", "bool found = core_thread.tail || find();"): "as in slots_begin(); or find",
    ("slots_confirm", "if (&core_thread != core.first)"): "part of confirm: an address",
    ("draw_start", "core.first = &core_thread;"): "an address",
    ("draw_start", "__atomic_store_n(&core.small_limit"): "until then every draw is the system call",
    ("draw_unusual", "if (!__atomic_load_n(&core.small_limit"): "the same",
    ("draw_slowly", "(void)__atomic_load_n(&core.small_limit"): "until then every draw is the system call",
    ("draw_slowly", "stamp = core_thread.claimed;"): "part of begin: while the record is busy nobody changes it",
    ("bulk_draw", "stamp = core_thread.claimed;"): "the same",
}


class Line(NamedTuple):
    file: str
    function: str
    number: int
    text: str


def lines(file: str) -> Iterator[Line]:
    """The lines of all functions of a file, without comments and indentation."""
    text = (CORE / file).read_text()
    text = re.sub(r"/\*.*?\*/", lambda comment: re.sub(r"[^\n]", "", comment[0]), text, flags=re.DOTALL)
    function = ""
    before = ""
    for number, line in enumerate(text.splitlines(), 1):
        if line == "{":
            name = re.search(r"(\w+)\([^()]*\)$", before)
            function = name[1] if name else ""
        elif line.startswith("}"):
            function = ""
        elif function:
            yield Line(file, function, number, " ".join(line.split()))
        before = line.strip() or before


def line_of(step: Step) -> int:
    """The number of the line that a step stands for. Raises LookupError unless it is there once."""
    numbers = [line.number for line in lines(step.file) if (line.function, line.text) == (step.function, step.line)]
    if len(numbers) != 1:
        raise LookupError(f"{step.function}() in {step.file} has {len(numbers)} lines `{step.line}`")
    return numbers[0]


def without_step(line: Line) -> bool:
    return any(line.function == name and line.text.startswith(begin) for name, begin in NO_STEP)


def overlooked() -> list[str]:
    """Lines that touch something shared and that the model says nothing about."""
    steps = {(step.function, step.line) for step in STEPS.values()}
    return [
        f"{line.file}:{line.number}: {line.function}(): {line.text}"
        for file in FILES
        for line in lines(file)
        if SHARED.search(line.text) and (line.function, line.text) not in steps and not without_step(line)
    ]


def gone() -> list[str]:
    """What NO_STEP speaks of and is not there any more."""
    every = [line for file in FILES for line in lines(file)]
    return [
        f"{name}(): {begin}"
        for name, begin in NO_STEP
        if not any(line.function == name and line.text.startswith(begin) for line in every)
    ]
