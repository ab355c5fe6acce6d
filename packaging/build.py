"""Builds what is released: a wheel, a .deb, a .rpm and an .apk for each architecture.

    ./setup --test && .venv/bin/python packaging/build.py

--arch x86_64,aarch64 and --only wheel,deb choose; -o says where they go (dist).
"""

from __future__ import annotations

import argparse
from pathlib import Path

from packages import FORMATS, build_package
from wheels import ARCHITECTURES, build_wheel


def _chosen(text: str, known: list[str]) -> list[str]:
    names = text.split(",") if text else known
    for name in names:
        if name not in known:
            raise argparse.ArgumentTypeError(f"no {name!r}; there are {', '.join(known)}")
    return names


def main() -> None:
    """Print the path of each file as soon as it is there."""
    architectures = [one.name for one in ARCHITECTURES]
    kinds = ["wheel", *(one.name for one in FORMATS)]
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--arch", type=lambda text: _chosen(text, architectures), default=architectures, metavar="LIST")
    parser.add_argument("--only", type=lambda text: _chosen(text, kinds), default=kinds, metavar="LIST")
    parser.add_argument("-o", "--output", type=Path, default=Path("dist"), metavar="DIR")
    args = parser.parse_args()
    for architecture in ARCHITECTURES:
        if architecture.name not in args.arch:
            continue
        wheel = build_wheel(architecture, args.output)
        print(wheel, flush=True)
        for kind in FORMATS:
            if kind.name in args.only:
                print(build_package(kind, architecture, wheel, args.output), flush=True)
        if "wheel" not in args.only:
            wheel.unlink()


if __name__ == "__main__":
    main()
