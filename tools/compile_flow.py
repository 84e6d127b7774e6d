"""From what the user names to a program: import, calibrate, compile."""

from __future__ import annotations

import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
from xdsl.dialects.builtin import ModuleOp, TensorType

from .. import __version__
from ..compiler.context import main_of
from ..compiler.dialects.onnx import INPUTS_ATTRIBUTE, InitializerOp, names_of
from ..compiler.dialects.onnx_values import Tensor, dtype_name
from ..compiler.dialects.sparse_tensor import shape_of
from ..compiler.driver import (
    Compilation,
    Compiled,
    Prune,
    attach_calibration,
    new_context,
    pipeline_text,
)
from ..compiler.dumps import Dump, DumpFolder, print_ir, read_module
from ..compiler.frontend.onnx import import_model
from ..compiler.targets.base import TargetCompiler
from ..isa.base import BaseSpec
from ..isa.errors import UsageError
from .memory import check_size
from .sources import Array, Model, Ports, check_feeds, load_arrays, split_runs
from .targets import Target, find_target

MAX_THRESHOLD = 3.5e38
"""No float32 is larger."""


@dataclass(frozen=True)
class Request:
    """What a compilation is asked for.

    Args:
        model: The network.
        target: The accelerator.
        spec: Its parameters.
        prune: Pruning, None for none.
        shapes: Shapes bound to inputs by name.
        batch: Batch size, None for the model's own.
        seed: Of random inputs.
        inputs: Arrays the user gave for the run.
        calibration: File of calibration inputs.
        dump: Folder for the IR of every pass.
        print_ir: Print the IR after every pass on stderr.
        fail_on_host: Refuse host calls.
        keep_pruned: Keep the pruned weights, for a check against the pruned float model.
        info: Entries for the program's info.
    """

    model: Model
    target: Target
    spec: BaseSpec
    prune: Prune | None = None
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict[str, tuple[int, ...]])
    batch: int | None = None
    seed: int = 0
    inputs: dict[str, Array] = field(default_factory=dict[str, Array])
    calibration: Path | None = None
    dump: Path | None = None
    print_ir: bool = False
    fail_on_host: bool = False
    keep_pruned: bool = True
    info: dict[str, str] = field(default_factory=dict[str, str])


@dataclass
class Outcome:
    """A compilation and the inputs that go with it.

    Args:
        compiled: The program and what is known of it.
        feeds: Inputs for a run.
        is_random: The inputs were made up.
    """

    compiled: Compiled
    feeds: dict[str, Array]
    is_random: bool


def compiler_of(name: str) -> TargetCompiler:
    """The compiler half of a target."""
    return find_target(name).compiler()


@np.errstate(all="ignore")  # values that become infinite are found, and refused in words
def compile_request(request: Request, stop_after: str | None = None) -> Outcome:
    """Compile a model.

    Args:
        request: What to compile, and how.
        stop_after: A pass (or `import`) after which StopCompilation carries the IR out.

    Raises:
        SpccError: The model, an option or the target's limits stand against it.
    """
    compiler = request.target.compiler()
    imported = import_model(request.model.source, shapes=request.shapes, batch=request.batch)
    module, store = imported.module, imported.store
    check_size(value_shapes(module), request.model.name)
    ports = input_ports(module)
    runs, feeds, is_random = _inputs(request, ports)
    attach_calibration(module, store, runs, tuple(ports))
    # The request's own compiler, whatever the table of targets has under this name.
    ctx = new_context(lambda _: compiler, compiler)
    ctx.store = store
    with _observers(request.dump, request.print_ir) as observers:
        compilation = Compilation(
            ctx,
            module,
            observers,
            request.dump is not None,
            request.fail_on_host,
            request.keep_pruned,
            stop_after,
        )
        block = compiler.pruning_block(request.spec)
        pipeline = pipeline_text(compiler, request.prune, block)
        compilation.start(compiler, request.spec, pipeline, _info(request))
        compiled = compilation.run()
    compiled.warnings += [str(warning) for warning in imported.warnings]
    if is_random and not request.calibration:
        compiled.warnings.append(
            f"scales are calibrated on seeded random inputs (seed {request.seed}); "
            "give real ones with --calibration FILE.npz or --input NAME=FILE.npy"
        )
    return Outcome(compiled, feeds, is_random)


def _info(request: Request) -> dict[str, str]:
    """What the program file says of its making."""
    info = {
        "model": request.model.name,
        "model_sha256": request.model.sha256,
        "spcc": __version__,
        "seed": str(request.seed),
        **request.info,
    }
    if request.prune is not None:
        info["prune"] = f"{request.prune.scheme}={request.prune.amount}"
    return info


