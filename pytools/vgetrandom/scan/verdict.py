"""From a closure to a verdict: which of a program's random calls the preloaded library would serve, and why not."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .closure import Closure, Object, uses_musl
from .elf_facts import DRAWS, LOADERS, TEMPORARY_NAMES, Facts, Kind
from .golang import uses_vdso

# What the library is built for; every one has 64 bits.
SUPPORTED = {
    "EM_X86_64": "x86_64",
    "EM_AARCH64": "aarch64",
    "EM_RISCV": "riscv64",
    "EM_PPC64": "powerpc64le",
    "EM_S390": "s390x",
    "EM_LOONGARCH": "loongarch64",
}
# The calls for which glibc, where it knows the vDSO's getrandom, no longer enters the kernel.
GLIBC_NATIVE = frozenset(("getrandom", "arc4random", "arc4random_buf", "arc4random_uniform"))
_LIBC_FILES = ("libc.so.6", "libpthread.so.0", "ld-linux", "ld64.so.", "ld-musl-", "libc.musl-")
_OWN_NAME = "libvgetrandom.so"


class Verdict(str, enum.Enum):
    """Sorted as in a table: what gains first."""

    REACHED = "reached"
    PARTLY = "partly"
    NATIVE = "native"
    UNREACHABLE = "unreachable"


class Served(str, enum.Enum):
    """Who answers a call when the library is preloaded."""

    SHIM = "library"
    NATIVE = "native"  # the vDSO, without our help
    KERNEL = "kernel"
    FALLBACK = "fallback"  # the kernel, if the same file's other calls fail
    LIBC = "libc"  # libc for its own use


@dataclass(frozen=True)
class Call:
    """One way in which one file draws random bytes."""

    file: str
    call: str
    served: Served


@dataclass(frozen=True)
class Libc:
    """`name` is "glibc", "musl" or "none"; `native` lists the calls that it serves from the vDSO by itself."""

    name: str
    version: str
    native: frozenset[str]


@dataclass(frozen=True)
class Judgement:
    """The verdict on one program or library, with what it rests on."""

    verdict: Verdict
    reason: str
    libc: Libc
    calls: tuple[Call, ...]
    not_followed: tuple[str, ...]  # files that load plugins, with the names that they mention
    preloaded: bool  # our library is among the objects already


def judge(closure: Closure, privilege: str = "") -> Judgement:
    """Judge a program from its closure. `privilege` says why its loader ignores LD_PRELOAD, if it does ("set-uid")."""
    facts = closure.program.facts
    libc = libc_of(closure)
    calls = tuple(_calls(closure, libc))
    verdict, reason = _verdict(facts, privilege, calls)
    return Judgement(
        verdict=verdict,
        reason=reason,
        libc=libc,
        calls=calls,
        not_followed=tuple(_not_followed(closure.objects)),
        preloaded=any(item.name.startswith(_OWN_NAME) for item in closure.objects[1:]),
    )


def libc_of(closure: Closure) -> Libc:
    """The C library among the objects, and what it does by itself."""
    musl = uses_musl(closure.program.facts)
    family = [item.facts for item in closure.objects if is_libc(item)]
    version = next((facts.libc_release or facts.glibc for facts in family if "getrandom" in facts.exports), "")
    if not version:
        version = next((facts.libc_release for facts in family if facts.libc_release), "")
    knows_vdso = any(facts.names_vdso for facts in family)
    if musl:
        return Libc("musl", version, DRAWS if knows_vdso else frozenset())
    return Libc("glibc" if family else "none", version, GLIBC_NATIVE if knows_vdso else frozenset())


def is_libc(item: Object) -> bool:
    """Whether a file is part of the C library, whose own entries into the kernel are not the program's."""
    name = item.facts.soname or item.name
    musl_itself = item.name == "libc.so" and item.facts.libc_release != ""
    return musl_itself or name.startswith(_LIBC_FILES) or item.name.startswith(_LIBC_FILES)


