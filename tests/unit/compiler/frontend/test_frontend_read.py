"""Reading model files: sizes, damage, external data, and weights that are not copied."""

import os
from pathlib import Path

import numpy as np
import onnx
import pytest
from frontend_models import array, floats, model, network, node, value
from onnx import ModelProto, TensorProto, helper, numpy_helper
from spcc.compiler.frontend import read
from spcc.compiler.frontend.onnx import import_model
from spcc.compiler.frontend.read import read_model
from spcc.isa.errors import FrontendError, UnsupportedError


def gemm(weights: TensorProto) -> ModelProto:
    """X [1, 64] times weights [64, 64]."""
    return model([node("MatMul", ["x", "w"], ["y"])], [value("x", [1, 64])], constants=[weights])


def big() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((64, 64)).astype(np.float32)


@pytest.mark.parametrize("how", ["path", "bytes", "proto"])
@pytest.mark.parametrize("field", ["raw", "float_data"])
def test_large_data_leaves_the_message(tmp_path: Path, how: str, field: str) -> None:
    tensor = numpy_helper.from_array(big(), "w")
    if field == "float_data":
        tensor = helper.make_tensor("w", TensorProto.FLOAT, (64, 64), big().reshape(-1))
    proto = gemm(tensor)
    onnx.save(proto, tmp_path / "m.onnx")
    source = {"path": tmp_path / "m.onnx", "proto": proto, "bytes": proto.SerializeToString()}[how]
    raw = read_model(source)
    assert len(raw.model.SerializeToString()) < 400
    assert raw.blobs[0].data.nbytes == 64 * 64 * 4
    imported = import_model(source)
    assert np.array_equal(imported.store["w"], big())
    assert imported.store["w"].flags.aligned
    assert not imported.store["w"].flags.writeable
    assert proto == gemm(tensor), "the caller's message must not change"


def test_double_data() -> None:
    data = big().astype(np.float64)
    proto = model(
        [node("MatMul", ["x", "w"], ["y"])],
        [value("x", [1, 64], TensorProto.DOUBLE)],
        [value("y", None, TensorProto.DOUBLE)],
        constants=[helper.make_tensor("w", TensorProto.DOUBLE, (64, 64), data.reshape(-1))],
    )
    assert np.array_equal(import_model(proto.SerializeToString()).store["w"], data)


def test_data_of_another_type_is_refused() -> None:
    tensor = helper.make_tensor("w", TensorProto.FLOAT, (64, 64), big().reshape(-1))
    tensor.data_type = TensorProto.INT32
    with pytest.raises(FrontendError, match="data is float32, but the tensor is int32"):
        import_model(gemm(tensor).SerializeToString())


@pytest.mark.parametrize("large", [False, True])
def test_data_of_another_size_is_refused(large: bool) -> None:
    tensor = numpy_helper.from_array(big() if large else big()[:2], "w")
    tensor.dims[0] += 1
    with pytest.raises(FrontendError, match=r"initializer 'w': \d+ bytes of data, but .* has"):
        import_model(gemm(tensor).SerializeToString())


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FrontendError, match="cannot be read: No such file"):
        import_model(tmp_path / "none.onnx")


def test_folder_and_pipe_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FrontendError, match=r"directory|regular file"):
        import_model(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FrontendError, match="regular file"):
        import_model(tmp_path / "pipe")


def test_text_file(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_text("this is not a model\n")
    with pytest.raises(FrontendError, match=r"m\.onnx:byte \d+: not an ONNX model"):
        import_model(tmp_path / "m.onnx")


@pytest.mark.parametrize("data", [b"", b"\x08\x08"])
def test_no_graph(data: bytes) -> None:
    with pytest.raises(FrontendError, match="it has no graph"):
        import_model(data)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x3a\x7f", "field 7 has 127 bytes, but 0 are left"),
        (b"\x08", "1 bytes are missing"),
        (b"\x09\x01", "8 bytes are missing"),
        (b"\x08" + b"\xff" * 10, "more than 64 bits"),
        (b"\x0b", "wire type 3"),
    ],
)
def test_damage(data: bytes, reason: str) -> None:
    with pytest.raises(FrontendError, match=reason):
        import_model(data)


def test_damage_that_only_protobuf_sees() -> None:
    # A node (field 1 of the graph, which the walk copies) with a length beyond its own end.
    with pytest.raises(FrontendError, match="not an ONNX model"):
        import_model(b"\x3a\x04\x0a\x02\x0a\x7f")


def test_file_size_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    onnx.save(network(), tmp_path / "m.onnx")
    monkeypatch.setattr(read, "MAX_FILE_BYTES", 100)
    with pytest.raises(FrontendError, match=r"more than the 100 of a protobuf file[\s\S]*external"):
        import_model(tmp_path / "m.onnx")


def external(folder: Path, **fields: object) -> Path:
    """A model whose weights lie in w.bin, or where `fields` say."""
    big().tofile(folder / "w.bin")
    tensor = TensorProto(name="w", data_type=1, dims=(64, 64), data_location=TensorProto.EXTERNAL)
    for key, entry in {"location": "w.bin", **fields}.items():
        tensor.external_data.add(key=key, value=str(entry))
    (folder / "m.onnx").write_bytes(gemm(tensor).SerializeToString())
    return folder / "m.onnx"


def test_external_data(tmp_path: Path) -> None:
    imported = import_model(external(tmp_path, offset=0, length=16384))
    assert np.array_equal(imported.store["w"], big())


