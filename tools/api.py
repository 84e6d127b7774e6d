"""The Python interface: compile a model, save and load the program, run it as with onnxruntime.

program = spcc.compile("model.onnx", target="spots", config={"NR": 64}, prune="group=0.7")
program.save("model.spots.spx")
session = spcc.InferenceSession(program)
outputs = session.run(None, {"image": image})
session.report["totals"]["cycles"]
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import __version__
from ..isa.base import BaseSpec
from ..isa.config import apply_settings
from ..isa.errors import UsageError
from ..isa.program import Program as BaseProgram
from ..runtime.session import InferenceSession as BaseSession
from .compile_flow import Request, compile_request, parse_prune
from .sources import Array, Model, find_model
from .targets import find_target

if TYPE_CHECKING:
    import onnx

Program = BaseProgram


def compile(  # the name that users of compilers expect
    model: str | os.PathLike[str] | onnx.ModelProto,
    target: str = "spots",
    *,
    config: Mapping[str, Any] | None = None,
    prune: str | None = None,
    calibration: str | os.PathLike[str] | None = None,
    inputs: Mapping[str, Array] | None = None,
    shapes: Mapping[str, tuple[int, ...]] | None = None,
    batch: int | None = None,
    seed: int = 0,
    fail_on_host: bool = False,
) -> Program:
    """Compile a network.

    Args:
        model: ONNX file, name of a network that ships, or the parsed model.
        target: The accelerator, or `NAME:VARIANT`.
        config: Parameters of the machine that differ from the default.
        prune: `SCHEME=AMOUNT`, as on the command line.
        calibration: An .npz of inputs to choose scales by.
        inputs: Arrays to calibrate with instead; else seeded random ones.
        shapes: Shapes of inputs that the model leaves open.
        batch: Batch size, if the model leaves it open or to change it.
        seed: Of random inputs and weights.
        fail_on_host: Refuse what the target cannot run.

    Raises:
        SpccError: The model, an option or the target's limits stand against it.
    """
    request = Request(
        model=_model(model, seed),
        target=find_target(target),
        spec=_spec(target, config or {}),
        prune=parse_prune(prune),
        shapes=dict(shapes or {}),
        batch=batch,
        seed=seed,
        inputs={name: np.asarray(array) for name, array in (inputs or {}).items()},
        calibration=Path(calibration) if calibration is not None else None,
        fail_on_host=fail_on_host,
        keep_pruned=False,
        info={"api": f"spcc {__version__}"},
    )
    return compile_request(request).compiled.program


def _spec(target: str, config: Mapping[str, Any]) -> BaseSpec:
    """The machine's parameters: those of the variant, and over them the user's."""
    found = find_target(target)
    return apply_settings(found.spec(), {**found.parameters, **config})


def _model(model: str | os.PathLike[str] | onnx.ModelProto, seed: int) -> Model:
    if isinstance(model, str | os.PathLike):
        return find_model(os.fspath(model), seed)
    digest = hashlib.sha256(model.SerializeToString(deterministic=True)).hexdigest()
    return Model(model.graph.name or "model", model, digest)


class InferenceSession(BaseSession):
    """A program on its machine, found by the program's target; see runtime/session.py."""

    def __init__(self, program: Program | str | os.PathLike[str]) -> None:
        if not isinstance(program, BaseProgram):
            program = load(program)
        super().__init__(program, find_target(program.target).machine())


def load(path: str | os.PathLike[str]) -> Program:
    """Read a program file, whatever its target.

    Raises:
        ProgramError: The file is not a program of spcc's.
    """
    return BaseProgram.load(path, isa_of)


def isa_of(name: str) -> Any:
    """The instruction set of a target.

    Raises:
        UsageError: There is no such target.
    """
    try:
        return find_target(name).isa()
    except UsageError as error:
        raise UsageError(
            f"the program is for '{name}', which is not a target here", "header"
        ) from error
