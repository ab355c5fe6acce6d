"""One emulated machine of which a snapshot is taken, or that goes on from one."""

from __future__ import annotations

import array
import contextlib
import fcntl
import json
import os
import queue
import shlex
import signal
import socket
import subprocess
import termios
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ..errors import VgetrandomError
from ..matrix.guest import emulator_environment

_POLL = 0.05  # seconds
_QCOW = b"QFI\xfb"  # docs/interop/qcow2 in QEMU
_WARNING = "warning: "  # of QEMU


@dataclass(frozen=True)
class Machine:
    """What to start, and with how much.

    options     the words that choose the machine, its processor and how it is emulated
    memory      MiB, from the physical address `base` on
    """

    emulator: Path
    options: tuple[str, ...]
    processors: int
    memory: int
    kernel: Path
    initramfs: Path
    append: str  # the kernel's words
    base: int = 0
    disk: Path | None = None  # is only read


class Session:
    """The emulators of one run: they end when `deadline` (time.monotonic()) is over, or all at once by end()."""

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self._lock = threading.Lock()
        self._processes: set[subprocess.Popen[bytes]] = set()
        self._over = False

    def add(self, process: subprocess.Popen[bytes]) -> None:
        """Raises VgetrandomError, and ends it, where the session is over."""
        with self._lock:
            if self._over:
                process.kill()
                raise VgetrandomError("the run is over")
            self._processes.add(process)

    def forget(self, process: subprocess.Popen[bytes]) -> None:
        """It has ended."""
        with self._lock:
            self._processes.discard(process)

    def end(self) -> None:
        """Kill all, and all that are added later. From any thread: those who wait for one get a VgetrandomError."""
        with self._lock:
            self._over = True
            for process in self._processes:
                process.kill()


