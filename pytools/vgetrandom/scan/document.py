"""A scan as an object for JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from .elf_facts import Kind
from .survey import Row, Trouble
from .text import by_verdict
from .verdict import SUPPORTED, Judgement, Verdict

SCHEMA = 1


def scan_object(rows: Sequence[Row], troubles: Sequence[Trouble], other: int) -> dict[str, Any]:
    """Everything that was found; `other`: files that are not ELF."""
    counts = Counter(row.judgement.verdict for row in rows)
    return {
        "schema": SCHEMA,
        "files": [_row_object(row) for row in sorted(rows, key=by_verdict)],
        "problems": [{"path": trouble.path, "message": trouble.message} for trouble in troubles],
        "summary": {**{verdict.value: counts[verdict] for verdict in Verdict}, "not_elf": other},
    }


def _row_object(row: Row) -> dict[str, Any]:
    facts, judgement = row.facts, row.judgement
    return {
        "path": row.path,
        "kind": facts.kind.value,
        "machine": SUPPORTED.get(facts.machine, facts.machine.replace("EM_", "").lower()),
        "bits": facts.bits,
        "verdict": judgement.verdict.value,
        "reason": judgement.reason,
        "libc": _libc_object(judgement),
        "glibc_required": facts.glibc if facts.kind is not Kind.STATIC else "",
        "go": facts.go_version if facts.go else None,
        "calls": [{"file": call.file, "call": call.call, "served_by": call.served.value} for call in judgement.calls],
        "plugins_not_followed": list(judgement.not_followed),
        "not_found": list(row.missing),
        "preloaded": judgement.preloaded,
        "partly_read": facts.partial,
    }


def _libc_object(judgement: Judgement) -> dict[str, Any]:
    return {
        "name": judgement.libc.name,
        "version": judgement.libc.version,
        "native_calls": sorted(judgement.libc.native),
    }
