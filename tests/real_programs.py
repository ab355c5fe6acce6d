"""Real programs and something for each to do: C, C++, Go, Rust; glibc, musl and static; servers, runtimes, tools."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from vgetrandom.errors import VgetrandomError
from vgetrandom.system import debian


@dataclass(frozen=True)
class Real:
    """One program. `script` runs in an empty folder by /bin/sh, with the program as "$@"; `name` is found on PATH.

    release, arch, packages  where to take the program from when it is not to be this host's
    user                     run as; a set-uid program must not be run by root
    """

    name: str
    arguments: tuple[str, ...] = ()
    release: str = ""
    arch: str = "amd64"
    packages: tuple[str, ...] = ()
    user: str = ""
    setup: tuple[str, ...] = ()
    seconds: float = 0  # a server: ended by SIGTERM after this long


def _case(name: str, *arguments: str) -> Real:
    return Real(name, arguments)


def _server(name: str, *arguments: str, setup: tuple[str, ...] = ()) -> Real:
    return Real(name, arguments, setup=setup, seconds=1.5)


def _set_uid(name: str, *arguments: str) -> Real:
    return Real(name, arguments, user="nobody")


_TRIXIE_TOOLS = ("libc6", "coreutils", "libselinux1", "libpcre2-8-0", "libacl1", "libattr1", "libgmp10", "libssl3t64")
_TRIXIE_TOOLS += ("libcap2", "libsystemd0", "openssl", "libzstd1", "zlib1g", "util-linux", "libsmartcols1")
_URANDOM = "import posix\nfor i in range(100): posix.urandom(8)"
_TRIXIE_PYTHON = ("libc6", "python3.13-minimal", "libexpat1", "zlib1g")
_I386_TOOLS = ("libc6", "coreutils", "libselinux1", "libpcre2-8-0", "libacl1", "libattr1", "libgmp10", "libcap2")


def _trixie(name: str, *arguments: str, packages: tuple[str, ...] = _TRIXIE_TOOLS) -> Real:
    return Real(name, arguments, release="trixie", packages=packages)


PROGRAMS = (
    # Runtimes
    _case("bash", "-c", "for i in 1 2 3 4 5 6 7 8 9 10; do : $SRANDOM; done"),
    _case("python3", "-c", "import os\nfor i in range(100): os.urandom(8)"),
    _case("node", "-e", "for (let i = 0; i < 20; i++) require('crypto').randomBytes(8)"),
    _case("ruby", "-rsecurerandom", "-e", "20.times { SecureRandom.hex }"),
    _case("php", "-r", "for ($i = 0; $i < 20; $i++) random_bytes(8);"),
    _case("perl", "-e", "print rand for 1 .. 20"),
    _case("lua5.4", "-e", "print(math.random())"),
    _case("tclsh"),
    _case("gawk", "BEGIN { srand(); print rand() }"),
    _case("mawk", "BEGIN { srand(); print rand() }"),
    _case("jq", "-n", "now"),
    _case("sqlite3", ":memory:", "select hex(randomblob(8))"),
    _case("zsh", "-c", "echo $RANDOM"),
    # Tools in C and C++
    _case("openssl", "rand", "-hex", "100000"),
    _case("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "key"),
    _case("gpg", "--homedir", ".", "--gen-random", "2", "64"),
    _case("shuf", "-i", "1-100000"),
    _case("sort", "-R", "/etc/passwd"),
    _case("mktemp", "-d", "./XXXXXX"),
    _case("mcookie"),
    _case("uuidgen", "-r"),
    _case("pwgen", "-s", "20", "50"),
    _case("curl", "-s", "file:///etc/passwd"),
    _case("wget", "-q", "-t", "1", "-T", "1", "-O", "-", "http://127.0.0.1:9/"),
    _case("git", "init", "-q", "."),
    _case("rsync", "/etc/passwd", "copy"),
    _case("dig", "@127.0.0.1", "-p", "9", "+tries=1", "+timeout=1", "example.invalid"),
    _case("socat", "-u", "OPEN:/etc/passwd", "STDOUT"),
    _case("ls", "-l", "/"),
    _case("grep", "root", "/etc/passwd"),
    _case("tar", "-cf", "archive", "/etc/passwd"),
    _case("gzip", "-c", "/etc/passwd"),
    _case("ninja", "--version"),
    # Servers
    _server("redis-server", "--port", "0", "--save", ""),
    _server("memcached", "-u", "nobody", "-s", "./socket"),
    _case("sshd", "-t", "-h", "/dev/null"),
    _case("nginx", "-t"),
    _server("haproxy", "-f", "haproxy.cfg", setup=("haproxy.cfg", "defaults\n mode tcp\nfrontend x\n bind unix@./s\n")),
    _case("unbound", "-V"),
    _server("dnsmasq", "-k", "-p", "0", "-C", "/dev/null"),
    _server("mosquitto", "-p", "0"),
    # Rust
    _case("rg", "root", "/etc/passwd"),
    _case("fdfind", "passwd", "/etc", "--max-depth", "1"),
    _case("batcat", "--paging=never", "/etc/passwd"),
    _case("hyperfine", "-N", "-r", "2", "true"),
    # Go
    _case("age-keygen"),
    _case("fzf", "--version"),
    _case("restic", "version"),
    Real("age-keygen", release="trixie", packages=("age", "libc6")),
    # Static
    _case("busybox", "mktemp", "-d", "./XXXXXX"),
    _case("bash-static", "-c", "for i in 1 2 3 4 5 6 7 8 9 10; do : $SRANDOM; done"),
    _case("zsh-static", "-c", "echo $RANDOM"),
    _case("ldconfig", "-p"),
    # Set-uid and set-gid
    _set_uid("su", "--version"),
    _set_uid("passwd", "--status"),
    _set_uid("mount", "--version"),
    _set_uid("sudo", "-n", "true"),
    _set_uid("ssh-agent", "true"),
    # A libc that uses the vDSO by itself
    _trixie("shuf", "-i", "1-100000"),
    _trixie("sort", "-R", "/etc/passwd"),
    _trixie("mktemp", "-d", "./XXXXXX"),
    _trixie("openssl", "rand", "-hex", "100000"),
    _trixie("python3.13", "-S", "-E", "-c", _URANDOM, packages=_TRIXIE_PYTHON),
    # Another ELF class
    Real("shuf", ("-i", "1-100000"), release="bookworm", arch="i386", packages=_I386_TOOLS),
)


@dataclass(frozen=True)
class Found:
    """A program that is here: its file, what it takes for `/`, and the words that run it."""

    path: Path
    root: Path | None
    command: tuple[str, ...]


class Absent(Exception):
    """Why a program can't be had here."""


def find(real: Real) -> Found:
    """Find a program on this host, or fetch it with the libraries it is to run with. Raises Absent."""
    if not real.release:
        path = shutil.which(real.name, path="/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin")
        if path is None:
            raise Absent(f"{real.name} is not installed")
        return Found(Path(path), None, _ended((path, *real.arguments), real.seconds))
    try:
        root = debian.fetch(real.release, real.arch, real.packages)
    except VgetrandomError as error:
        raise Absent(str(error)) from error
    program = root / "usr/bin" / real.name
    loader = next(path for path in (root / "lib64/ld-linux-x86-64.so.2", root / "lib/ld-linux.so.2") if path.exists())
    folders = sorted({str(path.parent) for path in root.rglob("*.so*") if path.parent.name.endswith("-linux-gnu")})
    words = (str(loader), "--library-path", ":".join(folders), str(program), *real.arguments)
    return Found(program, root, words)


def _ended(command: tuple[str, ...], seconds: float) -> tuple[str, ...]:
    return ("timeout", "-s", "TERM", "-k", "5", str(seconds), *command) if seconds else command