class Emulator:
    """QEMU in a process of its own, steered by QMP (docs/interop/qmp-spec in QEMU); it ends with the context.

    `guid` is the generation that the machine shows its kernel (docs/specs/vmgenid in QEMU); None: it has no such
    device. With `snapshot`, it is stopped where that was taken. Everything raises VgetrandomError when the session is
    over.
    """

    def __init__(
        self, machine: Machine, guid: str | None, console: Path, session: Session, snapshot: Path | None = None
    ):
        self._machine, self._session, self._console = machine, session, console
        self.cpu_seconds = 0.0  # of this host, when it has ended
        self._said: queue.Queue[str] = queue.Queue()
        self._complaint = ""
        ours, theirs = socket.socketpair()
        command = _command(machine, guid, theirs.fileno())
        command += ["-incoming", "defer", "-S"] if snapshot else []
        # An interrupt in the middle of Popen would leave a process that nobody knows.
        unblocked = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
        try:
            with theirs:
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    pass_fds=[theirs.fileno()],
                    env=emulator_environment(machine.emulator),
                )
        except OSError as error:
            ours.close()
            signal.pthread_sigmask(signal.SIG_SETMASK, unblocked)
            raise VgetrandomError(f"{machine.emulator} does not run: {error.strerror}") from error
        self._socket = ours
        try:
            session.add(self._process)
            assert self._process.stdin and self._process.stdout
            self._input: IO[bytes] = self._process.stdin
            self._listener = threading.Thread(target=self._listen, args=(self._process.stdout, console), daemon=True)
            self._listener.start()
            signal.pthread_sigmask(signal.SIG_SETMASK, unblocked)
            self._monitor = ours.makefile("rwb")
            self._answer()  # the greeting
            self._ask("qmp_capabilities")
            if snapshot:
                self._ask("migrate-incoming", uri=f"exec:cat {shlex.quote(str(snapshot))}")
                self._wait_until("query-status", ("paused", "prelaunch"), ())
        except BaseException:
            signal.pthread_sigmask(signal.SIG_SETMASK, unblocked)
            self.end()
            raise

    def __enter__(self) -> Emulator:
        return self

    def __exit__(self, *exception: object) -> None:
        self.end()

    def end(self) -> None:
        """Kill it."""
        self.cpu_seconds = _cpu_seconds(self._process.pid)
        self._process.kill()
        self._process.wait()
        self._session.forget(self._process)
        self._socket.close()
        with contextlib.suppress(OSError):  # what was not read is lost
            self._input.close()

    def wait_for(self, event: str) -> list[str]:
        """Wait until the guest says `event`; returns what it said from the last time on, as init.c says things."""
        lines: list[str] = []
        while not lines or lines[-1] != event:
            try:
                lines.append(self._said.get(timeout=_POLL))
            except queue.Empty:
                self._check(f"the guest did not come to {event!r}")
        return lines[:-1]

    def go_on(self) -> None:
        """Let the machine run."""
        self._ask("cont")

    def stop(self) -> None:
        """Stop all its processors, each between two instructions."""
        self._ask("stop")

    def take_snapshot(self, output: Path) -> None:
        """Save the stopped machine, with a byte in its serial port that tells the guest: this is after the snapshot."""
        self._input.write(b"!")
        self._input.flush()
        while self._waiting():  # QEMU takes it from the pipe when the serial port has room for it
            self._check("the serial port did not take a byte")
            time.sleep(_POLL)
        self._ask("migrate-set-parameters", **{"max-bandwidth": 1 << 40})
        self._ask("migrate", uri=f"exec:cat > {shlex.quote(str(output))}")
        self._wait_until("query-migrate", ("completed",), ("failed", "cancelled"))

    def _waiting(self) -> int:
        """Bytes of ours that QEMU has not read."""
        count = array.array("i", [0])
        fcntl.ioctl(self._input, termios.FIONREAD, count)
        return count[0]

    def save_memory(self, output: Path) -> None:
        """Write all of its memory, as the processors see it."""
        self._ask("pmemsave", val=self._machine.base, size=self._machine.memory << 20, filename=str(output))

    def _wait_until(self, question: str, good: Sequence[str], bad: Sequence[str]) -> None:
        while True:
            status = self._ask(question).get("status", "")
            if status in good:
                return
            if status in bad:
                raise VgetrandomError(
                    f"QEMU could not take the snapshot ({status}); is there room? TMPDIR names the folder for it"
                )
            self._check(f"QEMU stayed {status!r}")
            time.sleep(_POLL)

    def _ask(self, command: str, **arguments: object) -> dict[str, Any]:
        try:
            self._monitor.write(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
            self._monitor.flush()
        except OSError:
            raise VgetrandomError(f"QEMU ended: {self._last_words()}") from None
        while True:
            answer = self._answer()
            if "return" in answer:
                returned = answer["return"]
                return returned if isinstance(returned, dict) else {}
            if "error" in answer:
                raise VgetrandomError(f"QEMU refused {command}: {answer['error'].get('desc', '')}")

    def _answer(self) -> dict[str, Any]:
        self._socket.settimeout(max(self._session.deadline - time.monotonic(), 0.1))
        try:
            line = self._monitor.readline()
        except socket.timeout:
            raise VgetrandomError("QEMU did not answer in time; give it more with --limit") from None
        except OSError:
            line = b""  # it has gone without reading what we said
        if not line:
            raise VgetrandomError(f"QEMU ended: {self._last_words()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _check(self, what: str) -> None:
        if self._process.poll() is not None:
            raise VgetrandomError(f"QEMU ended: {self._last_words()}")
        if self._complaint:
            raise VgetrandomError(f"the guest failed: {self._complaint}; {self._console} has all that it said")
        if time.monotonic() > self._session.deadline:
            raise VgetrandomError(f"{what} in time; give it more with --limit")

    def _last_words(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1)
        self._listener.join(1)
        return self._complaint or f"exit status {self._process.returncode}"

    def _listen(self, stream: IO[bytes], console: Path) -> None:
        with console.open("wb") as log, contextlib.suppress(ValueError, OSError):
            for line in stream:
                log.write(line)
                log.flush()
                text = line.decode(errors="replace").rstrip()
                if "vg: " in text:
                    self._hear(text[text.index("vg: ") + 4 :])
                elif "Kernel panic" in text or (text.startswith("qemu") and _WARNING not in text):
                    self._complaint = self._complaint or text

    def _hear(self, event: str) -> None:
        """What init.c says: trouble is the end."""
        if event.startswith("trouble "):
            self._complaint = self._complaint or event.partition(" ")[2]
        else:
            self._said.put(event)


def _command(machine: Machine, guid: str | None, monitor: int) -> list[str]:
    return [
        str(machine.emulator),
        *machine.options,
        *("-smp", str(machine.processors), "-m", str(machine.memory), "-nodefaults", "-display", "none"),
        *("-chardev", f"socket,id=monitor,fd={monitor}", "-mon", "chardev=monitor,mode=control"),
        *("-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console", "-no-reboot"),
        *("-kernel", str(machine.kernel), "-initrd", str(machine.initramfs), "-append", machine.append),
        *(_disk(machine.disk) if machine.disk else ()),
        *(("-device", f"vmgenid,guid={guid}") if guid else ()),
    ]


def _disk(path: Path) -> tuple[str, ...]:
    with path.open("rb") as stream:
        kind = "qcow2" if stream.read(4) == _QCOW else "raw"
    file = {"driver": "file", "filename": str(path)}
    node = {"driver": kind, "node-name": "disk", "read-only": True, "file": file}
    return ("-blockdev", json.dumps(node), "-device", "virtio-blk-pci,drive=disk")


def _cpu_seconds(pid: int) -> float:
    """Of a child that was not waited for: user and system time (proc_pid_stat(5)); 0 when it was."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def guids(first: int) -> Iterator[str]:
    """Generations, each another one: any number of them, and the same in every run."""
    number = first
    while True:
        yield f"5eed0000-0000-4000-8000-{number:012x}"
        number += 1
