"""compile_model(): the whole way from an ONNX file, or from any IR dump, to a program."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from time import perf_counter
from typing import Any, cast

import msgspec
import numpy.typing as npt
from xdsl.dialects.builtin import ArrayAttr, IntegerAttr, ModuleOp, StringAttr
from xdsl.ir import Attribute
from xdsl.passes import ModulePass, PassPipeline
from xdsl.utils.exceptions import ArgSpecParseError, DiagnosticException, VerifyException

from ..isa.base import BaseSpec
from ..isa.errors import PassError, UnsupportedError
from ..isa.program import Program
from .backend.emit import emit
from .context import CALIBRATION_KEY, CompilerContext, attach_target, main_of, target_of
from .dialects import all_dialects
from .dialects.onnx_values import from_text, to_text
from .dialects.program import from_attribute, to_attribute
from .dialects.sparse_tensor import HostCallOp, SumsOp, WeightOp
from .dialects.target import InstructionOp, make_dialect
from .dumps import Dump
from .passes import all_passes
from .targets.base import TargetCompiler
from .untrusted import blaming
from .weights import WeightStore

Array = npt.NDArray[Any]
CONVERSION = "convert-onnx-to-sparse-tensor"
PIPELINE_KEY, STAGE_KEY, INFO_KEY = "spcc.pipeline", "spcc.stage", "spcc.info"
"""Module attributes: all passes, how many ran, and the program's info; a dump resumes from them."""


@dataclass(frozen=True)
class Prune:
    """A pruning request, `SCHEME=AMOUNT` on the command line."""

    scheme: str
    amount: float


@dataclass
class Compiled:
    """What compile_model returns.

    Args:
        program: The program.
        pass_seconds: Time of each pass, and of `import` and `emit`.
        pruned: Pruned weights by the name of the ONNX tensor, a constant or what a DequantizeLinear
            makes of one, in its layout but perhaps scaled: their zeros count.
        host_calls: (node, operator, reason) of everything the target does not run.
        warnings: Sentences for the user.
        calibration: The inputs of the first calibration run, by name.
    """

    program: Program
    pass_seconds: dict[str, float] = field(default_factory=dict[str, float])
    pruned: dict[str, Array] = field(default_factory=dict[str, Array])
    host_calls: list[tuple[str, str, str]] = field(default_factory=list[tuple[str, str, str]])
    warnings: list[str] = field(default_factory=list[str])
    calibration: dict[str, Array] = field(default_factory=dict[str, Array])


def new_context(
    find_compiler: Callable[[str], TargetCompiler], *targets: TargetCompiler
) -> CompilerContext:
    """A context that knows all our dialects, and those of some targets."""
    ctx = CompilerContext(find_compiler=find_compiler)
    for name, load in all_dialects().items():
        ctx.register_dialect(name, load)
    for target in targets:
        ctx.register_dialect(target.name, lambda target=target: make_dialect(target.isa))
    return ctx


def pipeline_text(target: TargetCompiler, prune: Prune | None, block: int = 8) -> str:
    """The passes of a compilation in spcc-opt's syntax."""
    steps = [CONVERSION]
    if prune is not None:
        amount = format(Decimal(str(prune.amount)), "f")  # the syntax has no exponents
        steps.append(f"prune-weights{{scheme={prune.scheme} amount={amount} block={block}}}")
    return ",".join([*steps, target.pipeline])


def attach_calibration(
    module: ModuleOp, store: WeightStore, runs: list[Mapping[str, Array]], names: tuple[str, ...]
) -> None:
    """Put the calibration inputs into the store and their keys into the module."""
    keys = [
        [
            store.add(store.fresh_key(f"calibration.{i}", to_text(name).data), run[name])
            for name in names
        ]
        for i, run in enumerate(runs)
    ]
    module.attributes[CALIBRATION_KEY] = to_attribute(keys)


class StopCompilation(Exception):  # noqa: N818 - control flow: what was asked for, no error
    """The stage that was asked for is reached; `text` is its IR."""

    def __init__(self, text: str) -> None:
        super().__init__("stopped as asked")
        self.text = text


