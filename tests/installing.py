"""Installing a copy of this tree, or a wheel made of it, into an environment that has all else that we have here."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from command import path_with_scripts
from conftest import ROOT

_TREE = ("LICENSE", "README.md", "cross", "docs/man", "include", "meson.build", "meson.options", "pyproject.toml")
_TREE += ("pytools", "setup", "shim", "tests/conformance")


def copy_of_tree(folder: Path) -> Path:
    """What a clone has of what is installed."""
    for name in _TREE:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(ROOT / name, target)
    return folder


def commands_of_environment(folder: Path, *words: object) -> Path:
    """Where the commands are of a new environment in `folder`, after `pip install WORDS` there."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    paths = {"base": str(folder), "platbase": str(folder)}
    installed = Path(sysconfig.get_path("purelib", vars=paths))
    (installed / "ours.pth").write_text(sysconfig.get_path("purelib") + "\n")
    install = [folder / "bin" / "python", "-m", "pip", "install", "--disable-pip-version-check", "--no-deps"]
    command = [*install, "--ignore-installed", *map(str, words)]
    environment = {**os.environ, "PATH": path_with_scripts()}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "bin"
