"""What a test needs and may not have here. Each skip says what is missing, and the one thing that brings it.

That is a command (`apt-get install strace`, `./setup --test`), root, or another host. Tests skip by these functions
alone (tests/structure/test_skips.py).
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import re
import shutil
from collections.abc import Iterable
from typing import NoReturn

import pytest

SETUP = "./setup --test"
ROOT = "run .venv/bin/pytest as root"
# All programs that tests look for.
PROGRAMS = "apt-get install $(sed 's/#.*//' tests/packages.txt)"
MIRROR = "apt-get update, with a network and Debian's mirror"
_FOLDERS = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
# Debian's package of a program, where it has another name.
_PACKAGES = {
    **{"cc": "gcc", "musl-gcc": "musl-tools", "size": "binutils", "strip": "binutils", "nm": "binutils"},
    **{"unshare": "util-linux", "setpriv": "util-linux", "prlimit": "util-linux", "script": "bsdutils"},
    **{"groff": "groff-base", "rpm2cpio": "rpm", "dpkg-deb": "dpkg", "apt-get": "apt", "ldconfig": "libc-bin"},
    **{"nginx": "nginx-light", "mke2fs": "e2fsprogs", "systemd-analyze": "systemd", "relacy": "relacy-dev"},
    **{"qemu-system-x86_64": "qemu-system-x86", "musl": "musl-tools"},
    **{"libjemalloc": "libjemalloc2", "libmimalloc": "libmimalloc-dev"},
    **{"node": "nodejs", "php": "php-cli", "tclsh": "tcl", "uuidgen": "uuid-runtime", "dig": "bind9-dnsutils"},
    **{"sshd": "openssh-server", "ssh-keygen": "openssh-client", "ssh-agent": "openssh-client", "ninja": "ninja-build"},
    **{"dnsmasq": "dnsmasq-base", "busybox": "busybox-static", "age-keygen": "age", "mcookie": "util-linux"},
    **{"rg": "ripgrep", "fdfind": "fd-find", "batcat": "bat", "setarch": "util-linux"},
}


def install(*programs: str) -> str:
    """The command that installs them."""
    return f"apt-get install {' '.join(dict.fromkeys(map(_package, programs)))}"


def skip(why: str, remedy: str) -> NoReturn:
    """Skip the test that runs. `remedy` is one of this file: install(...), SETUP, ROOT, PROGRAMS, MIRROR."""
    pytest.skip(f"{why}; {remedy}")


def another_host(having: str) -> NoReturn:
    """Skip the test that runs: nothing that a user could do brings what is missing to this host."""
    pytest.skip(f"needs a host {having}")


def require(*programs: str) -> str:
    """The path of the first program. Skips where one is not installed."""
    missing = _missing(programs)
    if missing:
        skip(_not_installed(missing), install(*missing))
    return shutil.which(programs[0], path=_FOLDERS) or ""


def require_python(*modules: str) -> None:
    """Skips where one of the modules is not installed."""
    missing = _missing_modules(modules)
    if missing:
        skip(_not_installed(missing), SETUP)


def require_root(why: str) -> None:
    """Skips for anybody else."""
    if os.geteuid() != 0:
        skip(f"needs root, {why}", ROOT)


def require_user_name(who: str) -> None:
    """Skips for a user whom the system knows by number only, as in many containers: `who` won't run then."""
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError:
        another_host(f"on which this user has a name, for {who}")


def program(*programs: str) -> pytest.MarkDecorator:
    """require() as a mark."""
    missing = _missing(programs)
    return pytest.mark.skipif(bool(missing), reason=f"{_not_installed(missing)}; {install(*missing)}")


def python(*modules: str) -> pytest.MarkDecorator:
    """require_python() as a mark."""
    missing = _missing_modules(modules)
    return pytest.mark.skipif(bool(missing), reason=f"{_not_installed(missing)}; {SETUP}")


def root(why: str) -> pytest.MarkDecorator:
    """require_root() as a mark."""
    return pytest.mark.skipif(os.geteuid() != 0, reason=f"needs root, {why}; {ROOT}")


def host(met: object, having: str) -> pytest.MarkDecorator:
    """another_host() as a mark, unless it is `met`."""
    return pytest.mark.skipif(not met, reason=f"needs a host {having}")


def _missing(programs: Iterable[str]) -> list[str]:
    return [name for name in programs if not shutil.which(name, path=_FOLDERS)]


def _missing_modules(modules: Iterable[str]) -> list[str]:
    return [name for name in modules if importlib.util.find_spec(name) is None]


def _not_installed(names: Iterable[str]) -> str:
    words = list(names)
    return f"{' and '.join(words)} {'is' if len(words) == 1 else 'are'} not installed"


def _package(name: str) -> str:
    if compiler := re.fullmatch(r"(.*-linux-gnu)-gcc", name):
        return f"gcc-{compiler[1]}"
    if name.startswith("qemu-") and not name.startswith("qemu-system-"):
        return "qemu-user"
    return _PACKAGES.get(name, name)
