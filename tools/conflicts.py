"""Options of spcc that make no sense together: said at once, before anything is computed."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from ..isa.errors import UsageError
from .outputs import refuse_overwriting

_NEED_RUN = {"trace": "--trace", "check_layers": "--check-layers", "max_cycles": "--max-cycles"}
_IN_DUMP = {
    "config": "--config",
    "set": "--set",
    "prune": "--prune",
    "calibration": "--calibration",
    "shape": "--shape",
    "batch": "--batch",
    "fail_on_host": "--fail-on-host",
}
_MODEL_SUFFIXES = (".onnx", ".mlir", ".spx")


def check_options(args: Namespace) -> None:
    """Refuse what contradicts itself or would be ignored.

    Raises:
        UsageError: Two options exclude each other, or one would overwrite an input.
    """
    if args.model == "":
        raise UsageError("the name is empty", "MODEL", "give an ONNX file or a network that ships")
    _check_dump(args)
    stop = "--compile-only" if args.compile_only else f"--emit={args.emit}" if args.emit else ""
    if stop:
        _refuse(args, _NEED_RUN, f"needs a run, but {stop} stops before it")
    if args.no_check and args.check_layers:
        raise UsageError("excludes --no-check", "--check-layers", "leave one of them out")
    if args.emit and args.emit != "bin" and args.out_dir and args.dump_ir is None:
        raise UsageError(
            f"is not used by --emit={args.emit}",
            "--out-dir",
            "it prints on standard output, or into a file with -o FILE",
        )
    if args.resume_from:
        _refuse(args, _IN_DUMP, "has no effect: the dump already says it")
        if args.model is None and args.check_layers:
            hint = "name the model beside --resume-from"
            raise UsageError("needs the model that was dumped", "--check-layers", hint)
    refuse_overwriting([args.output], inputs_of(args))


def inputs_of(args: Namespace) -> list[Path | str | None]:
    """Every file that the options name as an input."""
    arrays = [pair.partition("=")[2] or None for pair in args.input]
    return [args.model, args.config, args.calibration, args.resume_from, *arrays]


def _refuse(args: Namespace, options: dict[str, str], why: str) -> None:
    for name, option in options.items():
        if getattr(args, name) not in (None, False, []):
            raise UsageError(why, option, "leave it out")


def _check_dump(args: Namespace) -> None:
    """`--dump-ir MODEL`: the option takes the model for its folder."""
    folder = args.dump_ir
    if not isinstance(folder, Path) or args.model is not None or args.resume_from is not None:
        return
    from ..models import names

    text = str(folder)
    if folder.suffix in _MODEL_SUFFIXES or folder.is_file() or text in names():
        raise UsageError(
            f"takes '{text}' as its folder, and no model is left",
            "--dump-ir",
            f"write `spcc {text} --dump-ir`, or `--dump-ir=FOLDER` before the model",
        )
