"""A program as a session in the manner of onnxruntime: feeds in, outputs and a report out."""

import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..isa.errors import ProgramError, UsageError
from ..isa.program import Program
from ..isa.tables import TensorInfo
from .host import Host
from .interpreter import Execution, Interpreter, Options, Progress
from .machine import Machine, State
from .memory import Dram
from .report import build_report
from .tensors import Array, element_type, is_storable, load_tensor, store_tensor
from .trace import EVENT_LIMIT, Written, write_trace
from .trace_counters import Counts

_ONNX_NAMES = {"float32": "float", "float64": "double"}


class Port(NamedTuple):
    """An input or output, as onnxruntime's NodeArg: name, shape and "tensor(<type>)"."""

    name: str
    shape: list[int]
    type: str


class InferenceSession:
    """A program on its machine; can be run many times, each run on a fresh DRAM image.

    Args:
        program: The program, or the path of its file.
        machine: The machine it was compiled for.

    Attributes:
        report: Of the last run, see `build_report`; empty before.
        taps: Layer outputs of the last run with `taps`, by ONNX tensor name, if they have one.

    Raises:
        ProgramError: The program is for another machine, or not legal.
        OSError: The file cannot be read.
    """

    def __init__(self, program: Program | str | os.PathLike[str], machine: Machine) -> None:
        if not isinstance(program, Program):
            program = Program.load(program, machine.isa)
        if (program.target, program.isa_version) != (machine.isa.name, machine.isa.version):
            raise ProgramError(
                f"the program is for {program.target} version {program.isa_version}, "
                f"not {machine.isa.name} version {machine.isa.version}",
                "header",
                "choose the machine by the program's target, or compile again",
            )
        self.program = program
        self.machine = machine
        self.interpreter = Interpreter(machine, program)
        self.report: dict[str, Any] = {}
        self.taps: dict[str, Array] = {}
        self._host = Host(program.fragments)
        self._execution: Execution | None = None
        self._counts = Counts()

    def get_inputs(self) -> list[Port]:
        """The network's inputs."""
        return [_port(info) for info in self.program.inputs]

    def get_outputs(self) -> list[Port]:
        """The network's outputs."""
        return [_port(info) for info in self.program.outputs]

    def run(
        self,
        output_names: Sequence[str] | None,
        feeds: Mapping[str, Array],
        *,
        trace: bool = False,
        taps: bool = False,
        max_cycles: int | None = None,
        progress: Progress | None = None,
    ) -> list[Array]:
        """Run the program on some inputs.

        Args:
            output_names: Which outputs, in which order; None: all.
            feeds: Every input by name, of its shape. Fixed-point inputs take floats, which are
                quantised (half to even, saturating), or int8 and int16, which are kept.
            trace: Keep what `write_trace` needs.
            taps: Keep every layer's output in `taps`, as it was right after the layer.
            max_cycles: Trap when an instruction ends later than this.
            progress: Told how far it is: instructions done, in all, and the layer's name.

        Returns:
            The outputs; fixed point as float32.

        Raises:
            UsageError: A feed or an output name is missing, unknown or does not fit.
            TrapError: The machine stopped the program.
        """
        wanted = self._outputs(output_names)
        self._check_feeds(feeds)
        self.report, self.taps, self._execution = {}, {}, None
        dram = Dram(self.program.data, self.program.dram_bytes)
        saturated = {
            info.name: store_tensor(dram, info, np.asarray(feeds[info.name]))
            for info in self.program.inputs
        }
        self._counts = Counts()
        tap, note = self._tap if taps else None, self._counts.note if trace else None
        options = Options(max_cycles, self._host, tap, progress, note)
        execution = self.interpreter.run(dram, options)
        self._execution = execution if trace else None
        self.report = build_report(
            self.program, self.machine, self.interpreter.spec, execution, saturated
        )
        return [load_tensor(dram, info) for info in wanted]

    def write_trace(self, path: str | os.PathLike[str], event_limit: int = EVENT_LIMIT) -> Written:
        """Write the last run as a Chrome/Perfetto trace, and say how much was written.

        Raises:
            UsageError: The last run was not made with `trace=True`.
            OSError: The file cannot be written.
        """
        if self._execution is None:
            raise UsageError("there is no trace to write", hint="run the session with trace=True")
        return write_trace(path, self.interpreter, self._execution, self._counts, event_limit)

    def _tap(self, layer: int, state: State) -> None:
        """Keep a layer's output, right after the layer."""
        info = self.program.layers[layer]
        if info.output is not None and info.source:
            self.taps[info.source] = load_tensor(state.holder(info.output.memory), info.output)

    def _outputs(self, names: Sequence[str] | None) -> list[TensorInfo]:
        known = {info.name: info for info in self.program.outputs}
        if names is None:
            return list(self.program.outputs)
        unknown = [name for name in names if name not in known]
        if unknown:
            raise UsageError(
                f"the program has no output '{unknown[0]}'",
                hint=f"the outputs are {', '.join(known) or 'none'}",
            )
        return [known[name] for name in names]

    def _check_feeds(self, feeds: Mapping[str, Array]) -> None:
        odd = sorted(feeds.keys() ^ {info.name for info in self.program.inputs})
        if odd:
            names = ", ".join(info.name for info in self.program.inputs)
            state = "unknown" if odd[0] in feeds else "missing"
            raise UsageError(
                f"input '{odd[0]}' is {state}", hint=f"the inputs are {names or 'none'}"
            )
        for info in self.program.inputs:
            _check_feed(info, np.asarray(feeds[info.name]))


def _check_feed(info: TensorInfo, values: Array) -> None:
    where = f"input '{info.name}'"
    if values.shape != info.shape:
        raise UsageError(
            f"the shape is {_shape(values.shape)}, not {_shape(info.shape)}",
            where,
            "shapes are fixed when a model is compiled",
        )
    if not is_storable(info, values.dtype):
        raise UsageError(
            f"the type is {values.dtype}, not {element_type(info)}",
            where,
            f"convert it with .astype(numpy.{element_type(info)})",
        )
    if info.dtype == "i16" and values.dtype.kind == "f" and np.isnan(values).any():
        at = tuple(int(i) for i in np.argwhere(np.isnan(values))[0])
        raise UsageError(f"the value at {list(at)} is NaN, which fixed point cannot hold", where)


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "scalar"


def _port(info: TensorInfo) -> Port:
    name = element_type(info).name
    return Port(info.name, list(info.shape), f"tensor({_ONNX_NAMES.get(name, name)})")
