"""The slot protocol: no order of steps, forks, deaths and signals lets two executions use one state."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from model.events import Bounds
from model.explore import explore
from model.slot_model import BREAKS, LARGE, RUNS, Break, Run, explore_break, explore_run, never_met
from model.source import BETWEEN_STEPS, MODELLED, function, line_of, overlooked
from model.steps import STEPS, Protocol


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.name)
def test_the_protocol_as_written_keeps_every_invariant(run: Run) -> None:
    outcome = explore_run(run)
    assert not outcome.violation, "\n".join((outcome.violation, *outcome.trace))
    assert not never_met(run, outcome)


@pytest.mark.slow
@pytest.mark.parametrize("run", LARGE, ids=lambda run: run.name)
def test_the_protocol_as_written_keeps_every_invariant_in_larger_bounds(run: Run) -> None:
    outcome = explore_run(run)
    assert not outcome.violation, "\n".join((outcome.violation, *outcome.trace))


@pytest.mark.parametrize("broken", BREAKS, ids=lambda broken: f"without {broken.precaution}")
def test_every_precaution_is_needed(broken: Break) -> None:
    outcome = explore_break(broken)
    assert broken.violation in outcome.violation
    assert outcome.trace or outcome.states < 5


def test_every_precaution_is_taken_away_once() -> None:
    assert sorted(broken.precaution for broken in BREAKS) == sorted(field.name for field in fields(Protocol))


def test_every_step_is_taken() -> None:
    claiming = explore(Protocol(), Bounds((1, 2), slots=1))
    growing = explore(Protocol(), Bounds((1,), slots=0, blocks=1))
    assert claiming.taken | growing.taken == set(STEPS)


@pytest.mark.parametrize("name", STEPS)
def test_the_line_that_a_step_stands_for_is_in_the_code(name: str) -> None:
    assert line_of(STEPS[name])


def test_the_page_about_the_model_lists_every_step() -> None:
    page = (Path(__file__).parents[2] / "docs" / "model.md").read_text().replace("\\|", "|")
    assert not [name for name, step in STEPS.items() if f"| `{name}` | `{step.function}` | `{step.line}` |" not in page]


def test_the_model_overlooks_nothing_in_the_code() -> None:
    """When this fails, slots.c has changed: change the steps of the model as well, or say why there is none."""
    assert not overlooked()


def test_the_model_speaks_of_no_line_that_is_gone() -> None:
    lines = [line for name in MODELLED for _, line in function("slots.c", name)]
    assert not [gone for gone in BETWEEN_STEPS if not any(line.startswith(gone) for line in lines)]
