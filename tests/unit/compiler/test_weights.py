"""The weight store: append-only, lazily read, deterministic, and wary of what it reads."""

import gc
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from onnx import TensorProto, helper
from spcc.compiler.weights import WeightStore, load_for_module
from spcc.isa.errors import PassError
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, StringAttr, i64

BFLOAT16 = helper.tensor_dtype_to_np_dtype(TensorProto.BFLOAT16)


def sample() -> WeightStore:
    return WeightStore(
        {
            "conv1/w": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
            "scalar": np.array(-3, np.int64),
            "empty": np.zeros((0, 3), np.uint16),
            "fortran": np.asfortranarray(np.arange(6, dtype=np.int8).reshape(2, 3)),
            "strided": np.arange(20, dtype=np.float64)[::3],
            "repeated": np.broadcast_to(np.float16(0.5), (3, 5)),
            "flags": np.array([True, False]),
            "brain": np.array([[1.5, -2.0]], np.float32).astype(BFLOAT16),
            "big-endian": np.array([1, 2], ">u4"),
        }
    )


def equal(first: WeightStore, second: WeightStore) -> bool:
    return set(first) == set(second) and all(
        first[k].shape == second[k].shape
        and first[k].dtype.newbyteorder("=") == second[k].dtype
        and first[k].tobytes() == second[k].astype(first[k].dtype).tobytes()
        for k in first
    )


def test_arrays_are_read_only() -> None:
    array = np.zeros(3)
    store = WeightStore({"a": array})
    for view in (array, store["a"]):
        with pytest.raises(ValueError, match="read-only"):
            view[0] = 1


def test_keys_are_taken_once() -> None:
    store = WeightStore()
    assert store.add("a", np.zeros(1)) == "a"
    with pytest.raises(KeyError, match="append-only"):
        store.add("a", np.ones(1))
    assert store["a"] == 0


def test_fresh_keys() -> None:
    store = WeightStore({"w": np.zeros(1)})
    keys = [store.add(store.fresh_key("w", "pruned"), np.zeros(1)) for _ in range(3)]
    assert keys == ["w.pruned", "w.pruned.1", "w.pruned.2"]


def test_retain() -> None:
    store = sample()
    store.retain(["scalar", "flags", "unknown"])
    assert sorted(store) == ["flags", "scalar"]
    assert len(store) == 2
    assert "empty" not in store
    with pytest.raises(KeyError):
        store["empty"]


def test_round_trip(tmp_path: Path) -> None:
    sample().save(tmp_path / "w.npz")
    assert equal(sample(), WeightStore.load(tmp_path / "w.npz"))


def test_numpy_reads_the_file(tmp_path: Path) -> None:
    sample().save(tmp_path / "w.npz")
    with np.load(tmp_path / "w.npz") as archive:
        assert sorted(archive.files) == sorted(sample())
        assert np.array_equal(archive["conv1/w"], sample()["conv1/w"])


def test_what_numpy_wrote(tmp_path: Path) -> None:
    arrays: Any = {"a": np.arange(3), "b": np.asfortranarray(np.ones((2, 3)))}
    np.savez(tmp_path / "w.npz", **arrays)
    store = WeightStore.load(tmp_path / "w.npz")
    assert equal(store, WeightStore(arrays))
    assert store["b"].flags.c_contiguous


