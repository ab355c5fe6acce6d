"""What a guest said on its serial line (init.c has the form), as results of the conformance suite."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ..conformance.cases import Case
from ..conformance.results import Result, judge

PROBE = "probe"


@dataclass
class Transcript:
    """Reads a console line by line."""

    release: str = ""  # of the kernel, as uname(2) says
    troubles: list[str] = field(default_factory=list)
    ended: dict[str, Ended] = field(default_factory=dict)
    running: str = ""
    complaint: str = ""  # the last that QEMU, or the kernel in a panic, had to say

    def read(self, line: str) -> None:
        """One line; of what is not ours, the kernel's and the firmware's, only a complaint is kept."""
        # A firmware may leave escape sequences before our first line.
        found = re.search(r"vg([:>!]) (.*)", line)
        if not found:
            if complaint := re.search(r"Kernel panic - .*|^qemu-system-\S+: .*", line):
                self.complaint = complaint.group().rstrip()
            return
        mark, text = found.groups()
        if mark == ":":
            self._event(text.rstrip())
        elif mark == ">":
            self._output.append(text)
        else:
            self._errors.append(text)

    def __post_init__(self) -> None:
        self._output: list[str] = []
        self._errors: list[str] = []

    def _event(self, text: str) -> None:
        event, _, rest = text.partition(" ")
        words = rest.split()
        if event == "begin" and words:
            self.release = words[0]
        elif event == "trouble":
            self.troubles.append(rest)
        elif event == "run" and words:
            self.running = words[0]
            self._output, self._errors = [], []
        elif event == "end" and len(words) == 3 and words[0] == self.running:
            output, errors = ("".join(f"{line}\n" for line in lines) for lines in (self._output, self._errors))
            self.ended[words[0]] = Ended(int(words[1]), int(words[2]) / 1000, output, errors)
            self.running = ""


@dataclass(frozen=True)
class Ended:
    """How one program ended: its status as subprocess gives it, its time in the guest in seconds, what it printed."""

    status: int
    seconds: float
    output: str
    errors: str


@dataclass(frozen=True)
class Probe:
    """What the guest's first draws were."""

    page_size: int
    draws: int
    status: str  # the library's, as in VGETRANDOM_REPORT; "" when it left no report
    calls: int  # served by the vDSO: all but the first, which is left to the system call


def read_probe(ended: Ended) -> Probe | None:
    """Read the output of probe.c and the library's report in it; None when it did not end well."""
    values = dict(line.split("=", 1) for line in ended.output.splitlines() if re.match(r"[a-z_]+=", line))
    report = next((line for line in ended.output.splitlines() if line.startswith('{"vgetrandom"')), "{}")
    try:
        told = json.loads(report)
        numbers = int(values["page_size"]), int(values["draws"])
    except (KeyError, ValueError):
        return None
    return Probe(*numbers, str(told.get("status", "")), int(told.get("calls", 0)))


def verdict(probe: Probe | None, vdso: bool | None) -> str:
    """Why the draws were not served as they must be on a kernel with (without) getrandom in its vDSO, or ""."""
    if probe is None:
        return "the first program to draw did not end well"
    if not probe.status:
        return "the library left no report: it was not loaded"
    if vdso is None:
        vdso = probe.status == "active"
    served = f"status {probe.status}, {probe.calls} of {probe.draws} draws from the vDSO"
    if vdso and not (probe.status == "active" and probe.calls >= probe.draws - 1):
        return f"the kernel's vDSO has getrandom, but {served}"
    if not vdso and not (probe.status == "no-vdso" and not probe.calls):
        return f"the kernel's vDSO has no getrandom, but {served}"
    return ""


def case_results(
    transcript: Transcript, target: str, seed: str, cases: Sequence[Case], missing: Callable[[Case], str]
) -> list[Result]:
    """A result for every case; `missing` says why there is nothing from one that did not end."""
    results = []
    for case in cases:
        ended = transcript.ended.get(case.name)
        if ended:
            results.append(judge(case, target, ended.status, ended.seconds, seed, ended.output, ended.errors))
        else:
            why = missing(case)
            results.append(Result(case, target, "error", why, 0.0, seed, {}, (), f"{why}\n"))
    return results
