"""What this host is: kernel, libc, container, virtual machine, system-call filter."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from ..errors import VgetrandomError

_SECCOMP = {"0": "none", "1": "strict", "2": "filter"}  # proc_pid_status(5)


@dataclass(frozen=True)
class Host:
    """Each "" is: not known.

    kernel     release: "6.11.0-9-generic"
    machine    as uname(2) names it
    libc       of this interpreter: "glibc 2.36", "musl 1.2.5"
    container  what kind of container we are in, "none" when nothing shows one
    virtual    who runs this virtual machine; "yes" when only that is known, "none" when nothing shows one
    seccomp    "none", "strict" or "filter": what is on this process
    """

    kernel: str
    machine: str
    libc: str
    container: str
    virtual: str
    seccomp: str


def require_proc() -> None:
    """Raises VgetrandomError where no processes can be seen."""
    if not Path("/proc/self").exists():
        raise VgetrandomError("/proc is not mounted here, and processes are seen there; mount -t proc proc /proc")


def look() -> Host:
    """Find out, from files that any user can read."""
    name = os.uname()
    return Host(name.release, name.machine, _libc(), _container(), _virtual(), _seccomp())


def _read(path: str) -> str:
    try:
        return Path(path).read_text(errors="replace").strip("\0\n ")
    except OSError:
        return ""


def _libc() -> str:
    try:
        return os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (ValueError, OSError):  # not glibc: the name is unknown there
        pass
    loader = re.search(r"/\S*/(?:ld-musl-\S+|libc\.musl-\S+)", _read("/proc/self/maps"))
    if not loader:
        return ""
    # musl's loader, run without arguments, says its version on standard error
    said = subprocess.run(
        [loader[0]], stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace"
    ).stderr
    version = re.search(r"Version (\S+)", said)
    return f"musl {version[1]}" if version else "musl"


def _container() -> str:
    kind = _read("/run/systemd/container") or os.environ.get("container", "")  # noqa: SIM112 (systemd's interface)
    if kind:
        return kind
    if Path("/run/.containerenv").exists():
        return "podman"
    if Path("/.dockerenv").exists():
        return "docker"
    group = re.search(r"kubepods|docker|lxc|libpod", _read("/proc/1/cgroup"))
    return group[0] if group else "none"


def _virtual() -> str:
    guest = re.search(r"^flags\s*:.*\bhypervisor\b", _read("/proc/cpuinfo"), re.MULTILINE)  # x86 alone has it
    vendor = _read("/sys/class/dmi/id/sys_vendor")
    known = re.search(r"QEMU|KVM|VMware|VirtualBox|Xen|Amazon EC2|Google|Microsoft", vendor)
    return _read("/sys/hypervisor/type") or (vendor if known and guest else "yes" if guest else "none")


def _seccomp() -> str:
    mode = re.search(r"^Seccomp:\s*(\d)", _read("/proc/self/status"), re.MULTILINE)
    return _SECCOMP.get(mode[1], "") if mode else ""