def test_same_arrays_same_bytes(tmp_path: Path) -> None:
    names = list(sample())
    sample().save(tmp_path / "a.npz")
    WeightStore({k: sample()[k].copy() for k in reversed(names)}).save(tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_saving_over_the_file_that_is_still_being_read(tmp_path: Path) -> None:
    path = tmp_path / "w.npz"
    sample().save(path)
    store = WeightStore.load(path)
    store.add("new", np.ones(2))
    store.save(path)
    WeightStore().save(path)
    assert equal(WeightStore({**sample(), "new": np.ones(2)}), store)
    assert len(WeightStore.load(path)) == 0


def test_a_failed_save_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "w.npz"
    sample().save(path)
    before = path.read_bytes()
    with pytest.raises(PassError, match="weights of type complex128 cannot be saved"):
        WeightStore({"a": np.ones(4), "c": np.ones(2, complex)}).save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_names_too_long_for_a_file(tmp_path: Path) -> None:
    with pytest.raises(PassError, match="name of 70000 letters"):
        WeightStore({"n" * 70000: np.ones(1)}).save(tmp_path / "w.npz")
    assert not list(tmp_path.iterdir())


def test_arrays_are_read_on_first_touch(tmp_path: Path) -> None:
    WeightStore({"good": np.ones(3), "zzz": np.full(9, 7, np.uint8)}).save(tmp_path / "w.npz")
    data = bytearray((tmp_path / "w.npz").read_bytes())
    at = data.index(b"\7" * 9)
    data[at] = 8
    (tmp_path / "w.npz").write_bytes(data)
    store = WeightStore.load(tmp_path / "w.npz")
    assert store["good"].tolist() == [1, 1, 1]
    with pytest.raises(PassError, match=r"w\.npz:zzz\.npy: damaged weight: Bad CRC"):
        store["zzz"]


def test_files_are_closed_with_the_store(tmp_path: Path) -> None:
    sample().save(tmp_path / "w.npz")
    store = WeightStore.load(tmp_path / "w.npz")
    assert store["scalar"] == -3
    del store
    gc.collect()  # a file left open would warn here, and warnings are errors


@settings(max_examples=40, deadline=None)
@given(
    key=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30),
    array=npst.arrays(
        npst.scalar_dtypes().filter(lambda d: d.kind in "biuf" and d.itemsize <= 8),
        npst.array_shapes(min_dims=0, min_side=0),
    ),
)
def test_any_key_and_array(tmp_path_factory: Any, key: str, array: np.ndarray) -> None:
    path = tmp_path_factory.mktemp("w") / "w.npz"
    WeightStore({key: array, key + "2": array}).save(path)
    assert equal(WeightStore({key: array, key + "2": array}), WeightStore.load(path))


def archive_of(*members: tuple[str, bytes], **kwargs: Any) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", **kwargs) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return out.getvalue()


def npy(header: str, data: bytes = b"", version: bytes = b"\x01\x00") -> bytes:
    text = header.encode().ljust(117) + b"\n"
    return b"\x93NUMPY" + version + len(text).to_bytes(2, "little") + text + data


HEADER = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }"


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "not a weight file"),
        (b"not a zip", "not a weight file"),
        (archive_of(("a.txt", b"")), "not an array"),
        (archive_of(("a.npy", b"x"), compression=zipfile.ZIP_DEFLATED), "compressed"),
        (archive_of(("%41.npy", b"x"), ("A.npy", b"x")), "there twice"),
    ],
)
def test_files_that_are_refused(tmp_path: Path, data: bytes, text: str) -> None:
    (tmp_path / "w.npz").write_bytes(data)
    with pytest.raises(PassError, match=text):
        WeightStore.load(tmp_path / "w.npz")


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "magic"),
        (b"\x93NUMPY\x09\x00", "version"),
        (npy("nonsense"), "damaged weight: malformed"),
        (npy(HEADER, b"1234567"), "do not hold"),
        (npy(HEADER, b"123456789"), "do not hold"),
        (npy(HEADER.replace("(2,)", "(-2,)"), b""), "do not hold"),
        (npy(HEADER.replace("(2,)", "(1 << 60,)"), b""), "damaged weight: malformed"),
        (npy(HEADER.replace("(2,)", f"({1 << 62}, 8)"), b""), "do not hold"),
        (npy(HEADER.replace("<f4", "|O"), b"12345678"), "is not a number"),
        (npy(HEADER.replace("<f4", "<U1"), b"12345678"), "is not a number"),
        (npy(HEADER.replace("'<f4'", "[('x', '<f4')]"), b"12345678"), "is not a number"),
    ],
)
def test_members_that_are_refused(tmp_path: Path, data: bytes, text: str) -> None:
    (tmp_path / "w.npz").write_bytes(archive_of(("a.npy", data)))
    store = WeightStore.load(tmp_path / "w.npz")
    with pytest.raises(PassError, match=text):
        store["a"]


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_damaged_files(tmp_path_factory: Any, data: st.DataObject) -> None:
    """Whatever bytes change, loading gives arrays or a PassError."""
    path = tmp_path_factory.mktemp("w") / "w.npz"
    sample().save(path)
    raw = bytearray(path.read_bytes())
    if data.draw(st.booleans()):
        del raw[data.draw(st.integers(0, len(raw) - 1)) :]
    for _ in range(data.draw(st.integers(0, 4))):
        if raw:
            raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(raw)
    try:
        store = WeightStore.load(path)
        for key in store:
            assert store[key].nbytes <= len(raw)
    except PassError:
        pass