@dataclass
class Compilation:
    """One module on its way through the passes.

    Args:
        ctx: The context with the weights.
        module: The module.
        observers: Called after the import and after every pass.
        keep_weights: Keep arrays that no op names any more (dumps of earlier stages do).
        fail_on_host: Refuse host calls.
        keep_pruned: Remember the pruned weights for the reference.
        stop_after: A stage after which StopCompilation is raised.
        origin: The file that the module was read from; what passes stumble over is its fault.
    """

    ctx: CompilerContext
    module: ModuleOp
    observers: list[Dump] = field(default_factory=list[Dump])
    keep_weights: bool = False
    fail_on_host: bool = False
    keep_pruned: bool = True
    stop_after: str | None = None
    origin: Path | None = None
    result: dict[str, Any] = field(default_factory=dict[str, Any])
    seconds: dict[str, float] = field(default_factory=dict[str, float])

    def __post_init__(self) -> None:
        self.ctx.store.keeps_history = self.keep_weights

    def start(
        self, target: TargetCompiler, spec: BaseSpec, pipeline: str, info: Mapping[str, str]
    ) -> None:
        """Write into the module everything that a later resume needs."""
        attach_target(self.module, target.name, spec)
        self.module.attributes[PIPELINE_KEY] = StringAttr(pipeline)
        self.module.attributes[INFO_KEY] = to_attribute(dict(info))
        self._reached(0, "import")

    def run(self) -> Compiled:
        """Run the passes that are left, then emit.

        Raises:
            PassError: A pass left invalid IR, or the module does not say what to run.
            UnsupportedError: With `fail_on_host`, something is left to the host.
        """
        passes, done = self._plan()
        for number, step in enumerate(passes[done:], start=done + 1):
            self._apply(number, step)
        return self._emit()

    def _plan(self) -> tuple[tuple[ModulePass, ...], int]:
        """All passes, and how many of them ran."""
        attributes = self.module.attributes
        text, stage = attributes.get(PIPELINE_KEY), attributes.get(STAGE_KEY)
        if not isinstance(text, StringAttr) or not isinstance(stage, IntegerAttr):
            raise PassError(
                f"the module does not say which passes are left ({PIPELINE_KEY}, {STAGE_KEY})",
                str(self.origin or "module"),
                "resume from a file that --dump-ir wrote",
            )
        with self._blaming("module"):
            target, _ = target_of(self.ctx, self.module)
        passes = tuple(parse_pipeline(text.data, target).passes)
        done = stage.value.data
        if not 0 <= done <= len(passes):
            raise PassError(
                f"{STAGE_KEY} = {done}, but there are {len(passes)} passes",
                str(self.origin or "module"),
                "resume from a file that --dump-ir wrote",
            )
        return passes, done

    def _blaming(self, what: str) -> AbstractContextManager[None]:
        """What goes wrong with IR from a file is an error of the input."""
        return blaming(f"{self.origin}: {what}") if self.origin else nullcontext()

    def _apply(self, number: int, step: ModulePass) -> None:
        started = perf_counter()
        with self._blaming(step.name):
            step.apply(self.ctx, self.module)
        try:
            self.module.verify()
        except (VerifyException, DiagnosticException) as error:
            raise PassError(
                f"the pass left invalid IR: {error}", step.name, "a bug of spcc"
            ) from error
        self.seconds[step.name] = perf_counter() - started
        with self._blaming(step.name):
            self._after(step.name)
        self._reached(number, step.name)

    def _after(self, name: str) -> None:
        if name == CONVERSION:
            self.result["host_calls"] = host_calls(self.module)
            if self.fail_on_host and self.result["host_calls"]:
                lines = [f"node '{n}' ({op}): {why}" for n, op, why in self.result["host_calls"]]
                raise UnsupportedError(
                    f"{len(lines)} nodes would run on the host\n  " + "\n  ".join(lines),
                    hint="leave out --fail-on-host to let onnxruntime run them",
                )
        if name == "prune-weights" and self.keep_pruned:
            self.result["pruned"] = pruned_sources(self.module, self.ctx.store)

    def _reached(self, number: int, name: str) -> None:
        self.module.attributes[STAGE_KEY] = to_attribute(number)
        for observer in self.observers:
            observer(number, name, self.module, self.ctx.store)
        self.ctx.store.retain(used_keys(self.module, self.ctx.store))
        if name == self.stop_after:
            raise StopCompilation(str(self.module))

    def _emit(self) -> Compiled:
        started = perf_counter()
        with self._blaming("emit"):
            target, spec = target_of(self.ctx, self.module)
            info = from_attribute(self.module.attributes[INFO_KEY])
            config = cast("dict[str, Any]", msgspec.to_builtins(spec))
            program = emit(self.module, self.ctx.store, target.isa, config, info)
            if self.origin:  # tables that the compiler did not make are read as if from a file
                program = Program.from_bytes(program.to_bytes(), target.isa, str(self.origin))
            calibration = self._calibration(program)
        self.seconds["emit"] = perf_counter() - started
        return Compiled(program, self.seconds, calibration=calibration, **self.result)

    def _calibration(self, program: Program) -> dict[str, Array]:
        """The first calibration run's inputs, as far as the store still has them."""
        keys = self.module.attributes.get(CALIBRATION_KEY)
        first = from_attribute(keys)[0] if keys is not None else ()
        store = self.ctx.store
        return {
            info.name: store[key]
            for info, key in zip(program.inputs, first, strict=False)
            if key in store
        }