def _calls(closure: Closure, libc: Libc) -> Iterable[Call]:
    program = closure.program
    for item in closure.objects:
        if is_libc(item) or (item.name.startswith(_OWN_NAME) and item is not program):
            continue
        if item.facts.go:
            served = Served.NATIVE if uses_vdso(item.facts.go_version) else Served.KERNEL
            yield Call(item.name, f"Go {item.facts.go_version or '(unknown release)'} runtime", served)
        direct = list(_direct_calls(item, closure, libc))
        yield from direct
        # With another way in the same file, the device is for kernels without the system call.
        spare = Served.FALLBACK if direct or item.facts.go else Served.KERNEL
        yield from (Call(item.name, device, spare) for device in item.facts.devices)
        names = sorted(TEMPORARY_NAMES & item.facts.imports)
        if names and libc.name == "glibc":
            yield Call(item.name, ", ".join(names), Served.LIBC)


def _direct_calls(item: Object, closure: Closure, libc: Libc) -> Iterable[Call]:
    facts = item.facts
    for name in sorted(DRAWS & facts.imports):
        yield Call(item.name, name, _served(name, closure, libc))
    if "syscall" in facts.imports and facts.traces.argument:
        yield Call(item.name, "syscall(SYS_getrandom)", Served.SHIM)
    if {"dlsym", "dlvsym"} & facts.imports and facts.names_getrandom and "getrandom" not in facts.imports:
        yield Call(item.name, "getrandom by dlsym", _served("getrandom", closure, libc))
    if facts.traces.raw and not facts.go:
        # A static glibc names the vDSO's function too, and does not call it: the loader's part of libc makes it ready.
        yield Call(item.name, "system call instruction", Served.KERNEL)


def _served(name: str, closure: Closure, libc: Libc) -> Served:
    if name in closure.program.facts.exports:
        return Served.KERNEL  # the program's own definition comes before every preloaded one
    first = next((item for item in closure.objects if name in item.facts.exports and not _is_ours(item)), None)
    return Served.NATIVE if first and is_libc(first) and name in libc.native else Served.SHIM


def _is_ours(item: Object) -> bool:
    return item.name.startswith(_OWN_NAME)


def _verdict(facts: Facts, privilege: str, calls: Sequence[Call]) -> tuple[Verdict, str]:
    machine = SUPPORTED.get(facts.machine)
    if machine is None or facts.bits != 64:
        name = facts.machine.replace("EM_", "").lower()
        return Verdict.UNREACHABLE, f"{facts.bits}-bit {name}: the library does not exist for it"
    shim, native, kernel = (
        [call for call in calls if call.served is served] for served in (Served.SHIM, Served.NATIVE, Served.KERNEL)
    )
    if facts.go and not shim:
        verdict = Verdict.NATIVE if native and not kernel else Verdict.UNREACHABLE
        own = "draws from the vDSO itself" if verdict is Verdict.NATIVE else "its runtime makes its own system calls"
        return verdict, f"Go {facts.go_version or '(unknown release)'}: {own}"
    if facts.kind is Kind.STATIC:
        return Verdict.UNREACHABLE, "statically linked: there is no loader to preload with"
    if not shim and not native and not kernel:
        return Verdict.UNREACHABLE, "no random calls"
    if privilege:
        return Verdict.UNREACHABLE, f"{privilege}: the loader ignores LD_PRELOAD there"
    if not shim and not native:
        return Verdict.UNREACHABLE, f"only {_summary(kernel)}"
    if kernel:
        return Verdict.PARTLY, f"{_summary([*shim, *native])}; not {_summary(kernel)}"
    if not shim:
        return Verdict.NATIVE, f"libc draws from the vDSO itself: {_summary(native)}"
    return Verdict.REACHED, _summary(shim)


def _summary(calls: Sequence[Call]) -> str:
    """ "getrandom, getentropy in libfoo.so.1; arc4random in prog", shortened."""
    by_file: dict[str, list[str]] = {}
    for call in calls:
        by_file.setdefault(call.file, []).append(call.call)
    parts = [f"{', '.join(names)} in {file}" for file, names in by_file.items()]
    more = f" and {len(parts) - 3} more files" if len(parts) > 4 else ""
    return "; ".join(parts[:3] if more else parts) + more


def _not_followed(objects: Sequence[Object]) -> Iterable[str]:
    for item in objects:
        if LOADERS & item.facts.imports and not is_libc(item):
            named = ", ".join(Path(name).name for name in item.facts.plugins)
            yield f"{item.name} ({named})" if named else item.name
