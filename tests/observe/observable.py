"""Whether this host lets its tests observe it, found out without the code that they test."""

from __future__ import annotations

import gzip
import os
import re
from pathlib import Path

import needs

_CAP_SYS_ADMIN = 1 << 21  # linux/capability.h
_INIT_PID_NAMESPACE = "pid:[4026531836]"  # PROC_PID_INIT_INO of linux/proc_ns.h
_OPTIONS = ("CONFIG_FTRACE_SYSCALLS", "CONFIG_BPF_EVENTS")


def skip_where_nobody_may_observe() -> None:
    """Skip the test, with the reason; where there is none, what is tested has to work."""
    effective = re.search(r"^CapEff:\s*(\w+)", Path("/proc/self/status").read_text(), re.MULTILINE)
    if os.geteuid() != 0 or not effective or not int(effective[1], 16) & _CAP_SYS_ADMIN:
        needs.skip("observing a host needs root with CAP_SYS_ADMIN", needs.ROOT)
    if str(Path("/proc/self/ns/pid").readlink()) != _INIT_PID_NAMESPACE:
        needs.another_host("that is not a container: observe needs the host's own pid namespace")
    lockdown = Path("/sys/kernel/security/lockdown")
    if lockdown.exists() and "[confidentiality]" in lockdown.read_text():
        needs.another_host("that is not locked down (confidentiality)")
    config = _kernel_config()
    for option in _OPTIONS:
        if config and f"{option}=y" not in config:
            needs.another_host(f"whose kernel has {option}")


def _kernel_config() -> list[str]:
    """Lines; none where the kernel does not tell."""
    for path in (Path("/proc/config.gz"), Path(f"/boot/config-{os.uname().release}")):
        if path.exists():
            data = path.read_bytes()
            return (gzip.decompress(data) if path.suffix == ".gz" else data).decode().splitlines()
    return []
