"""The system calls that observing needs and Python doesn't have: bpf(2), perf_event_open(2), fsopen(2), membarrier(2).

Each raises OSError as the kernel says. Nothing here waits, but for `wait_for_running_programs`.
"""

from __future__ import annotations

import ctypes
import os
import struct
from dataclasses import dataclass

# The tables of Linux: arch/x86/entry/syscalls/syscall_64.tbl, scripts/syscall.tbl (aarch64, riscv64, loongarch64),
# arch/powerpc/kernel/syscalls/syscall.tbl, arch/s390/kernel/syscalls/syscall.tbl


@dataclass(frozen=True)
class _Numbers:
    bpf: int
    perf_event_open: int
    membarrier: int


_COMMON = _Numbers(bpf=280, perf_event_open=241, membarrier=283)
_NUMBERS = {
    "x86_64": _Numbers(bpf=321, perf_event_open=298, membarrier=324),
    "aarch64": _COMMON,
    "riscv64": _COMMON,
    "loongarch64": _COMMON,
    "ppc64le": _Numbers(bpf=361, perf_event_open=319, membarrier=365),
    "s390x": _Numbers(bpf=351, perf_event_open=331, membarrier=356),
}
_FSOPEN, _FSCONFIG, _FSMOUNT = 430, 431, 432  # the same everywhere, as all since Linux 5.2

_FSOPEN_CLOEXEC = 1  # linux/mount.h, all five
_FSCONFIG_CMD_CREATE = 6
_FSMOUNT_CLOEXEC = 1
_MOUNT_ATTR_RDONLY = 1
_PERF_TYPE_TRACEPOINT = 2  # linux/perf_event.h
_PERF_FLAG_FD_CLOEXEC = 8
_MEMBARRIER_CMD_GLOBAL = 1  # linux/membarrier.h
_BPF_ATTR_SIZE = 128  # bytes; what lies behind the fields of a command must be zeros

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


def _call(number: int, *arguments: int) -> int:
    result: int = _libc.syscall(ctypes.c_long(number), *map(ctypes.c_long, arguments))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def _numbers() -> _Numbers:
    try:
        return _NUMBERS[os.uname().machine]
    except KeyError:
        raise OSError(38, f"the system calls of {os.uname().machine} are not known here") from None  # ENOSYS


def bpf(command: int, attributes: bytes) -> int:
    """bpf(2): `attributes` are the command's fields, packed. Buffers that they point to must be kept by the caller."""
    buffer = ctypes.create_string_buffer(attributes, _BPF_ATTR_SIZE)
    return _call(_numbers().bpf, command, ctypes.addressof(buffer), _BPF_ATTR_SIZE)


def open_tracepoint(number: int) -> int:
    """A perf event on a tracepoint; the descriptor. On one CPU: a program that is attached to it runs on all.

    The program hangs on the tracepoint itself (perf_event_attach_bpf_prog in kernel/trace/bpf_trace.c).
    """
    attributes = struct.pack("=IIQQQQQQ", _PERF_TYPE_TRACEPOINT, 64, number, 0, 0, 0, 0, 0)
    buffer = ctypes.create_string_buffer(attributes, 64)
    every_process, first_cpu, no_group = -1, min(os.sched_getaffinity(0)), -1
    arguments = (ctypes.addressof(buffer), every_process, first_cpu, no_group, _PERF_FLAG_FD_CLOEXEC)
    return _call(_numbers().perf_event_open, *arguments)


def mount_nowhere(filesystem: str) -> int:
    """Mount a file system, read-only, at no place: a descriptor of its root. Closing it is the unmount."""
    name = ctypes.create_string_buffer(filesystem.encode())
    context = _call(_FSOPEN, ctypes.addressof(name), _FSOPEN_CLOEXEC)
    try:
        _call(_FSCONFIG, context, _FSCONFIG_CMD_CREATE, 0, 0, 0)
        return _call(_FSMOUNT, context, _FSMOUNT_CLOEXEC, _MOUNT_ATTR_RDONLY)
    finally:
        os.close(context)


def wait_for_running_programs() -> None:
    """Return when every BPF program that runs on a tracepoint now is over: 10 to 50 ms.

    They run with preemption off, and MEMBARRIER_CMD_GLOBAL is synchronize_rcu(), which waits for all such code
    (kernel/sched/membarrier.c). Raises OSError where the kernel refuses it: with nohz_full, for one.
    """
    _call(_numbers().membarrier, _MEMBARRIER_CMD_GLOBAL, 0, 0)
