"""The guard: what may crash the onnx library runs in a child, and a dead child is a sentence."""

import io
import subprocess
from typing import Any

import pytest
from frontend_models import array, floats, ints, model, network, node, value
from onnx import ModelProto, TensorProto, TypeProto, helper
from spcc.compiler.frontend import guard as guard_module
from spcc.compiler.frontend import worker
from spcc.compiler.frontend.guard import TRUSTED, CrashError, Guard, is_trusted, shared_guard
from spcc.compiler.frontend.onnx import import_model
from spcc.isa.errors import FrontendError, SpccError


def request(proto: ModelProto) -> tuple[Any, ...]:
    """The arguments of `infer_node` for the only node of a model."""
    (op,) = proto.graph.node
    types = {i.name: i.type.SerializeToString() for i in proto.graph.input}
    return op.SerializeToString(), types, {}, {"": 21}, 10


RELU = model([node("Relu", ["x"], ["y"])])


@pytest.mark.parametrize("is_safe", [True, False])
def test_both_ways_give_the_same(is_safe: bool) -> None:
    with Guard() as guard:
        answer = guard.call(is_safe, "infer_node", *request(RELU))
        assert (guard.child is None) == is_safe
    kind = TypeProto.FromString(answer["y"])
    assert [d.dim_value for d in kind.tensor_type.shape.dim] == [1, 3, 8, 8]


def test_one_child_answers_many_calls_and_ends() -> None:
    with Guard() as guard:
        guard.call(False, "infer_node", *request(RELU))
        child = guard.child
        guard.call(False, "infer_node", *request(RELU))
        assert guard.child is child
        assert child is not None
        assert child.poll() is None
    assert guard.child is None
    assert child.poll() == 0


def test_errors_of_the_library_come_back() -> None:
    wrong = model([node("Flatten", ["x"], ["y"], axis=9)])
    with Guard() as guard:
        with pytest.raises(RuntimeError, match="axis"):
            guard.call(False, "infer_node", *request(wrong))
        guard.call(False, "infer_node", *request(RELU))


def crashing() -> ModelProto:
    """Onnx 1.23 reads wild memory on this node."""
    return model(
        [node("GatherND", ["x", "i"], ["y"], "wild", batch_dims=-3)],
        [value("x", [4, 1, 1, 8]), value("i", [1], TensorProto.INT64)],
    )


def test_a_crash_is_an_error_of_the_node() -> None:
    text = (
        r"node 'wild' \(GatherND\): shape inference fails: the onnx library crashed \(signal \d+\)"
    )
    with pytest.raises(FrontendError, match=text):
        import_model(crashing())


def test_after_a_crash_the_next_call_starts_anew() -> None:
    with Guard() as guard:
        with pytest.raises(CrashError):
            guard.call(False, "infer_node", *request(crashing()))
        assert guard.child is None
        guard.call(False, "infer_node", *request(RELU))


def test_a_call_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A child that never answers: `sleep` instead of the worker."""
    popen = subprocess.Popen
    monkeypatch.setattr(
        guard_module.subprocess, "Popen", lambda _, **kwargs: popen(["sleep", "60"], **kwargs)
    )
    with Guard(timeout_seconds=0.2) as guard, pytest.raises(CrashError, match=r"more than 0\.2 s"):
        guard.call(False, "infer_node", *request(RELU))


def test_a_child_that_cannot_start(monkeypatch: pytest.MonkeyPatch) -> None:
    popen = subprocess.Popen
    monkeypatch.setattr(
        guard_module.subprocess, "Popen", lambda _, **kwargs: popen(["false"], **kwargs)
    )
    with Guard() as guard, pytest.raises(CrashError, match=r"crashed \(exit 1\)"):
        guard.call(False, "infer_node", *request(RELU))


def test_the_usual_networks_start_no_child(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("a child was started")

    monkeypatch.setattr(guard_module.subprocess, "Popen", never)
    import_model(network())
    import_model(model([node("Softmax", ["x"], ["y"])], opset=9, ir_version=4))
    halves = model(
        [node("Split", ["x", "s"], ["a", "b"], axis=2), node("Add", ["a", "b"], ["y"])],
        constants=[ints("s", 4, 4)],
    )
    import_model(halves)


def test_who_is_trusted() -> None:
    assert is_trusted(network().graph.node)
    assert is_trusted([node("Split", ["x"], ["a", "b"], num_outputs=2)])
    assert not is_trusted([node("Split", ["x"], ["a"], num_outputs=1)])
    assert not is_trusted([node("Relu", ["x"], ["y"], domain="custom")])
    assert not is_trusted([*network().graph.node, node("GatherND", ["x", "i"], ["y"])])
    assert "If" not in TRUSTED, "operators with subgraphs hide other operators"
    assert "Loop" not in TRUSTED


def test_old_models_with_rare_operators_are_converted_in_a_child() -> None:
    proto = model(
        [node("GatherND", ["x", "i"], ["g"]), node("Softmax", ["g"], ["y"])],
        [value("x", [2, 3]), value("i", [1, 2], TensorProto.INT64)],
        constants=[floats("unused", 2)],
        opset=12,
    )
    assert import_model(proto).outputs["y"].shape == (1,)
    proto.graph.node[0].attribute.append(helper.make_attribute("batch_dims", -3))
    with pytest.raises(SpccError, match="the onnx library crashed"):
        import_model(proto)


def test_one_child_serves_all_imports() -> None:
    import_model(rare())
    child = shared_guard().child
    assert child is not None
    import_model(rare())
    assert shared_guard().child is child


def rare() -> ModelProto:
    return model(
        [node("CumSum", ["x", "axis"], ["y"])],
        constants=[array("axis", 1, "int64")],
    )


def test_a_fork_starts_a_child_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    with Guard() as guard:
        guard.call(False, "infer_node", *request(RELU))
        before = guard.child
        assert before is not None
        monkeypatch.setattr(guard_module.os, "getpid", lambda: -1)
        guard.call(False, "infer_node", *request(RELU))
        assert guard.child is not before
        before.communicate()


def test_messages() -> None:
    stream = io.BytesIO()
    worker.send(stream, (True, {"y": b"\0\1"}))
    stream.seek(0)
    assert worker.receive(stream) == [True, {"y": b"\0\1"}]
    for data in (b"", b"\1", stream.getvalue()[:8]):
        with pytest.raises(EOFError):
            worker.receive(io.BytesIO(data))
