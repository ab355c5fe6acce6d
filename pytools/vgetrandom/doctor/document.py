"""Doctor's findings as an object for JSON."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import Any

from ..preload.settings import SWITCH, complaint
from .findings import Findings
from .measurement import LARGE
from .text import verdict

SCHEMA = 2


def findings_object(found: Findings) -> dict[str, Any]:
    """Everything that was found; times in nanoseconds for a draw."""
    times = found.measured
    return {
        "schema": SCHEMA,
        "good": found.good,
        "works": found.works,
        "verdict": verdict(found),
        "host": asdict(found.host),
        "vdso": asdict(found.function) if found.function else None,
        "libc_uses_vdso": found.libc_uses_vdso,
        "states": {name: getattr(times, name) for name in ("state_size", "mmap_prot", "mmap_flags", "mapped")}
        if times
        else None,
        "library": {"path": str(found.library), "status": found.trial.status or None},
        "lock": found.trial.locked or None,
        "setting": os.environ.get(SWITCH),
        "complaint": complaint(os.environ.get(SWITCH, "")) or None,
        "nanoseconds": {
            "vdso": times.vdso if times else None,
            "system_call": times.system_call if times else None,
            "libc": times.libc if times else None,
            "library": found.trial.draw,
        },
        "ratio": found.ratio,
        "large": {"bytes": LARGE, **asdict(found.large)} if found.large else None,
    }
