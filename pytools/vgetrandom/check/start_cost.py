"""What preloading the library adds to the start of a program, and how many draws earn that back."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..doctor.measurement import measure, try_library
from .gain import Interval, interval

_STARTS = 40  # pairs of them; a start takes about a millisecond


@dataclass(frozen=True)
class StartCost:
    """All in seconds.

    cost   what a program that does nothing takes longer with the library, pair by pair
    plain  a draw of 16 bytes by this host's libc, and `served`: the same with the library; None when not measured
    """

    cost: Interval
    plain: float | None
    served: float | None

    @property
    def told(self) -> bool:
        """Whether the cost can be told from noise."""
        return self.cost.low > 0

    @property
    def draws(self) -> int | None:
        """How many draws of 16 bytes earn a start back; None when that is not known, or none do."""
        if not self.told or self.plain is None or self.served is None or self.served >= self.plain:
            return None
        return round(self.cost.median / (self.plain - self.served))


def measure_start(bare: Mapping[str, str], loaded: Mapping[str, str], library: Path) -> StartCost | None:
    """Start true(1) in both environments, in turns. None where there is no such program, or it fails."""
    program = shutil.which("true", path=os.defpath)
    if not program:
        return None
    differences = []
    for pair in range(_STARTS):
        taken = {}
        for with_it in (False, True) if pair % 2 else (True, False):
            start = time.perf_counter()
            if subprocess.run([program], env=loaded if with_it else bare, stderr=subprocess.DEVNULL).returncode:
                return None
            taken[with_it] = time.perf_counter() - start
        differences.append(taken[True] - taken[False])
    cost = interval(differences)
    assert cost
    plain, trial = measure(None), try_library(library)
    return StartCost(cost, _seconds(plain.libc if plain else None), _seconds(trial.draw))


def _seconds(nanoseconds: float | None) -> float | None:
    return None if nanoseconds is None else nanoseconds / 1e9
