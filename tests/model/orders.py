"""The memory orders in shim/: real functions of core/ under Relacy, as they are and with each order weakened once.

Run it from the tests folder: python3 -m model.orders. It needs Debian's relacy-dev and g++.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

SHIM = Path(__file__).resolve().parents[2] / "shim"
HARNESS = Path(__file__).with_suffix(".cpp")
RELACY = Path("/usr/include/relacy/relacy.hpp")

# What the harness runs, in the order in which C++ has to see it.
FUNCTIONS = (
    ("core/slots.c", "bucket_of"),
    ("core/slots.c", "find"),
    ("core/slots.c", "give"),
    ("core/draw.c", "user_span"),
    ("core/draw.c", "draw_start"),
    ("core/draw.c", "draw_slowly"),
    ("core/draw.h", "draw"),
    ("core/unusual.c", "acceptable"),
    ("core/unusual.c", "draw_unusual"),
)
# C that C++ has to say in another way, as the harness has a type for memory that is accessed atomically.
IN_CPP = (
    ("static uint16_t *bucket_of(", "static Shared<uint16_t> *bucket_of("),
    ("uint16_t *bucket = bucket_of(home), head;", "Shared<uint16_t> *bucket = bucket_of(home);\n\tuint16_t head;"),
)
SCENARIOS = (
    "two threads look, then take",
    "two threads take, one looks",
    "a small request at the start",
    "a large request at the start",
    "a request without vectors at the start",
    "a first draw at the start",
)
_LISTS, _START = SCENARIOS[:2], SCENARIOS[2:]
# The scenarios that need the order of an operation, by its function; each of these has one.
NEEDED = {
    "find": SCENARIOS[:2],
    "give": SCENARIOS[:2],
    "draw_start": SCENARIOS[2:],
    "draw_slowly": SCENARIOS[5:],
    "draw_unusual": SCENARIOS[2:5],
}
GOOD = " executions"  # how Relacy's answer ends when nothing was found

_ORDER = re.compile(r"__ATOMIC_(ACQUIRE|RELEASE|ACQ_REL|SEQ_CST|CONSUME)")
_FENCE = re.compile(r"__atomic_\w+_fence|__sync_")


class Operation(NamedTuple):
    """A line of C with an order other than relaxed, and what stands right above it."""

    file: str
    number: int
    text: str
    above: str


def operations() -> Iterator[Operation]:
    """All of shim/, in the order of files and lines."""
    for path in sorted(SHIM.rglob("*.[chS]")):
        lines = path.read_text().splitlines()
        for index, line in enumerate(lines):
            if _ORDER.search(line) or _FENCE.search(line):
                above = lines[index - 1]
                yield Operation(str(path.relative_to(SHIM)), index + 1, line.strip(), above.strip())


def function(file: str, name: str) -> str:
    """The whole text of a function. Raises LookupError unless it is there once."""
    found = re.findall(rf"^[^\n/#]*\b{name}\([^;{{]*\)\n{{\n.*?^}}\n", (SHIM / file).read_text(), re.M | re.S)
    if len(found) != 1:
        raise LookupError(f"{file} has {len(found)} functions {name}()")
    return str(found[0])


def program() -> str:
    """The functions in C++, each order with its number."""
    text = "\n".join(function(file, name) for file, name in FUNCTIONS)
    for c, cpp in IN_CPP:
        if text.count(c) != 1:
            raise LookupError(f"{c} is there {text.count(c)} times")
        text = text.replace(c, cpp)
    numbers = iter(range(text.count("__ATOMIC_")))
    text = _ORDER.sub(lambda order: f"order({next(numbers)}, rl::mo_{order[1].lower()})", text)
    return text.replace("__ATOMIC_RELAXED", "rl::mo_relaxed").replace("__atomic_", "atomic_")


def numbered() -> list[tuple[str, str]]:
    """Function and line of each operation with an order; program() gives them these numbers."""
    return [
        (name, line.strip())
        for file, name in FUNCTIONS
        for line in function(file, name).splitlines()
        for _ in _ORDER.findall(line)
    ]


def build(folder: Path) -> Path:
    """Compile the harness with the functions; raises CalledProcessError."""
    (folder / "functions.inc").write_text(program())
    binary = folder / "orders"
    subprocess.run(["g++", "-std=c++17", "-w", f"-I{folder}", "-o", binary, HARNESS], check=True)
    return binary


def explore(binary: Path, scenario: str, weakened: int = -1) -> str:
    """How many executions were good, or what Relacy found."""
    done = subprocess.run([binary, scenario, str(weakened)], capture_output=True, text=True)
    if done.returncode not in (0, 1):
        raise RuntimeError(f"{scenario}: status {done.returncode}: {done.stderr}")
    return done.stdout.strip()


def main() -> int:
    """Print what is found. The exit status is 0 when the code holds and each weakened order is seen."""
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        binary = build(Path(folder))
        for scenario in SCENARIOS:
            found = explore(binary, scenario)
            wrong += not found.endswith(GOOD)
            print(f"{scenario}: {found}")
        for number, (name, line) in enumerate(numbered()):
            print(f"\n{name}(): {line}")
            for scenario in NEEDED[name]:
                found = explore(binary, scenario, number)
                wrong += found.endswith(GOOD)
                print(f"    relaxed, {scenario}: {found}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
