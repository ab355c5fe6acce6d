"""One QEMU run: a kernel, a root file system in memory, and what came out of the serial line."""

from __future__ import annotations

import contextlib
import functools
import os
import queue
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ..errors import VgetrandomError
from .cells import Architecture

MEMORY = 2048  # MiB; ten thousand threads need it, and only what is used is taken from the host
_PROCESSORS = 2
_DONE = b"vg: done"


@dataclass(frozen=True)
class Machine:
    """What to start."""

    architecture: Architecture
    emulator: Path
    kernel: Path
    initramfs: Path


def find_emulator(architecture: Architecture, folder: Path | None) -> Path:
    """The emulator on PATH, or in a folder of the user's. Raises VgetrandomError that names the package."""
    found = shutil.which(architecture.qemu, path=str(folder) if folder else None)
    if found is None:
        raise VgetrandomError(
            f"{architecture.qemu} is not {f'in {folder}' if folder else 'installed'}; "
            f"install it (Debian: {architecture.package}) or name its folder with --qemu"
        )
    return Path(found)


@functools.lru_cache(None)
def emulator_version(emulator: Path) -> str:
    """Such as "7.2.22". Raises VgetrandomError when the emulator does not say."""
    try:
        done = subprocess.run([emulator, "--version"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    except OSError as error:
        raise VgetrandomError(f"{emulator} does not run: {error.strerror}") from error
    found = re.search(r"version ([0-9.]+[0-9])", done.stdout)
    if not found:
        raise VgetrandomError(f"{emulator} does not tell its version; is it QEMU?")
    return found.group(1)


def check_version(architecture: Architecture, emulator: Path) -> None:
    """Raises VgetrandomError when the emulator is older than the table asks for."""
    if not architecture.least:
        return
    version = emulator_version(emulator)
    if _numbers(version) < _numbers(architecture.least):
        raise VgetrandomError(
            f"{emulator.name} {version} does not boot these kernels, {architecture.least} does; name the folder of "
            "a newer one with --qemu"
        )


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"[0-9]+", version)]


def run_guest(
    machine: Machine, console: Path, limit: float, line: Callable[[str], None], stopped: threading.Event
) -> str:
    """Run until the guest is done, dead, or out of time; returns why it ended if it was not done, else "".

    Everything that the guest and QEMU print goes to the file `console`, and, line by line, to `line`. `limit` is in
    seconds; `stopped` ends the run from another thread. Raises VgetrandomError when QEMU can't be started.
    """
    try:
        process = subprocess.Popen(
            _command(machine),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=emulator_environment(machine.emulator),
        )
    except OSError as error:
        raise VgetrandomError(f"{machine.emulator} does not run: {error.strerror}") from error
    assert process.stdout
    try:
        for text in _lines(process.stdout, console, time.monotonic() + limit, stopped):
            line(text.decode(errors="replace"))
            if text.startswith(_DONE):
                return ""
        if process.poll() is None and not stopped.is_set():
            with contextlib.suppress(subprocess.TimeoutExpired):  # its output ended a moment before it does
                process.wait(1)
        if process.poll() is None:
            return "interrupted" if stopped.is_set() else f"not done after {limit:.0f} s"
        return f"the guest stopped (QEMU's exit status {process.returncode})"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def emulator_environment(emulator: Path) -> dict[str, str] | None:
    """An unpacked QEMU looks for its modules in /usr/lib, and ends when it finds those of another version there."""
    modules = next(emulator.parent.parent.glob("lib/*/qemu"), None)
    return {"QEMU_MODULE_DIR": str(modules), **os.environ} if modules else None


def _command(machine: Machine) -> list[str]:
    architecture = machine.architecture
    # The whole kernel log on the console costs seconds; errors and a panic are still printed.
    words = f"console={architecture.console} quiet loglevel=4 panic=-1 rdinit=/init {architecture.append}".strip()
    return [
        str(machine.emulator),
        *architecture.options,
        *("-smp", str(_PROCESSORS), "-m", str(MEMORY)),
        *("-display", "none", "-monitor", "none", "-serial", "stdio", "-net", "none", "-no-reboot"),
        *("-kernel", str(machine.kernel), "-initrd", str(machine.initramfs), "-append", words),
    ]


def _lines(stream: IO[bytes], console: Path, deadline: float, stopped: threading.Event) -> Iterator[bytes]:
    """Lines without their ends, until the stream ends or the time is over."""
    arrived: queue.Queue[bytes] = queue.Queue()

    def copy() -> None:
        with console.open("wb") as log, contextlib.suppress(ValueError):  # ValueError: closed under our hands
            for text in stream:
                log.write(text)
                log.flush()
                arrived.put(text)
        arrived.put(b"")

    threading.Thread(target=copy, daemon=True).start()
    while time.monotonic() < deadline and not stopped.is_set():
        try:
            text = arrived.get(timeout=0.2)
        except queue.Empty:
            continue
        if not text:
            return
        yield text.rstrip(b"\r\n")
