"""What doctor finds out about this host."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from ..preload.exit_report import ACTIVE
from ..preload.library import library_path
from ..system.host import Host, look
from ..system.vdso import VdsoFunction, find_getrandom, vdso_image
from .measurement import Large, Measurement, Trial, measure, measure_large, try_library


@dataclass(frozen=True)
class Findings:
    """Facts about this host and its libc, times, and the library in a process of its own."""

    host: Host
    image: bool  # whether there is a vDSO to be seen
    function: VdsoFunction | None
    measured: Measurement | None
    library: Path
    trial: Trial
    large: Large | None = None

    @property
    def works(self) -> bool:
        """Whether the library serves draws here."""
        return self.trial.status == ACTIVE

    @property
    def good(self) -> bool:
        """Whether there is something to gain for small draws by getrandom(), which is what most programs do."""
        return self.works and not self.libc_uses_vdso

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
    found = Findings(look(), image is not None, function, measure(function), library, try_library(library))
    # What else there is to gain is of interest where small draws leave nothing.
    return replace(found, large=measure_large(library)) if found.libc_uses_vdso and found.works else found
