"""The runs of a comparison: what spcc is told for each, and the keys they are kept under."""

from __future__ import annotations

import hashlib
import json
import re
from argparse import Namespace
from collections.abc import Generator, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..isa.errors import UsageError
from .array_files import load_arrays, read_inputs
from .compare_plan import Configuration
from .compare_schema import SCHEMA_VERSION
from .compare_work import Build
from .compile_flow import parse_prune
from .report import versions
from .report_schema import SCHEMA_VERSION as REPORT_VERSION
from .sources import DEFAULT_MODEL, built_name, find_file, find_model, plain
from .workflow import parse_shapes

if TYPE_CHECKING:
    import onnx

KEY_CHARS = 16
"""Of a run's key, in the name of its file."""


@dataclass(frozen=True)
class Network:
    """A model of the comparison.

    Args:
        text: What the user calls it.
        name: Its short name.
        digests: Hashes of all that its weights come from: the file, and files beside it; or what
            builds it.
        build: How it is built, if it is no file.
    """

    text: str
    name: str
    digests: tuple[str, ...]
    build: Build | None = None


@dataclass(frozen=True)
class Job:
    """A run.

    Args:
        model: The network's short name.
        machine: The machine's label.
        words: What spcc is told; it would make the same run.
        key: Hash of everything that the result depends on.
        file: Where the result is kept, below the output folder.
        build: How its model is built, if it is no file.
    """

    model: str
    machine: str
    words: tuple[str, ...]
    key: str
    file: str
    build: Build | None = None


def find_networks(args: Namespace) -> list[Network]:
    """The models of the command line; those that are to be built are not built here.

    Raises:
        FrontendError: There is no such file or network.
        UsageError: Two have the same name.
    """
    found: dict[str, Network] = {}
    for text in args.model or [DEFAULT_MODEL]:
        if not text:
            raise UsageError("the name is empty", "MODEL", "give ONNX files or networks that ship")
        network = _network(text, args)
        if network.name in found:
            other = found[network.name].text
            hint = "rows are told apart by the file's name: rename or copy one of them"
            raise UsageError(f"has the same name as {plain(other)}", plain(text), hint)
        found[network.name] = network
    return list(found.values())


def _network(text: str, args: Namespace) -> Network:
    file = find_file(text)
    if file is not None:
        model = find_model(text, args.seed)
        return Network(text, model.name, (model.sha256, *map(_digest, _external_files(file))))
    from ..models import recipe_sha256

    build = Build(text, built_name(text), args.seed, args.batch or 1)
    return Network(text, build.name, (recipe_sha256(), text), build)


def shared_words(args: Namespace) -> tuple[str, ...]:
    """The options of spcc that all runs have in common.

    Raises:
        UsageError: One of them is wrong, whatever the model.
    """
    if args.no_check and args.check_layers:
        raise UsageError("excludes --no-check", "--check-layers", "leave one of them out")
    parse_prune(args.prune)
    parse_shapes(args.shape)
    read_inputs(args.input)
    if args.calibration is not None:
        load_arrays(args.calibration, "--calibration")
    single = ("prune", "calibration", "batch", "max_cycles")
    values = [(name, getattr(args, name)) for name in single]
    return (
        *(f"--{name.replace('_', '-')}={value}" for name, value in values if value is not None),
        *(f"--shape={text}" for text in args.shape),
        *(f"--input={text}" for text in args.input),
        *([f"--seed={args.seed}"] if args.seed else []),
        *(["--fail-on-host"] if args.fail_on_host else []),
        *(["--no-check"] if args.no_check else []),
    )


def make_jobs(
    networks: Sequence[Network], machines: Sequence[Configuration], args: Namespace
) -> list[Job]:
    """One run per network and machine, in the order of the tables.

    Raises:
        OSError: A file of inputs cannot be read.
        UsageError: An option is wrong, whatever the model.
    """
    shared = shared_words(args)
    common = {
        "schema": [SCHEMA_VERSION, REPORT_VERSION],
        "versions": versions(),
        "options": shared,
        "files": [_digest(path) for path in _input_files(args)],
    }
    jobs: list[Job] = []
    for network in networks:
        for machine in machines:
            content = {
                **common,
                "model": [network.name, *network.digests],
                "target": machine.target,
                "config": machine.parameters,
            }
            key = _key(content)
            name = re.sub(r"[^\w.,-]", "_", f"{network.name}-{machine.target}")
            # A name that begins with a dash would be an option.
            model = f"./{network.text}" if network.text.startswith("-") else network.text
            words = (model, *machine.words, *shared)
            file = f"runs/{name}-{key[:KEY_CHARS]}.json"
            jobs.append(Job(network.name, machine.label, words, key, file, network.build))
    return jobs


def _key(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _input_files(args: Namespace) -> list[Path]:
    arrays = [Path(pair.partition("=")[2]) for pair in args.input]
    return [*arrays, *([args.calibration] if args.calibration else [])]


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _external_files(path: Path) -> list[Path]:
    """Files beside a model that hold its weights; of a broken model none: its run says why."""
    import onnx
    from google.protobuf.message import DecodeError

    with suppress(DecodeError):
        model = onnx.load_model_from_string(path.read_bytes())
        names = {
            entry.value
            for tensor in _tensors(model.graph)
            for entry in tensor.external_data
            if entry.key == "location"
        }
        found = [path.parent / name for name in sorted(names) if "\0" not in name]
        return [file for file in found if file.is_file()]
    return []


def _tensors(graph: onnx.GraphProto) -> Generator[onnx.TensorProto]:
    """Every constant tensor, those of graphs inside nodes too."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)
            inner: Iterable[onnx.GraphProto] = (attribute.g, *attribute.graphs)
            for each in inner:
                yield from _tensors(each)
