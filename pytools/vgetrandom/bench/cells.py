"""Cells of tables: how a contender is called, and what its samples come to."""

from __future__ import annotations

from .model import Participant, Series
from .statistics import summarise
from .text import NO_VALUE, time_text


def full_name(participant: Participant) -> str:
    """The label, and the function where that is not plain."""
    plain = participant.main in ("getrandom", "vdso", "kernel", "read") or participant.main in participant.label
    return participant.label if plain else f"{participant.label}: {participant.main}"


def time_cell(series: Series | None) -> str:
    return NO_VALUE if series is None else time_text(summarise(series.samples).median)
