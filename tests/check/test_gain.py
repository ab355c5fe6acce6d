"""`vgetrandom check`: gains, no difference or loses, as the times say, and no more than they say."""

from __future__ import annotations

import json
import random
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest
from command import Vgetrandom, runner_for
from drawing import draws
from vgetrandom.check import paired_runs, strace
from vgetrandom.check.controlled_run import Outcome, Runner
from vgetrandom.check.gain import GAINS, LOOKS, LOSES, NO_DIFFERENCE, UNKNOWN, Gain, Interval, interval, judge_times
from vgetrandom.check.start_cost import StartCost
from vgetrandom.check.strace import Trace
from vgetrandom.check.verdict import judge
from vgetrandom.preload.exit_report import ExitReport
from vgetrandom.system.program import Program

DRAW = draws(500)


def pairs(*ratios: float) -> list[tuple[float, float]]:
    return [(2.0, 2.0 * ratio) for ratio in ratios]


def around(middle: float, spread: float, number: int) -> list[tuple[float, float]]:
    """Pairs whose ratios lie evenly in [middle - spread, middle + spread]."""
    return pairs(*(middle - spread + 2 * spread * step / (number - 1) for step in range(number)))


def test_interval_is_that_of_the_sign_test() -> None:
    """2 P(X <= r) <= 0.005 for r = 0, 2, 7, 20 of 9, 16, 32, 64 fair coins."""
    for number, rank in ((9, 0), (16, 2), (32, 7), (64, 20)):
        found = interval(list(range(number)))
        assert found == Interval((number - 1) / 2, rank, number - 1 - rank)
    assert interval(list(range(8))) is None


def test_interval_holds_the_median_as_often_as_it_says() -> None:
    """Also of times with a long tail. Of 1,000 intervals at most 5 miss it on average; 25 never do."""
    chance = random.Random(1)
    for number in LOOKS:
        tries = [interval([chance.lognormvariate(0, 1) for _ in range(number)]) for _ in range(1000)]
        assert sum(not one.low <= 1 <= one.high for one in tries if one) < 25


@pytest.mark.parametrize(
    ("times", "verdict"),
    [
        (around(0.8, 0.1, 9), GAINS),
        (around(1.2, 0.1, 9), LOSES),
        (around(0.995, 0.001, 9), GAINS),
        (around(1.0, 0.01, 9), NO_DIFFERENCE),
        (around(1.0, 0.1, 16), UNKNOWN),
        (around(0.9, 0.2, 9), UNKNOWN),
        ([*around(0.8, 0.1, 8), (1.0, 1.001)], UNKNOWN),  # one of nine that disagrees: 4 % by chance
        ([*around(0.8, 0.1, 15), (1.0, 50.0)], GAINS),  # but one of 16 is an accident
        (around(0.5, 0.1, 8), UNKNOWN),
    ],
)
def test_verdict_follows_from_the_times(times: list[tuple[float, float]], verdict: str) -> None:
    found = judge_times(times)
    assert found.verdict == verdict
    assert (found.more > 0) == (verdict == UNKNOWN)


def test_as_many_pairs_as_it_names_would_tell() -> None:
    """If they scatter as those before."""
    times = around(0.97, 0.06, 18)
    found = judge_times(times)
    assert found.verdict == UNKNOWN
    assert judge_times(around(0.97, 0.06, 18 + found.more)).verdict == GAINS
    assert judge_times(around(0.97, 0.06, 18 + found.more // 2)).verdict == UNKNOWN


class FakeRunner:
    """Takes so many seconds without and with the library, one pair after the other; the library serves `served`."""

    def __init__(
        self,
        times: list[tuple[float, float]],
        calls: tuple[int, int],
        served: int,
        size: int = 16,
        processor: list[tuple[float, float]] | None = None,
    ) -> None:
        self.program = Program("/bin/fake", Path("/bin/fake"), "")
        self._times, self._calls, self._processor = times, calls, processor or times
        self._report = ExitReport(1, "active", "droppable", served, served * size, 1, 1)
        self._runs = [0, 0]

    def run(self, environment: Mapping[str, str], trace: Trace | None = None, report: bool = False) -> Outcome:
        side = int("LD_PRELOAD" in environment)
        if trace:
            trace.calls, trace.processes = self._calls[side], 1
        seconds = processor = 0.0
        if not trace and not report:
            seconds = self._times[self._runs[side] % len(self._times)][side]
            processor = self._processor[self._runs[side] % len(self._processor)][side]
            self._runs[side] += 1
        return Outcome(0, seconds, processor, "", 0, trace, (self._report,) if report else (), "")


@pytest.fixture
def compare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """compare(runner, ...) of a command that is not run, with a start that costs nothing."""
    monkeypatch.setattr(strace, "usable", lambda: ((), ""))
    monkeypatch.setattr(paired_runs, "measure_start", lambda *_: None)

    def run(runner: FakeRunner, **how: Any) -> paired_runs.Comparison:
        return paired_runs.compare(cast(Runner, runner), {}, tmp_path / "library.so", **how)

    return run


def test_runs_end_when_the_times_tell(compare: Any) -> None:
    found = compare(FakeRunner(around(0.5, 0.1, 9), (1000, 3), 998))
    assert len(found.without.timed) == len(found.with_library.timed) == LOOKS[0]
    sentence = judge(found).sentence
    assert sentence.startswith("yes: gains: 50 % less time (40 to 60 % less), 2.00 s became 1.00 s; ")
    assert sentence.endswith("reached: 1,000 system calls became 3")


def test_runs_go_on_while_they_do_not_tell_and_end_at_the_limit(compare: Any) -> None:
    found = compare(FakeRunner(pairs(0.5, 1.5), (1000, 3), 998))
    assert len(found.without.timed) == LOOKS[-1]
    verdict = judge(found)
    assert (verdict.good, verdict.reached) == (False, True)
    assert verdict.sentence.startswith("no: can't tell from 64 pairs of runs: between 50 % less and 50 % more; about ")
    assert "more would tell (--repeat " in verdict.sentence


def test_where_the_clock_scatters_the_processors_time_tells(compare: Any) -> None:
    """A busy machine: the times go up and down by a half, and what the command costs does not."""
    found = compare(FakeRunner(pairs(0.5, 1.5), (1000, 3), 998, processor=around(0.7, 0.02, 9)))
    assert len(found.without.timed) == LOOKS[0]
    verdict = judge(found)
    assert verdict.good
    assert verdict.sentence.startswith("yes: gains: 30 % less processor time (28 to 32 % less), 2.00 s became 1.40 s; ")
    same = judge(compare(FakeRunner(pairs(0.5, 1.5), (1000, 3), 998, processor=around(1.0, 0.01, 9))))
    assert same.sentence.startswith("no: no difference: between 1.0 % less and 1.0 % more processor time; ")


def test_the_clock_comes_first(compare: Any) -> None:
    """A program that takes less of the processors' time and more of its user's loses."""
    found = compare(FakeRunner(around(1.1, 0.05, 9), (1000, 3), 998, processor=around(0.7, 0.02, 9)))
    assert judge(found).sentence.startswith("no: loses: 10 % more time (")


def test_a_loss_is_no_though_the_library_serves(compare: Any) -> None:
    verdict = judge(compare(FakeRunner(around(1.1, 0.05, 9), (1000, 3), 998)))
    assert (verdict.good, verdict.reached) == (False, True)
    assert verdict.sentence.startswith("no: loses: 10 % more time")


def test_no_difference_is_no_and_says_within_what(compare: Any) -> None:
    verdict = judge(compare(FakeRunner(around(1.0, 0.01, 9), (1000, 3), 998)))
    assert (verdict.good, verdict.reached) == (False, True)
    assert verdict.sentence.startswith("no: no difference: between 1.0 % less and 1.0 % more; reached: ")


def test_faster_without_a_served_call_is_no_gain(compare: Any) -> None:
    verdict = judge(compare(FakeRunner(around(0.5, 0.1, 9), (3, 3), 0)))
    assert (verdict.good, verdict.reached) == (False, False)
    assert verdict.sentence.startswith("no: not reached: ") and "gains" not in verdict.sentence


def test_reached_asks_the_other_question_in_one_pair(compare: Any) -> None:
    found = compare(FakeRunner(around(1.1, 0.05, 9), (1000, 3), 998), reach_only=True)
    assert len(found.with_library.timed) == 1
    assert judge(found).sentence == "yes: reached: 1,000 system calls became 3"


def test_too_few_pairs_tell_nothing_and_say_how_many_do(compare: Any) -> None:
    found = compare(FakeRunner(around(0.5, 0.1, 9), (1000, 3), 998), repeat=2)
    assert "can't tell from 2 pairs of runs; about 7 more would tell (--repeat 9)" in judge(found).sentence


def test_system_calls_that_were_not_made_explain_no_gain(compare: Any) -> None:
    """glibc 2.41 draws 64 KiB from the vDSO, and the library is quicker: three system calls and two say nothing."""
    sentence = judge(compare(FakeRunner(around(0.25, 0.1, 9), (3, 2), 1000, 65536))).sentence
    assert "became 2" not in sentence
    assert "1,000 calls of 65,536 bytes on average, most of which were no system calls without it" in sentence


def test_what_a_start_costs_and_how_many_draws_earn_it_back_is_told(compare: Any) -> None:
    found = compare(FakeRunner(around(0.5, 0.1, 9), (1000, 3), 998))
    found.start = StartCost(Interval(100e-6, 90e-6, 120e-6), 250e-9, 50e-9)
    assert found.start.draws == 500
    (note,) = [note for note in judge(found).notes if "start" in note]
    assert "100 µs longer" in note and "(90 to 120)" in note and "about 500 draws" in note
    found.start = StartCost(Interval(1e-6, -9e-6, 12e-6), 250e-9, 50e-9)
    assert any("lost in noise: less than 12 µs" in note for note in judge(found).notes)
    found.start = StartCost(Interval(100e-6, 90e-6, 120e-6), 50e-9, 50e-9)
    assert any("never earn that back" in note for note in judge(found).notes)


@pytest.mark.parametrize(("slow", "status", "word"), [("-z", 0, GAINS), ("-n", 1, LOSES)])
def test_exit_status_is_the_programs_gain(library: Path, slow: str, status: int, word: str) -> None:
    """Half a second is far beyond noise; a machine that is busier than that leaves the verdict open, once for all."""
    line = f'[ {slow} "$LD_PRELOAD" ] && sleep 0.5; exec {shlex.quote(sys.executable)} -c "{DRAW}"'
    vgetrandom: Vgetrandom = runner_for(library)
    result = vgetrandom("check", "--json", "--repeat", "9", "--", "sh", "-c", line)
    found = json.loads(result.stdout)
    gain = Gain(**{**found["gain"], "ratio": Interval(**found["gain"]["ratio"])})
    assert found["reached"] and gain.pairs == 9
    assert gain.verdict in (word, UNKNOWN)
    assert result.returncode == (0 if gain.verdict == GAINS else 1)
    assert result.returncode == status or gain.verdict == UNKNOWN
    assert found["good"] == (result.returncode == 0)
    assert set(found["start"]) == {"cost", "plain", "served", "draws"}