def test_missing_file(tmp_path: Path) -> None:
    for name in ("none.npz", "none.json"):
        with pytest.raises(PassError, match="cannot be read: No such file"):
            WeightStore.load(tmp_path / name)


def test_json(tmp_path: Path) -> None:
    entry = {"dtype": "int8", "shape": [2, 2], "data": [1, -2, 3, 4]}
    (tmp_path / "w.json").write_text(json.dumps({"w": entry}))
    store = WeightStore.load(tmp_path / "w.json")
    assert store["w"].dtype == np.int8
    assert store["w"].tolist() == [[1, -2], [3, 4]]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[1]",
        '{"w": 1}',
        '{"w": {"dtype": "int8", "shape": [2]}}',
        '{"w": {"dtype": "int8", "shape": [2], "data": [1, 2], "more": 1}}',
        '{"w": {"dtype": "int8", "shape": [2], "data": [1]}}',
        '{"w": {"dtype": "int8", "shape": [true], "data": [1]}}',
        '{"w": {"dtype": "int8", "shape": [-1], "data": []}}',
        '{"w": {"dtype": "int8", "shape": ["1"], "data": [1]}}',
        '{"w": {"dtype": "int8", "shape": [1], "data": [300]}}',
        '{"w": {"dtype": "int8", "shape": [1], "data": ["x"]}}',
        '{"w": {"dtype": "int8", "shape": [1], "data": [[1, 2]]}}',
        '{"w": {"dtype": "object", "shape": [1], "data": [1]}}',
        '{"w": {"dtype": "complex64", "shape": [1], "data": [1]}}',
        '{"w": {"dtype": "nothing", "shape": [1], "data": [1]}}',
        '{"w": {"dtype": 1, "shape": [1], "data": [1]}}',
        "[" * 100000,
        "\xff\xfe",
    ],
)
def test_json_that_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "w.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(PassError, match="not a weight file"):
        WeightStore.load(tmp_path / "w.json")


def module(name: Any) -> ModuleOp:
    return ModuleOp([], {"spcc.weights": name} if name else {})


def test_load_for_module(tmp_path: Path) -> None:
    sample().save(tmp_path / "w.npz")
    store = load_for_module(module(StringAttr("w.npz")), tmp_path / "m.mlir")
    assert equal(sample(), store)
    assert len(load_for_module(module(None), tmp_path / "m.mlir")) == 0


@pytest.mark.parametrize("name", ["/tmp/w.npz", "../w.npz", "a/../../w.npz", "a\0b"])
def test_weights_outside_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(PassError, match="outside the folder"):
        load_for_module(module(StringAttr(name)), tmp_path / "m.mlir")


def test_weights_that_are_no_name(tmp_path: Path) -> None:
    with pytest.raises(PassError, match="is not a string but 1"):
        load_for_module(module(IntegerAttr(1, i64)), tmp_path / "m.mlir")
