"""On what a run was made: enough to judge its figures, nothing that names the host."""

from __future__ import annotations

import hashlib
import os
import platform
import re
from pathlib import Path

from ..system.versions import own_version, today

_CPUINFO = Path("/proc/cpuinfo")


def describe(shim: Path) -> dict[str, str]:
    """Machine, kernel, libc, and the library that was measured."""
    cpuinfo = _CPUINFO.read_text(errors="replace") if _CPUINFO.is_file() else ""
    return {
        "date": today(),
        "cpu": _field(cpuinfo, "model name") or platform.machine(),
        "cpus": str(len(os.sched_getaffinity(0))),
        "virtual": "yes" if re.search(r"^flags.*\bhypervisor\b", cpuinfo, re.MULTILINE) else "no",
        "architecture": platform.machine(),
        "kernel": platform.release(),
        "libc": " ".join(platform.libc_ver()).strip() or "musl",
        "vgetrandom": own_version(),
        "library": f"{shim.stat().st_size} bytes, sha256 {hashlib.sha256(shim.read_bytes()).hexdigest()[:16]}",
    }


def _field(cpuinfo: str, name: str) -> str:
    found = re.search(rf"^{name}\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    return found[1].strip() if found else ""
