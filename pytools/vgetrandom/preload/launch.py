"""Starting a command with the library preloaded, and nothing else changed."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from ..errors import VgetrandomError
from ..system.elf import needed_libraries
from ..system.files import open_regular
from ..system.program import NOT_EXECUTABLE, Program
from .identity import is_copy, require_nameable
from .library import LIBRARY_NAME, REPORTER_NAME
from .settings import SWITCH

REPORT = "VGETRANDOM_REPORT"


def own_environment() -> dict[str, str]:
    """The environment as this process was started with.

    In the C locale Python adds LC_CTYPE=C.UTF-8 to it (PEP 538), which the command must not see.
    """
    environment = dict(os.environ)
    try:
        given = Path("/proc/self/environ").read_bytes().split(b"\0")
    except OSError:
        return environment
    if not any(entry.startswith(b"LC_CTYPE=") for entry in given):
        environment.pop("LC_CTYPE", None)
    return environment


def with_library(environment: Mapping[str, str], library: Path) -> dict[str, str]:
    """The environment that preloads `library`, behind what is preloaded already.

    Behind, so that an interposer which the user chose still comes first, and a sanitizer's runtime, which
    insists on it.
    Raises VgetrandomError when LD_PRELOAD can't name the library: it ends at a space or colon (ld.so(8)).
    """
    return _with_preload(environment, library)


def with_reports(environment: Mapping[str, str], reporter: Path, destination: str) -> dict[str, str]:
    """The environment in which every process that exits leaves a line, written by the library `reporter`.

    `destination` is what VGETRANDOM_REPORT wants: the path of a file that is there, or fd:N.
    Raises VgetrandomError when LD_PRELOAD can't name the reporter.
    """
    return {**_with_preload(environment, reporter), REPORT: destination}


def _with_preload(environment: Mapping[str, str], library: Path) -> dict[str, str]:
    require_nameable(library)
    others = [name for name in preloaded(environment) if Path(name) != library]
    return {**environment, "LD_PRELOAD": ":".join([*others, str(library)])}


def without_library(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment with no vgetrandom in it: neither the library, under whatever name, nor its settings.

    A name without a slash is known by itself alone: where the loader finds that file is the loader's affair.
    """
    result = {name: value for name, value in environment.items() if name not in (SWITCH, REPORT, "LD_PRELOAD")}
    others = [name for name in preloaded(environment) if not _is_ours(name)]
    if others:
        result["LD_PRELOAD"] = ":".join(others)
    return result


def _is_ours(name: str) -> bool:
    return Path(name).name in (LIBRARY_NAME, REPORTER_NAME) or ("/" in name and is_copy(Path(name)))


def preloaded(environment: Mapping[str, str]) -> list[str]:
    """The files and names in LD_PRELOAD, in their order."""
    return environment.get("LD_PRELOAD", "").replace(":", " ").split()


def require_sanitizer_first(program: Program, environment: Mapping[str, str]) -> None:
    """Raises VgetrandomError when the program would refuse to start with anything preloaded.

    That is so for gcc's -fsanitize=address: its runtime is a library that wants to be first (AddressSanitizerFlags:
    verify_asan_link_order). clang links it in, and does not mind.
    """
    runtime = next((name for name in needed_libraries(program.executable) if name.startswith("libasan.so")), "")
    first = next((Path(name).name for name in preloaded(environment)), "")
    unchecked = re.search(r"\bverify_asan_link_order=(0|false|no)\b", environment.get("ASAN_OPTIONS", ""))
    if runtime and not first.startswith("libasan.so") and not unchecked:
        raise VgetrandomError(
            f"{program.executable} has gcc's address sanitizer, which wants to be loaded first; "
            f"put LD_PRELOAD={runtime} before this command",
            NOT_EXECUTABLE,
        )


def words_for(program: Program, command: Sequence[str]) -> tuple[str, list[str]]:
    """What execve(2) gets: the path and the arguments.

    A text file without a #! line goes to /bin/sh, as execvp(3) does it.
    """
    if _is_plain_text(program.path):
        return "/bin/sh", ["/bin/sh", program.path, *command[1:]]
    return program.path, list(command)


def _is_plain_text(path: str) -> bool:
    try:
        with open_regular(Path(path)) as stream:
            head = stream.read(256)
    except OSError:
        return False
    return b"\0" not in head and not head.startswith(b"#!")


def refusal(program: Program, error: OSError) -> VgetrandomError:
    """What to tell when the kernel did not execute a program that was found."""
    return VgetrandomError(f"{program.path} can't be run here: {os.strerror(error.errno or 0)}", NOT_EXECUTABLE)


def execute(program: Program, command: Sequence[str], environment: Mapping[str, str]) -> NoReturn:
    """Become the command. Raises VgetrandomError when the kernel refuses."""
    for ignored_by_python in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(ignored_by_python, signal.SIG_DFL)
    path, words = words_for(program, command)
    try:
        os.execve(path, words, environment)
    except OSError as error:
        raise refusal(program, error) from None