def parse_pipeline(text: str, target: TargetCompiler) -> PassPipeline:
    """Parse a pipeline of our passes and the target's own, in spcc-opt's syntax.

    Raises:
        PassError: An unknown pass or option.
    """
    try:
        return PassPipeline.parse_spec(all_passes(target.passes), text)
    except (ValueError, TypeError, ArgSpecParseError) as error:
        raise PassError(
            f"{error}", f"pipeline '{text}'", "spcc-opt --help lists the passes"
        ) from error


def used_keys(module: ModuleOp, store: WeightStore) -> set[str]:
    """The keys of the store that a module names."""
    found: set[str] = set()

    def visit(attribute: Attribute) -> None:
        match attribute:
            case StringAttr():
                if attribute.data in store:
                    found.add(attribute.data)
            case IntegerAttr():
                pass  # most attributes are
            case ArrayAttr():
                for item in attribute:
                    visit(item)
            case _:
                data = getattr(attribute, "data", None)
                if isinstance(data, Mapping):
                    for item in cast("Mapping[str, Attribute]", data).values():
                        visit(item)
                key = getattr(attribute, "key", None)
                if isinstance(key, StringAttr):
                    visit(key)

    for op in module.walk():
        if isinstance(op, InstructionOp):
            continue  # numbers alone
        for name, attribute in (*op.properties.items(), *op.attributes.items()):
            if name != "source":  # an ONNX tensor, whose own array may be out of use
                visit(attribute)
    return found


def host_calls(module: ModuleOp) -> list[tuple[str, str, str]]:
    """(node, operator, reason) of every host call, in order."""
    return [
        (from_text(op.nodes.data[0]), from_text(op.op_type), op.reason.data)
        for op in main_of(module).body.block.ops
        if isinstance(op, HostCallOp)
    ]


def pruned_sources(module: ModuleOp, store: WeightStore) -> dict[str, Array]:
    """The layers' weights under their ONNX tensor's name, in its layout but perhaps scaled."""
    pruned: dict[str, Array] = {}
    for op in main_of(module).body.block.ops:
        weight = op.weight.owner if isinstance(op, SumsOp) else None
        if isinstance(weight, WeightOp) and weight.source is not None:
            array = store[weight.key.data]
            pruned[from_text(weight.source)] = array.T if weight.transposed is not None else array
    return pruned