@np.errstate(all="ignore")  # values that become infinite are found, and refused in words
def resume(
    path: Path,
    *,
    dump: Path | None = None,
    print_ir: bool = False,
    stop_after: str | None = None,
) -> Compiled:
    """Compile on from an IR dump; the options mean what they mean in a Request.

    Raises:
        PassError: The file is no dump of spcc's.
    """
    ctx = new_context(compiler_of, *(t.compiler() for t in _dumped_targets(path)))
    module = read_module(path, ctx)
    with _observers(dump, print_ir) as observers:
        compilation = Compilation(
            ctx,
            module,
            observers,
            keep_weights=dump is not None,
            stop_after=stop_after,
            origin=path,
        )
        return compilation.run()


@contextmanager
def _observers(folder: Path | None, prints: bool) -> Generator[list[Dump]]:
    """What looks at the IR after every pass; at the end, the dumps get their weights."""
    dump = DumpFolder(folder) if folder is not None else None
    try:
        yield [each for each in (dump, print_ir if prints else None) if each is not None]
    finally:
        if dump is not None:
            dump.close()


def _dumped_targets(path: Path) -> list[Target]:
    """The targets whose dialects a dump may use."""
    from .targets import all_targets

    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []  # read_module says what is wrong
    return [target for name, target in all_targets().items() if f'"{name}"' in text]


def value_shapes(module: ModuleOp) -> list[tuple[int, ...]]:
    """The shape of every tensor that a network computes or is given."""
    block = main_of(module).body.block
    results = [r for op in block.ops if not isinstance(op, InitializerOp) for r in op.results]
    values = [*block.args, *results]
    return [shape_of(v) for v in values if isinstance(v.type, TensorType)]


def input_ports(module: ModuleOp) -> Ports:
    """Shape and numpy type of every graph input."""
    main = main_of(module)
    ports: dict[str, tuple[tuple[int, ...], np.dtype[Any]]] = {}
    for argument, name in zip(main.body.block.args, names_of(main, INPUTS_ATTRIBUTE), strict=True):
        kind = argument.type
        assert isinstance(kind, TensorType)
        tensor = cast(Tensor, kind)
        ports[name] = (tensor.get_shape(), np.dtype(dtype_name(tensor)))
    return ports


def _inputs(
    request: Request, ports: Ports
) -> tuple[list[Mapping[str, Array]], dict[str, Array], bool]:
    """Calibration runs, the feeds of the run, and whether some of these were made up.

    Inputs as sparse as the published ones are what the biases of a zoo network are made for.
    """
    from ..models.inputs import draw
    from ..models.zoo import published_inputs

    given = request.inputs
    published = published_inputs(request.model.source, request.seed)
    made = {
        name: draw(name, shape, dtype, request.seed)
        for name, (shape, dtype) in ports.items()
        if name not in given and name not in published
    }
    feeds = check_feeds({**published, **made, **given}, ports, "--input")
    if request.calibration is None:
        return [feeds], feeds, bool(made)
    arrays = load_arrays(request.calibration, "--calibration")
    runs = split_runs(arrays, ports, f"--calibration {request.calibration}")
    return [*runs], feeds if given else runs[0], False


def parse_prune(text: str | None) -> Prune | None:
    """A `SCHEME=AMOUNT` option.

    Raises:
        UsageError: It has another form, an unknown scheme, or an amount out of range.
    """
    if text is None:
        return None
    from ..compiler.passes.prune_weights import SCHEMES

    scheme, _, amount = text.partition("=")
    hint = "the schemes are " + "; ".join(f"{name}={what}" for name, what in SCHEMES.items())
    if scheme not in SCHEMES:
        raise UsageError(f"unknown pruning scheme '{scheme}'", "--prune", hint)
    try:
        value = float(amount)
    except ValueError as error:
        raise UsageError(f"'{text}' is not SCHEME=NUMBER", "--prune", hint) from error
    largest = 1.0 if scheme != "threshold" else MAX_THRESHOLD
    if not 0.0 <= value <= largest:
        raise UsageError(f"the amount {value:g} is outside 0..{largest:g}", "--prune", hint)
    return Prune(scheme, value)


def warn(sentences: list[str]) -> None:
    """Print warnings to stderr."""
    for sentence in sentences:
        print(f"warning: {sentence}", file=sys.stderr)
