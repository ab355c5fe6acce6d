"""The build backend that pyproject.toml names: meson-python, but with editable installs that outlive the build.

An editable install calls ninja at import, and ninja calls meson when a meson.build changed. meson-python would
note where both were during the build: in the environment that pip removes afterwards. Both are dependencies of
this package, so here they are called as modules of the interpreter that it is installed in.
"""

import os
import shlex
import sys
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # meson itself: see tool.meson-python.meson in pyproject.toml
    from mesonbuild.mesonmain import main

    sys.exit(main())

import mesonpy
from mesonpy import build_sdist, build_wheel, get_requires_for_build_sdist, get_requires_for_build_wheel

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
]

get_requires_for_build_editable = mesonpy.get_requires_for_build_editable


def build_editable(*args: Any, **keywords: Any) -> str:
    ninja = Path("build", "ninja").resolve()
    ninja.parent.mkdir(exist_ok=True)
    ninja.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m ninja "$@"\n')
    ninja.chmod(0o755)
    os.environ["NINJA"] = str(ninja)
    return mesonpy.build_editable(*args, **keywords)
