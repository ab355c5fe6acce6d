"""The slot protocol: no order of steps, forks, deaths, signals and drops makes two executions use one state."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from model.explore import Outcome
from model.slot_model import BREAKS, LARGE, RUNS, SPARE, Break, Run, Spare, explore_run, explore_without, never_met
from model.source import gone, line_of, overlooked
from model.steps import STEPS
from model.world import Protocol


def intact(run: Run) -> Outcome:
    outcome = explore_run(run)
    assert not outcome.violation, "\n".join((outcome.violation, *outcome.trace))
    assert not never_met(run, outcome)
    return outcome


def test_the_protocol_as_written_keeps_every_invariant() -> None:
    """And each step is taken in one of the runs."""
    taken = [intact(run).taken for run in RUNS]
    assert set().union(*taken) == set(STEPS)


@pytest.mark.slow
@pytest.mark.parametrize("run", LARGE, ids=lambda run: run.name)
def test_the_protocol_as_written_keeps_every_invariant_in_larger_bounds(run: Run) -> None:
    intact(run)


@pytest.mark.parametrize("broken", BREAKS, ids=lambda broken: f"without {broken.precaution}")
def test_a_precaution_is_needed(broken: Break) -> None:
    outcome = explore_without(broken.precaution, broken.bounds, lively=broken.lively)
    assert outcome.violation == broken.violation
    assert outcome.trace or outcome.states == 1


@pytest.mark.parametrize("spare", SPARE, ids=lambda spare: f"without {spare.precaution}")
def test_a_precaution_is_not_seen_by_the_model(spare: Spare) -> None:
    """When this fails, the model sees more than before: move the precaution to BREAKS."""
    assert not explore_without(spare.precaution, spare.bounds, lively=True).violation


def test_every_precaution_is_taken_away_once() -> None:
    assert sorted(each.precaution for each in (*BREAKS, *SPARE)) == sorted(field.name for field in fields(Protocol))


@pytest.mark.parametrize("name", STEPS)
def test_the_line_that_a_step_stands_for_is_in_the_code(name: str) -> None:
    assert line_of(STEPS[name])


def test_steps_of_a_function_are_in_the_order_of_its_lines() -> None:
    last: dict[tuple[str, str], int] = {}
    for name, step in STEPS.items():
        place, number = (step.file, step.function), line_of(step)
        assert number >= last.get(place, 0), f"{name} comes too early in {step.function}()"
        last[place] = number


def test_the_page_about_the_model_lists_every_step() -> None:
    page = (Path(__file__).parents[2] / "docs" / "model.md").read_text().replace("\\|", "|")
    assert not [name for name, step in STEPS.items() if f"| `{name}` | `{step.function}` | `{step.line}` |" not in page]


def test_the_page_about_the_model_tells_every_precaution() -> None:
    page = (Path(__file__).parents[2] / "docs" / "model.md").read_text()
    missing = [each.precaution for each in (*BREAKS, *SPARE) if f"| `{each.precaution}` |" not in page]
    assert not missing


def test_the_model_overlooks_nothing_in_the_code() -> None:
    """When this fails, the code has changed: change the steps of the model as well, or say why there is none."""
    assert not overlooked()


def test_the_model_speaks_of_no_line_that_is_gone() -> None:
    assert not gone()
