"""Types for argparse: numbers that a user gives, within the limits in which they make sense.

Not a number, nothing, less than nothing or more than this machine will ever do is refused before anything begins.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

DAY = 86400.0  # seconds
DAYS_30 = 30 * DAY
MOST_PID = 1 << 22  # PID_MAX_LIMIT in the kernel's include/linux/threads.h
MOST_JOBS = 1024
MOST_TIMES = 1_000_000  # of what is repeated


@dataclass(frozen=True)
class Whole:
    """A whole number from `least` to `most`; with `base` 0, in hexadecimal too, as in C."""

    least: int
    most: int
    base: int = 10

    def __call__(self, text: str) -> int:
        try:
            number = int(text, self.base)
        except ValueError:  # Python refuses thousands of digits, too
            number = self.least - 1
        if not self.least <= number <= self.most:
            raise argparse.ArgumentTypeError(f"{_quoted(text)} is not a whole number from {self.least} to {self.most}")
        return number


@dataclass(frozen=True)
class Amount:
    """A number from `least` to `most`, with or without a fraction."""

    least: float
    most: float

    def __call__(self, text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = float("nan")
        if not self.least <= number <= self.most:
            raise argparse.ArgumentTypeError(f"{_quoted(text)} is not a number from {self.least:g} to {self.most:.7g}")
        return number


@dataclass(frozen=True)
class Wholes:
    """A list of whole numbers, each as `one` takes it, with a comma between them; each counts once."""

    one: Whole

    def __call__(self, text: str) -> list[int]:
        numbers = list(dict.fromkeys(self.one(word) for word in text.split(",") if word))
        if not numbers:
            raise argparse.ArgumentTypeError(
                f"{_quoted(text)} is not a list of whole numbers from {self.one.least} to {self.one.most}"
            )
        return numbers


pid = Whole(1, MOST_PID)
jobs = Whole(1, MOST_JOBS)
times = Whole(1, MOST_TIMES)
patience = Whole(1, 1000)
minutes = Amount(0.001, DAYS_30 / 60)


def _quoted(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:40]}...")
