"""`vgetrandom check` on real programs, beside a timing that knows nothing of it: the table in docs/gains.md.

Usage: python tests/gains.py [--document docs/gains.md] [--only PATTERN] [--pairs N] [--scale X]

Each program is judged by `check` first; where that can't tell, once more with as many pairs as it asks for. Then it
runs again in pairs, without and with LD_PRELOAD, here: user and system time as wait4(2) counts it, the median of the
ratios, and a bootstrap interval that holds its true value in 99 of 100 cases. Both say what they found, and the last
column whether the two can both be true.

Programs that are not installed are named and left out. Takes about half a minute each.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from command import command_line
from gain_programs import GAIN_PROGRAMS, installed
from vgetrandom.bench.programs import Program
from vgetrandom.output.document import markdown_table, replace_section
from vgetrandom.preload.library import library_path
from vgetrandom.system.host import look

BEGIN = "<!-- begin: written by tests/gains.py -->"
COLUMNS = ("program", "its random bytes", "system calls", "`check`", "timed apart", "both")
RESAMPLES = 2000
MOST_PAIRS = 48  # that check is asked for the second time


@dataclass(frozen=True)
class Timing:
    """Processor time with the library in that without; `low` to `high` holds the true median in 99 of 100 cases."""

    median: float
    low: float
    high: float


def time_apart(words: Sequence[str], folder: Path, library: Path, pairs: int) -> Timing:
    """Run the command in pairs; which comes first is drawn anew each time."""
    bare = {name: value for name, value in os.environ.items() if name not in ("LD_PRELOAD", "VGETRANDOM")}
    loaded = {**bare, "LD_PRELOAD": str(library)}
    ratios = []
    for _ in range(pairs):
        order = [("bare", bare), ("loaded", loaded)]
        random.shuffle(order)
        spent = {name: processor_time(words, folder, environment) for name, environment in order}
        ratios.append(spent["loaded"] / spent["bare"])
    medians = sorted(statistics.median(random.choices(ratios, k=pairs)) for _ in range(RESAMPLES))
    return Timing(statistics.median(ratios), medians[RESAMPLES // 200], medians[-1 - RESAMPLES // 200])


def processor_time(words: Sequence[str], folder: Path, environment: Mapping[str, str]) -> float:
    """Seconds of user and system time of the command and of all that it waited for."""
    nothing = subprocess.DEVNULL
    process = subprocess.Popen(words, cwd=folder, env=environment, stdin=nothing, stdout=nothing, stderr=nothing)
    _pid, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{words} ends with {process.returncode}")
    return usage.ru_utime + usage.ru_stime


def judge(words: Sequence[str], folder: Path, pairs: int | None) -> dict[str, Any]:
    """What `check --json` says."""
    repeat = ["--repeat", pairs] if pairs else []
    done = subprocess.run(
        command_line("check", "--json", *repeat, "--", *words),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    if not done.stdout:
        raise SystemExit(f"check said nothing of {words}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def agree(gain: Mapping[str, Any], timing: Timing) -> str:
    """Whether the interval of check, where it has a verdict, and the one of the other timing overlap."""
    ratio = gain["ratio"]
    if gain["verdict"] == "can't tell" or not ratio:
        return "-"
    return "agree" if ratio["low"] <= timing.high and timing.low <= ratio["high"] else "DISAGREE"


def change(ratio: float) -> str:
    """ "12.3 % less"."""
    return f"{abs(ratio - 1) * 100:.1f} % {'less' if ratio < 1 else 'more'}"


def bounds(median: float, low: float, high: float) -> str:
    """ "12.3 % less (10.1 % less to 14.2 % less)"."""
    return f"{change(median)} ({change(low)} to {change(high)})"


def row(program: Program, scale: float, found: Mapping[str, Any], timing: Timing) -> tuple[str, ...]:
    gain, before, after = found["gain"], found["without"], found["with"]
    ratio = gain["ratio"]
    said = f"**{gain['verdict']}**" + (f", {bounds(ratio['median'], ratio['low'], ratio['high'])}" if ratio else "")
    if gain["measure"] != "time":
        said += f" {gain['measure']}"
    calls = f"{before['system_calls']:,} to {after['system_calls']:,}"
    reached = "" if found["reached"] else "; not reached"
    times = bounds(timing.median, timing.low, timing.high)
    return program.title(scale), program.why, calls + reached, said, times, agree(gain, timing)


def measure(program: Program, scale: float, library: Path, pairs: int | None) -> tuple[str, ...]:
    with tempfile.TemporaryDirectory(prefix="vgetrandom-gains-") as name:
        folder = Path(name)
        folder.chmod(0o777)
        words = program.words(scale)
        processor_time(words, folder, os.environ)  # what it makes once, it has made before anybody measures
        found = judge(words, folder, pairs)
        timing = time_apart(words, folder, library, pairs or 24)
        if not pairs and found["gain"]["more"]:
            found = judge(words, folder, min(MOST_PAIRS, found["gain"]["pairs"] + found["gain"]["more"]))
        if not pairs and agree(found["gain"], timing) == "DISAGREE":
            found = judge(words, folder, MOST_PAIRS)
        return row(program, scale, found, timing)


def header(loads: Sequence[float]) -> list[str]:
    host = look()
    models = re.findall(r"^model name\s*: (.*)", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    load = f"{min(loads):.0f} to {max(loads):.0f}" if loads else "unknown"
    return [
        f"{(models or [host.machine])[0]}, {os.cpu_count()} CPUs, Linux {host.kernel.split('-')[0]}, {host.libc}; "
        f"load average while it ran: {load}.",
        "",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--document", type=Path, help="write the table into this page, between its marks")
    parser.add_argument("--only", default="*", metavar="PATTERN", help="programs whose title fits")
    parser.add_argument("--pairs", type=int, metavar="N", help="of runs, for check and for the timing")
    parser.add_argument("--scale", type=float, default=1, metavar="X", help="how much each program does (default: 1)")
    args = parser.parse_args()
    library = library_path()
    rows, loads, missing = [], [], []
    for program in GAIN_PROGRAMS:
        if not fnmatch.fnmatch(program.title(args.scale), args.only):
            continue
        if not installed(program):
            missing.append(program.title(args.scale))
            continue
        rows.append(measure(program, args.scale, library, args.pairs))
        loads.append(os.getloadavg()[0])
        print(" | ".join(rows[-1]), f"(load {loads[-1]:.0f})", file=sys.stderr, flush=True)
    left_out = ["", f"Not installed: {', '.join(missing)}."] if missing else []
    text = "\n".join([*header(loads), *markdown_table(COLUMNS, rows, 6), *left_out])
    if args.document:
        replace_section(args.document, BEGIN, text)
    else:
        print(text)


if __name__ == "__main__":
    main()