def test_external_data_in_a_folder_below(tmp_path: Path) -> None:
    path = external(tmp_path, location="sub/w.bin")
    (tmp_path / "sub").mkdir()
    (tmp_path / "w.bin").rename(tmp_path / "sub/w.bin")
    assert np.array_equal(import_model(path).store["w"], big())


def test_external_data_from_bytes_has_no_folder(tmp_path: Path) -> None:
    data = external(tmp_path).read_bytes()
    with pytest.raises(FrontendError, match="did not come from a file"):
        import_model(data)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"location": "/etc/passwd"}, "not a name inside"),
        ({"location": "../w.bin"}, "not a name inside"),
        ({"location": ""}, "not a name inside"),
        ({"location": "a\0b"}, "not a name inside"),
        ({"location": "none.bin"}, "cannot be read"),
        ({"location": "."}, "not a plain file"),
        ({"location": "link.bin"}, "symbolic link"),
        ({"location": "pipe"}, "not a plain file"),
        ({"offset": 1}, "16384 from 1 on are wanted"),
        ({"offset": -1}, "external data at -1"),
        ({"length": 4}, "of 4 bytes, but the tensor has 16384"),
        ({"offset": "one"}, "no numbers"),
    ],
)
def test_external_data_is_kept_in_bounds(
    tmp_path: Path, fields: dict[str, object], reason: str
) -> None:
    path = external(tmp_path, **fields)
    (tmp_path / "link.bin").symlink_to("/etc/passwd")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FrontendError, match=reason):
        import_model(path)


def test_model_folder_behind_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    external(tmp_path / "real")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert np.array_equal(import_model(tmp_path / "link" / "m.onnx").store["w"], big())


@pytest.mark.parametrize(
    ("tensor", "reason"),
    [
        (TensorProto(name="w", data_type=1, dims=[-1, 4]), "negative dimension"),
        (TensorProto(name="w", data_type=1, dims=[1 << 20, 1 << 20]), "1099511627776 elements"),
        (TensorProto(name="w", data_type=1, dims=[0, 1 << 62]), "4611686018427387904 elements"),
        (TensorProto(name="w", data_type=1, dims=[1] * 33), "has 33 axes, more than 32"),
        (TensorProto(name="w", data_type=1, dims=[2, 2], float_data=[1.0]), "does not fill"),
    ],
)
def test_initializers_that_lie(tensor: TensorProto, reason: str) -> None:
    with pytest.raises(FrontendError, match=reason):
        import_model(gemm(tensor))


@pytest.mark.parametrize("elem", ["STRING", "COMPLEX64", "FLOAT8E4M3FN", "INT4"])
def test_element_types_that_are_not_supported(elem: str) -> None:
    tensor = TensorProto(name="w", data_type=TensorProto.DataType.Value(elem), dims=[4])
    with pytest.raises(UnsupportedError, match=f"type {elem} are not supported"):
        import_model(gemm(tensor))


def test_unknown_element_type() -> None:
    with pytest.raises(UnsupportedError, match="type number 99 are not supported"):
        import_model(gemm(TensorProto(name="w", data_type=99, dims=[4])))


@pytest.mark.parametrize(
    "dtype",
    [
        "float16",
        "bfloat16",
        "float32",
        "float64",
        "bool",
        "int8",
        "int16",
        "int32",
        "int64",
        "uint8",
        "uint16",
        "uint32",
        "uint64",
    ],
)
def test_every_element_type_round_trips(dtype: str) -> None:
    elem = helper.np_dtype_to_tensor_dtype(
        np.dtype(dtype) if dtype != "bfloat16" else numpy_bfloat16()
    )
    data = np.array([0, 1, 3, 2]).astype(helper.tensor_dtype_to_np_dtype(elem))
    proto = model(
        [node("Identity", ["w"], ["y"])],
        [],
        [value("y", [4], elem)],
        [numpy_helper.from_array(data, "w")],
    )
    imported = import_model(proto)
    assert imported.outputs["y"] == (dtype, (4,))
    assert np.array_equal(imported.store["w"], data)
    (tensor,) = imported.to_model().graph.initializer
    assert np.array_equal(numpy_helper.to_array(tensor), data)


def numpy_bfloat16() -> np.dtype:
    return helper.tensor_dtype_to_np_dtype(TensorProto.BFLOAT16)


def test_segments_and_sparse_tensors_are_refused() -> None:
    proto = gemm(array("w", big()))
    proto.graph.initializer[0].segment.begin = 1
    with pytest.raises(UnsupportedError, match="segments"):
        import_model(proto.SerializeToString())
    proto = gemm(floats("w", 64, 64))
    del proto.graph.initializer[:]
    proto.graph.sparse_initializer.add().values.name = "w"
    with pytest.raises(UnsupportedError, match="initializer 'w': sparse initializers"):
        import_model(proto)


def test_one_tensor_with_data_twice() -> None:
    data = gemm(numpy_helper.from_array(big(), "w")).SerializeToString()
    graph_at = data.index(b"\x3a")
    # Twice the same large initializer inside one TensorProto: append its data field again.
    tensor = numpy_helper.from_array(big(), "w").SerializeToString()
    doubled = tensor + tensor[tensor.index(b"\x4a\x80\x80\x01") :]
    graph = b"\x2a" + varint(len(doubled)) + doubled
    broken = data[:graph_at] + b"\x3a" + varint(len(graph)) + graph
    with pytest.raises(FrontendError, match="data in pieces"):
        import_model(broken)


def varint(number: int) -> bytes:
    out = b""
    while number > 127:
        out, number = out + bytes([number & 127 | 128]), number >> 7
    return out + bytes([number])
