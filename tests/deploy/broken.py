"""Libraries that nobody wants on a host: each passes for a build of ours by what it exports."""

from __future__ import annotations

import subprocess
from pathlib import Path

_RECORD = "const unsigned long vgetrandom_process[32] = { 0x6d6f646e61726776 };\n"
_FILL = "long getrandom(void *to, unsigned long size, unsigned flags)\n{\n"

BROKEN = {
    "crashes at load": "__attribute__((constructor)) static void load(void) { __builtin_trap(); }",
    "ends the program": "void _exit(int);\n__attribute__((constructor)) static void load(void) { _exit(0); }",
    "says something": 'int puts(const char *);\n__attribute__((constructor)) static void load(void) { puts("hello"); }',
    "crashes in a draw": _FILL + "\t__builtin_trap();\n}",
    "draws nothing": "#include <errno.h>\n" + _FILL + "\terrno = EINVAL;\n\treturn -1;\n}",
    "draws zeros": _FILL + "\t__builtin_memset(to, 0, size);\n\treturn size;\n}",
    "draws the same again": _FILL + "\t__builtin_memset(to, 7, size);\n\treturn size;\n}",
    "wants a symbol": "int no_such_function(void);\nint (*address)(void) = no_such_function;",
}


def compile_broken(how: str, folder: Path) -> Path:
    """The library that is broken so, in `folder`."""
    source, library = folder / "broken.c", folder / "libvgetrandom.so"
    source.write_text(_RECORD + BROKEN[how] + "\n")
    subprocess.run(["gcc", "-w", "-O1", "-shared", "-fPIC", "-o", library, source], check=True)
    return library


def tree(folder: Path) -> dict[str, bytes | None]:
    """Every file below a folder, with its content; a folder has none."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }
