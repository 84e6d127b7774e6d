"""Structure of graphs: each rule has a model that breaks it, and one error lists all problems."""

import pytest
from frontend_models import array, floats, ints, model, network, node, value
from onnx import IR_VERSION, ModelProto, TensorProto, helper
from spcc.compiler.frontend import structure
from spcc.compiler.frontend.onnx import import_model
from spcc.isa.errors import FrontendError, UnsupportedError
from xdsl.dialects.builtin import IntegerAttr, i64


def relu(*, inputs: list[str] | None = None, **kwargs: object) -> ModelProto:
    return model([node("Relu", inputs or ["x"], ["y"], "act")], **kwargs)


def broken(text: str, proto: ModelProto, kind: type[Exception] = FrontendError) -> str:
    """Check that a model is refused with a text; returns the whole message."""
    with pytest.raises(kind, match=text) as caught:
        import_model(proto)
    return str(caught.value)


def test_undefined_input() -> None:
    broken(r"node 'act' \(Relu\): input 'z' is no graph input", relu(inputs=["z"]))


def test_missing_initializer() -> None:
    proto = model([node("Add", ["x", "bias"], ["y"])])
    broken("input 'bias' is no graph input, no initializer", proto)


def test_dead_output() -> None:
    proto = relu(outputs=[value("y", None), value("z", None)])
    broken("graph output 'z': no node produces it", proto)


def test_no_outputs() -> None:
    broken("the graph has no outputs", relu(outputs=[]))


def test_order() -> None:
    proto = model([node("Relu", ["a"], ["y"]), node("Neg", ["x"], ["a"])])
    broken(r"node 'y' \(Relu\): input 'a' comes from a later node", proto)


def test_cycle_and_what_hangs_on_it() -> None:
    proto = model(
        [
            node("Add", ["x", "c"], ["a"], "first"),
            node("Neg", ["a"], ["b"], "second"),
            node("Abs", ["b"], ["c"], "third"),
            node("Relu", ["late"], ["side"], "reader"),
            node("Neg", ["c"], ["late"], "writer"),
            node("Add", ["c", "side"], ["y"], "end"),
        ]
    )
    text = broken("2 problems", proto)
    assert "node 'first' (Add): input 'c' depends on this node: a cycle" in text
    assert "node 'reader' (Relu): input 'late' comes from a later node" in text
    assert "'end'" not in text


def test_node_on_itself() -> None:
    broken("input 'y' depends on this node: a cycle", model([node("Add", ["x", "y"], ["y"])]))


@pytest.mark.parametrize(
    ("proto", "text"),
    [
        (
            relu(inputs=["x"], constants=[floats("w", 1), floats("w", 2)]),
            "initializer 'w' is there 2",
        ),
        (relu(outputs=[value("y", None)] * 2), "graph output 'y' is there 2 times"),
        (
            model([node("Relu", ["x"], ["y"]), node("Neg", ["x"], ["y"])]),
            "tensor 'y' is produced by several nodes",
        ),
        (
            model([node("Relu", ["x"], ["x"])], outputs=[value("x", None)]),
            "output 'x' is already an input or initializer",
        ),
        (
            relu(inputs=["x"], constants=[floats("", 1)]),
            "an initializer has no name",
        ),
    ],
)
def test_names(proto: ModelProto, text: str) -> None:
    broken(text, proto)


def test_input_twice() -> None:
    proto = relu()
    proto.graph.input.append(proto.graph.input[0])
    broken("graph input 'x' is there 2 times", proto)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"op_type": "Rleu"}, r"ONNX opset 21 has no operator 'Rleu'"),
        ({"op_type": "Upsample"}, "deprecated"),
        ({"op_type": "Conv"}, r"input size 1 not in range \[min=2, max=3\]"),
        ({"domain": "nowhere"}, "No opset import for domain 'nowhere'"),
    ],
)
def test_schema(change: dict[str, str], text: str) -> None:
    proto = relu()
    for key, entry in change.items():
        setattr(proto.graph.node[0], key, entry)
    broken(text, proto)


def test_attributes_of_the_schema() -> None:
    broken("Unrecognized attribute: slope", model([node("Relu", ["x"], ["y"], slope=1)]))
    proto = model([node("LeakyRelu", ["x"], ["y"], alpha="much")])
    broken("Mismatched attribute type", proto)
    proto = model([node("LeakyRelu", ["x"], ["y"], alpha=0.5)])
    proto.graph.node[0].attribute.append(helper.make_attribute("alpha", 0.25))
    broken("an attribute is there twice", proto)
    proto = model([node("LeakyRelu", ["x"], ["y"])])
    proto.graph.node[0].attribute.add().name = "alpha"
    broken("'type' of 'attr' is required but missing", proto)


def test_all_problems_in_one_error() -> None:
    proto = model(
        [
            node("Relu", ["u"], ["a"], "one"),
            node("Relu", ["v"], ["b"], "two"),
            node("Conv", ["x", "w"], ["y"], "three", strides=[0, 1]),
        ],
        outputs=[value("y", None), value("z", None)],
        constants=[floats("w", 4, 3, 3, 3), TensorProto(name="s", data_type=8, dims=[1])],
    )
    lines = broken("5 problems", proto).splitlines()
    assert lines[0] == "test: 5 problems:"
    for part in ("'one'", "'two'", "'three' (Conv): strides = [0, 1]", "output 'z'", "type STRING"):
        assert sum(part in line for line in lines) == 1, part


def test_endless_lists_are_cut() -> None:
    proto = model([node("Relu", [f"u{i}"], [f"a{i}"]) for i in range(80)])
    lines = broken("81 problems", proto).splitlines()
    assert lines[-1] == "  ... and 31 more"


def test_hints_are_listed_once() -> None:
    proto = relu(inputs=["x"])
    proto.graph.input.extend([value("q", ["N", "A"]), value("r", ["N", "B"])])
    text = broken("2 problems", proto)
    assert text.count("hint:") == 2
    assert "--shape q=1xN" in text
    assert "--shape r=1xN" in text


def test_invalid_beats_unsupported() -> None:
    proto = relu(inputs=["z"], constants=[TensorProto(name="s", data_type=8, dims=[1])])
    broken("2 problems", proto, FrontendError)
    proto = relu(constants=[TensorProto(name="s", data_type=8, dims=[1])])
    broken("test:initializer 's': elements of type STRING", proto, UnsupportedError)


@pytest.mark.parametrize("place", ["node", "op_type", "input", "tensor", "attribute"])
def test_names_that_are_not_text(place: str) -> None:
    proto = model([node("LeakyRelu", ["x"], ["y"], "abcd", alpha=0.5)], constants=[ints("abce", 1)])
    old = {
        "node": b"abcd",
        "op_type": b"LeakyRelu",
        "input": b"\x0a\x01x",
        "tensor": b"abce",
        "attribute": b"alpha",
    }
    data = proto.SerializeToString()
    assert old[place] in data
    with pytest.raises(FrontendError, match="is not UTF-8 text"):
        import_model(data.replace(old[place], old[place][:-1] + b"\xff"))


def test_long_names() -> None:
    broken("has 5000 letters", model([node("Relu", ["x"], ["y"], "n" * 5000)]))


def test_too_many_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(structure, "MAX_NODES", 5)
    broken("the graph has 8 nodes, more than 5", network())


@pytest.mark.parametrize(
    ("opsets", "text", "kind"),
    [
        ({"": 29}, "opset 29 is newer than 26", UnsupportedError),
        ({"": 0}, "opset 0 of domain '' does not exist", FrontendError),
        ({"": 1 << 40}, "newer than 26", UnsupportedError),
        ({"": 21, "q": 1 << 40}, "opset 1099511627776 of domain 'q'", FrontendError),
        ({"": 21, "ai.onnx": 20}, "opset_import names domain '' 2 times", FrontendError),
        ({"q": 1}, "opset_import does not say which version of ai.onnx", FrontendError),
    ],
)
def test_opsets(opsets: dict[str, int], text: str, kind: type[Exception]) -> None:
    proto = relu()
    del proto.opset_import[:]
    proto.opset_import.extend(helper.make_opsetid(d, v) for d, v in opsets.items())
    broken(text, proto, kind)


@pytest.mark.parametrize("opset", [27, 28])
def test_opsets_that_only_add_are_taken_as_26(opset: int) -> None:
    imported = import_model(relu(opset=opset))
    assert imported.module.attributes["onnx.opset"] == IntegerAttr(26, i64)


@pytest.mark.parametrize("version", [0, IR_VERSION + 1, 1 << 40])
def test_ir_version(version: int) -> None:
    proto = relu()
    proto.ir_version = version
    broken(f"IR version {version} is not among 1 to {IR_VERSION}", proto)


def branch(op_type: str, source: str | None) -> object:
    nodes = [node("Constant", [], ["k"], value=array("", [1.0, 2.0]))]
    nodes.append(node(op_type, [source or "k"], ["o"]))
    return helper.make_graph(nodes, op_type, [], [value("o", [2])])


def conditional(source: str | None) -> ModelProto:
    return model(
        [
            node(
                "If",
                ["x"],
                ["y"],
                "choose",
                then_branch=branch("Neg", None),
                else_branch=branch("Abs", source),
            )
        ],
        [value("x", [1], TensorProto.BOOL), value("data", [2])],
    )


def test_subgraph_that_captures() -> None:
    broken(
        r"node 'choose' \(If\): its subgraph uses 'data' of the outer graph",
        conditional("data"),
        UnsupportedError,
    )


def test_capture_two_levels_down() -> None:
    inner = branch("Neg", "data")
    middle = helper.make_graph(
        [
            node("Constant", [], ["t"], value=array("", True, "bool")),
            node("If", ["t"], ["o"], then_branch=inner, else_branch=branch("Neg", "t2")),
            node("Constant", [], ["late"], value=array("", True, "bool")),
        ],
        "middle",
        [],
        [value("o", [2])],
    )
    proto = conditional(None)
    proto.graph.node[0].attribute[0].g.CopyFrom(middle)
    broken("its subgraph uses 'data', 't2'", proto, UnsupportedError)


def test_attributes_inside_subgraphs_are_checked() -> None:
    proto = conditional(None)
    proto.graph.node[0].attribute[0].g.node.append(
        node("MaxPool", ["k"], ["p"], kernel_shape=[0, 2])
    )
    broken("kernel_shape = .* must be positive", proto)


def test_an_output_that_must_have_a_name() -> None:
    proto = model([node("Split", ["x"], ["", "y"], axis=1, num_outputs=2)])
    broken(r"node 'y' \(Split\): output 0 is not optional, but has no name", proto)
