"""Finished runs as files, so that an interrupted comparison can go on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from ..isa.files import replacing
from .compare_jobs import Job
from .compare_schema import encode
from .report_schema import Report

_SCHEMA_VERSION = 1


class StoredRun(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A finished run; `key` is the hash of all that it depends on."""

    schema_version: Literal[1]
    key: str
    warnings: tuple[str, ...]
    report: Report


def save_run(folder: Path, job: Job, report: Report, warnings: Sequence[str]) -> StoredRun:
    """Keep a run; the file appears whole or not at all.

    Raises:
        OSError: The folder is missing or not writable, or the disk is full.
    """
    run = StoredRun(
        schema_version=_SCHEMA_VERSION, key=job.key, warnings=tuple(warnings), report=report
    )
    with replacing(folder / job.file) as temporary:
        temporary.write_bytes(encode(run))
    return run


def load_run(folder: Path, job: Job) -> StoredRun | None:
    """A run kept earlier; None where there is none, or the file is not what it should be."""
    try:
        run = msgspec.json.decode((folder / job.file).read_bytes(), type=StoredRun)
    except (FileNotFoundError, IsADirectoryError, msgspec.MsgspecError):
        return None
    return run if run.key == job.key else None
