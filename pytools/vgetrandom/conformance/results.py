"""What one run of a case said, read from its TAP, and the files made from many of them."""

from __future__ import annotations

import re
import signal
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .cases import Case

SCHEMA = 1
EXPECTED, UNEXPECTED = "expected", "unexpected"  # failed as a file says that it does; passed though it says so
BAD = ("fail", "crash", "timeout", "error")  # how a run can fail
OUTCOMES = ("pass", "skip", EXPECTED, UNEXPECTED, *BAD)  # from best to worst
GOOD = ("pass", "skip", EXPECTED)
_FAILURES, _SKIPPED = ("fail", UNEXPECTED), ("skip", EXPECTED)  # as JUnit has them
_POINT = re.compile(r"(not )?ok\b *[0-9]* *-? *(.*)")
_PLAN = re.compile(r"1\.\.([0-9]+)(?: *# *SKIP *(.*))?")


@dataclass(frozen=True)
class Result:
    """One run of one case against one target."""

    case: Case
    target: str
    outcome: str  # one of OUTCOMES
    reason: str  # why it is not a pass: the skip's reason, the first failed point, the signal
    seconds: float
    seed: str
    facts: dict[str, str]
    failures: tuple[str, ...]  # descriptions of the failed points, with their diagnostics
    output: str  # all that the case printed, standard error last

    @property
    def bad(self) -> bool:
        return self.outcome not in GOOD


def judge(case: Case, target: str, status: int, seconds: float, seed: str, output: str, errors: str) -> Result:
    """Make a result from how a case ended and what it printed; `status` as subprocess gives it (negative: a signal)."""
    points, failures, facts = 0, [], {}
    plan, skipped, watchdog, bailed = -1, None, 0.0, ""
    for line in output.splitlines():
        point = _POINT.match(line)
        planned = _PLAN.match(line)
        if point:
            points += 1
            if point.group(1):
                failures.append(point.group(2))
        elif planned:
            plan, skipped = int(planned.group(1)), planned.group(2)
        elif line.startswith("Bail out!"):
            bailed = line[len("Bail out!") :].strip() or "no reason given"
        elif line.startswith("# fact: "):
            name, _, value = line[len("# fact: ") :].partition("=")
            facts[name] = value
        elif line.startswith("# watchdog: "):
            watchdog = float(line.split()[2])
        elif line.startswith("#   ") and failures:
            failures[-1] += f" ({line[1:].strip()})"
    if status == -signal.SIGKILL and watchdog and seconds >= watchdog * 0.99:
        outcome, reason = "timeout", f"no end after {watchdog:.0f} s"
    elif status < 0:
        outcome, reason = "crash", f"{_signal_name(-status)}{', after: ' + failures[0] if failures else ''}"
    elif failures:
        outcome, reason = "fail", failures[0]
    elif bailed:
        outcome, reason = "error", bailed
    elif plan == 0:
        outcome, reason = "skip", skipped or "no reason given"
    elif status != 0 or plan != points:
        said = errors.strip().splitlines()
        outcome = "error"
        reason = f"exit status {status}, {points} of {max(plan, 0)} points{': ' + said[-1] if said else ''}"
    else:
        outcome, reason = "pass", ""
    return Result(case, target, outcome, reason, seconds, seed, facts, tuple(failures), output + errors)


def worst(results: Iterable[Result]) -> Result:
    """The one result that stands for several runs of the same case against the same target."""
    return max(results, key=lambda result: OUTCOMES.index(result.outcome))


def as_json(results: Sequence[Result], profile: str, identities: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A JSON document: stable keys, seconds in `seconds`; by target, what its processes had mapped."""
    return {
        "schema": SCHEMA,
        "profile": profile,
        "identities": identities or {},
        "targets": list(dict.fromkeys(result.target for result in results)),
        "outcomes": {name: sum(result.outcome == name for result in results) for name in OUTCOMES},
        "results": [
            {
                "case": result.case.name,
                "group": result.case.group,
                "kind": result.case.kind,
                "target": result.target,
                "outcome": result.outcome,
                "reason": result.reason,
                "seconds": round(result.seconds, 3),
                "seed": result.seed,
                "facts": result.facts,
                "failures": list(result.failures),
            }
            for result in results
        ],
    }


def as_junit(results: Sequence[Result], identities: Mapping[str, str] | None = None) -> str:
    """A JUnit XML document: one suite a target, with its identity as a property; one class a group.

    A failure that is expected is skipped there, with the reason.
    """
    suites = ElementTree.Element("testsuites", name="vgetrandom conform")
    for target in dict.fromkeys(result.target for result in results):
        mine = [result for result in results if result.target == target]
        suite = ElementTree.SubElement(
            suites,
            "testsuite",
            name=target,
            tests=str(len(mine)),
            failures=str(sum(result.outcome in _FAILURES for result in mine)),
            errors=str(sum(result.bad and result.outcome not in _FAILURES for result in mine)),
            skipped=str(sum(result.outcome in _SKIPPED for result in mine)),
            time=f"{sum(result.seconds for result in mine):.3f}",
        )
        if identities and target in identities:
            properties = ElementTree.SubElement(suite, "properties")
            ElementTree.SubElement(properties, "property", name="identity", value=_xml_text(identities[target]))
        for result in mine:
            name = {"classname": f"{target}.{result.case.group}", "name": result.case.name}
            entry = ElementTree.SubElement(suite, "testcase", name, time=f"{result.seconds:.3f}")
            if result.outcome in _SKIPPED:
                why = "expected to fail: " if result.outcome == EXPECTED else ""
                ElementTree.SubElement(entry, "skipped", message=_xml_text(why + result.reason))
            elif result.bad:
                kind = "failure" if result.outcome in _FAILURES else "error"
                ElementTree.SubElement(entry, kind, message=_xml_text(result.reason), type=result.outcome)
            ElementTree.SubElement(entry, "system-out").text = _xml_text(result.output)
    return ElementTree.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def as_tap(results: Sequence[Result]) -> str:
    """One TAP 14 document: a test point for each run, the case's own TAP as its subtest."""
    lines = ["TAP version 14", f"1..{len(results)}"]
    for number, result in enumerate(results, 1):
        lines += [f"    {line}" for line in result.output.splitlines() if not line.startswith("TAP version")]
        words = {"skip": " # SKIP ", EXPECTED: " # TODO "}.get(result.outcome, "")
        note = f"{words}{result.reason}" if words else ""
        good = "ok" if result.outcome in ("pass", "skip") else "not ok"
        lines.append(f"{good} {number} - {result.case.name}: {result.target}{note}")
        if result.bad and result.outcome != "fail":
            lines.append(f"# {result.outcome}: {result.reason}")
    return "\n".join(lines) + "\n"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _xml_text(text: str) -> str:
    """Without the control characters that XML cannot hold."""
    return "".join(c for c in text if c in "\n\t" or (c >= " " and c not in "\ufffe\uffff"))
