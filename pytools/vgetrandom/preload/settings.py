"""What a process's environment can tell the library: the variable VGETRANDOM, and the words that it may hold."""

from __future__ import annotations

SWITCH = "VGETRANDOM"
LOCK = "lock"
OFF = frozenset({"off", "OFF", "Off", "0", "no", "false", "disable", "disabled"})  # shim/preload/environment.c
_WORDS = ("off", LOCK, "nobulk", "noavx512", "noavx2")


def says_off(value: str) -> bool:
    """Whether the library makes plain system calls where VGETRANDOM has this value."""
    return not OFF.isdisjoint(value.split(","))


def unknown_words(value: str) -> tuple[str, ...]:
    """The words in a value of VGETRANDOM that mean nothing to the library, in their order."""
    return tuple(word for word in value.split(",") if word and word not in OFF and word not in _WORDS)


def complaint(value: str) -> str:
    """One sentence about the words that mean nothing; "" when there are none."""
    unknown = unknown_words(value)
    if not unknown:
        return ""
    means = "means" if len(unknown) == 1 else "mean"
    return f"{', '.join(map(repr, unknown))} in {SWITCH} {means} nothing to the library; it knows {', '.join(_WORDS)}"
