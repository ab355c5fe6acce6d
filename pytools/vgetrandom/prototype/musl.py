"""Building musl: the shared library, which is its loader too, the archive, headers and musl-gcc."""

from __future__ import annotations

import json
from pathlib import Path

from .building import Job, command, count_steps

_CONFIGURED = "configured.json"
# Optimised for speed beside what musl's configure says by itself.
_FOR_SPEED = "internal,malloc,string,random,linux"


def build(job: Job) -> None:
    """Raises VgetrandomError when a step fails."""
    words = [
        str(job.tree / "configure"),
        f"--enable-optimize={_FOR_SPEED}",
        "--enable-debug",
        "--enable-wrapper=gcc",
        *([] if job.static else ["--disable-static"]),
        f"CC={' '.join(job.compiler)}",
    ]
    record = job.folder / _CONFIGURED
    if not record.is_file() or json.loads(record.read_text()) != words:
        command(job, "configuring musl", words)
        record.write_text(json.dumps(words))
    # The place is no part of the objects, but of musl-gcc: the same build can be put into another folder.
    make = ["make", f"-j{job.jobs}", f"prefix={job.output}", f"syslibdir={job.output}/lib"]
    for name in ("lib/musl-gcc.specs", "obj/musl-gcc"):
        (job.folder / name).unlink(missing_ok=True)
    command(job, "building musl", make, count_steps(job.folder, make))
    command(job, "installing musl", [*make, "install", f"DESTDIR={job.stage}"])
    _relink(job.stage / str(job.output).lstrip("/") / "lib")


def _relink(folder: Path) -> None:
    """The loader's link leads to the library beside it, wherever the folder is moved."""
    for link in folder.glob("ld-musl-*.so.1"):
        link.unlink()
        link.symlink_to("libc.so")
