"""What doctor finds out about this host."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..preload.exit_report import ACTIVE
from ..preload.library import library_path
from ..system.host import Host, look
from ..system.vdso import VdsoFunction, find_getrandom, vdso_image
from .measurement import Measurement, Trial, measure, try_library


@dataclass(frozen=True)
class Findings:
    """Facts about this host and its libc, times, and the library in a process of its own."""

    host: Host
    image: bool  # whether there is a vDSO to be seen
    function: VdsoFunction | None
    measured: Measurement | None
    library: Path
    trial: Trial

    @property
    def good(self) -> bool:
        return self.trial.status == ACTIVE

    @property
    def ratio(self) -> float | None:
        """How many times longer the system call takes than the vDSO."""
        if not self.measured or not self.measured.vdso or not self.measured.system_call:
            return None
        return self.measured.system_call / self.measured.vdso

    @property
    def libc_uses_vdso(self) -> bool | None:
        """By the time that its getrandom takes: much nearer to the vDSO's than to the system call's."""
        times = self.measured
        if not times or not times.vdso or not times.system_call or not times.libc:
            return None
        return times.libc < times.vdso + (times.system_call - times.vdso) / 4


def examine() -> Findings:
    """Look, measure and try the library. Raises VgetrandomError when it, or its reporter, is missing."""
    library = library_path()
    image = vdso_image()
    function = find_getrandom(image) if image else None
    return Findings(look(), image is not None, function, measure(function), library, try_library(library))
