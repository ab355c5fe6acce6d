"""`vgetrandom doctor`: can this host use the library, and what would it gain?"""

from __future__ import annotations

import argparse
import json

from ..doctor.document import findings_object
from ..doctor.findings import examine
from ..doctor.text import lines, verdict


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    found = examine()
    if args.json:
        print(json.dumps(findings_object(found), indent=2))
    else:
        for name, text in lines(found):
            print(f"{name:<10} {text}")
        print(verdict(found))
    return 0 if found.good else 1
