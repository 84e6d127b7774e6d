"""A layer's output whose channels lie in another order than the network's."""

from typing import Any

import numpy as np
import pytest
from spcc.compiler.dialects.program import tensor_attribute, tensor_info
from spcc.isa.errors import ProgramError
from spcc.isa.tables import LayerInfo, TensorInfo
from spcc.isa.verify import check_layers, check_tensors
from spcc.runtime.memory import Dram
from spcc.runtime.tensors import load_integers, load_tensor


def tensor(**changes: Any) -> TensorInfo:
    plain = {
        "name": "t", "dtype": "i16", "shape": (2, 3, 2), "offset": 0, "strides": (12, 4, 2),
        "frac": 1, "bits": 16, "channels": (2, 0, 1),
    }  # fmt: skip
    return TensorInfo(**(plain | changes))


def test_channels_are_read_in_the_order_of_the_network() -> None:
    stored = np.arange(12, dtype="<i2").reshape(2, 3, 2)
    dram = Dram(np.zeros(0, np.uint8), 64)
    dram.write(0, stored)
    wanted = np.empty_like(stored)
    wanted[:, [2, 0, 1]] = stored
    np.testing.assert_array_equal(load_integers(dram, tensor()), wanted)
    np.testing.assert_array_equal(load_tensor(dram, tensor()), wanted / 2)


@pytest.mark.parametrize(
    "changes",
    [
        {"channels": (0, 1)},
        {"channels": (0, 1, 1)},
        {"channels": (1, 2, 3)},
        {"shape": (3,), "strides": (2,)},
        {"shape": (0, 1 << 40), "strides": (2, 2)},
    ],
)
def test_what_is_no_order_is_refused(changes: dict[str, Any]) -> None:
    layer = LayerInfo(name="l", op="Conv", placement="native", output=tensor(**changes))
    with pytest.raises(ProgramError, match="are no order of"):
        check_layers([layer], (0, 64))


def test_only_the_output_of_a_layer_may_be_reordered() -> None:
    check_layers([LayerInfo(name="l", op="Conv", placement="native", output=tensor())], (0, 64))
    with pytest.raises(ProgramError, match="only the output of a layer may"):
        check_tensors([tensor()], (0, 64), "inputs")


def test_the_attribute_keeps_the_order() -> None:
    assert tensor_info(tensor_attribute(tensor())) == tensor()
    assert "channels" not in tensor_attribute(tensor(channels=())).data
