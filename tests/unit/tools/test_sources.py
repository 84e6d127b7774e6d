"""What the user names: configuration files, shapes of inputs, calibration runs."""

from pathlib import Path

import numpy as np
import pytest
from spcc.isa.errors import UsageError
from spcc.tools.sources import configuration, split_runs
from spcc.tools.targets import find_target

SPOTS = find_target("spots")


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "machine.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    "text", ["NR = 64\nNC = 2", "NR = 64\n[spots]\nNC = 2", "[spots]\nNR = 64\nNC = 2"]
)
def test_parameters_stand_at_the_top_or_in_the_targets_table(tmp_path: Path, text: str) -> None:
    spec = configuration(SPOTS, written(tmp_path, text), ["B=8"])
    assert (spec.NR, spec.NC, spec.B) == (64, 2, 8)  # type: ignore[attr-defined]


def test_settings_override_the_file(tmp_path: Path) -> None:
    spec = configuration(SPOTS, written(tmp_path, "NR = 64"), ["NR=32"])
    assert spec.NR == 32  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("NR = 'x'", "Expected `int`"),
        ("NRR = 4", "unknown parameter 'NRR'"),
        ("NR = 3", "outside 4..4096"),
        ("spots = 1", "not a table"),
        ("NR = ", "is not TOML"),
    ],
)
def test_wrong_files_are_refused_with_a_sentence(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        configuration(SPOTS, written(tmp_path, text), [])


def test_stacked_calibration_is_cut_into_runs_of_the_batch() -> None:
    ports = {"x": ((2, 3), np.dtype(np.float32))}
    stacked = np.arange(18, dtype=np.float32).reshape(6, 3)
    runs = split_runs({"x": stacked}, ports, "--calibration")
    assert [run["x"].tolist() for run in runs] == [stacked[i : i + 2].tolist() for i in (0, 2, 4)]
    with pytest.raises(UsageError, match="fewer samples"):
        split_runs({"x": stacked[:1]}, ports, "--calibration")
