"""Arrays go when the last op that names them gets a new one, unless dumps still need them."""

import numpy as np
from spcc.compiler.dialects.sparse_tensor import WeightOp
from spcc.compiler.weight_update import WeightUpdate
from spcc.compiler.weights import WeightStore
from xdsl.dialects.builtin import FunctionType, StringAttr, TensorType, f32
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Region


def network(*keys: str) -> tuple[FuncOp, list[WeightOp]]:
    ops = [
        WeightOp(properties={"key": StringAttr(key)}, result_types=[TensorType(f32, [2])])
        for key in keys
    ]
    block = Block([*ops, ReturnOp()])
    return FuncOp("main", FunctionType.from_lists([], []), Region(block)), ops


def store_of(*keys: str) -> WeightStore:
    return WeightStore({key: np.array([1.0, 2.0], np.float32) for key in keys})


def test_the_old_array_goes_with_its_last_user() -> None:
    store = store_of("w", "v")
    main, (first, second, other) = network("w", "w", "v")
    update = WeightUpdate.of(main, store)
    update.replace(first, "new", np.zeros(2))
    assert {*store} == {"w", "v", "w.new"}
    update.replace(second, "new", np.ones(2))
    assert {*store} == {"v", "w.new", "w.new.1"}
    assert [op.key.data for op in (first, second, other)] == ["w.new", "w.new.1", "v"]
    assert store["w.new.1"].tolist() == [1, 1]


def test_nothing_goes_while_dumps_of_earlier_stages_name_it() -> None:
    store = store_of("w")
    store.keeps_history = True
    main, (op,) = network("w")
    WeightUpdate.of(main, store).replace(op, "new", np.zeros(2))
    store.retain(["w.new"])
    assert {*store} == {"w", "w.new"}


def test_retain_drops_the_rest() -> None:
    store = store_of("w", "v")
    store.retain(["v"])
    assert {*store} == {"v"}
