"""The simulated cycles that `expected.json` holds, and whether they moved."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

FILE = Path(__file__).parent / "expected.json"
COUNTS = ("cycles", "elapsed_cycles")
SLACK = 1e-3
"""Share by which cycles may differ when a light network's weights were rounded otherwise here."""

Facts = Mapping[str, Any]
"""`model_sha256` of a network's file and its `COUNTS`."""


def read() -> dict[str, Facts]:
    """What is expected, by network; nothing if there is no file."""
    if not FILE.exists():
        return {}
    return cast("dict[str, Facts]", json.loads(FILE.read_text(encoding="utf-8")))


def update(found: Mapping[str, Facts]) -> None:
    """Expect from now on what was found."""
    facts = {n: {key: f[key] for key in ("model_sha256", *COUNTS)} for n, f in found.items()}
    FILE.write_text(json.dumps(read() | facts, indent=1) + "\n", encoding="utf-8")


def moves(found: Mapping[str, Facts], expected: Mapping[str, Facts]) -> list[str]:
    """Sentences on the counts that are not as expected.

    Light networks are normalised by float32 statistics, which another processor may round
    otherwise: only where the model's bytes are the same must the cycles be equal.
    """
    sentences: list[str] = []
    for name, facts in found.items():
        wanted = expected.get(name, {})
        is_same_model = wanted.get("model_sha256") == facts["model_sha256"]
        for count in COUNTS:
            slack = 0 if is_same_model else SLACK * facts[count]
            if abs(facts[count] - wanted.get(count, 0)) > slack:
                sentences.append(f"{name}: {count} moved: {wanted.get(count)} -> {facts[count]}")
    return sentences
