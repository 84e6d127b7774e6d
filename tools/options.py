"""The command line of spcc: the habits of MLIR's opt, IREE, Vela, trtexec and onnxruntime."""

from __future__ import annotations

import argparse
from typing import Any

from .. import __version__
from .option_types import count, path, seed

DEFAULT_TARGET = "spots"
EMIT = ("onnx", "sparse", "target", "asm", "bin")
DESCRIPTION = (
    "Compile an ONNX network for a sparse-CNN accelerator, run the binary, check the values."
)
EPILOG = """\
exit codes: 0 done, 1 the input is at fault, 2 usage, 3 unsupported, 4 outputs differ from the
reference, 70 a bug of spcc, 130 interrupted. Without a model, spcc takes the one that ships with
it (digits)."""


def parser() -> argparse.ArgumentParser:
    """The argument parser."""
    p = argparse.ArgumentParser("spcc", description=DESCRIPTION, epilog=EPILOG, allow_abbrev=False)
    p.add_argument(
        "model",
        nargs="?",
        help="ONNX file, or one that ships: digits, light:NAME, a name of spcc-zoo",
    )
    p.add_argument("--target", help=f"accelerator (default: {DEFAULT_TARGET}), or NAME:VARIANT")
    p.add_argument("--version", action="version", version=f"spcc {__version__}")
    _machine(p.add_argument_group("machine"))
    model_options(p.add_argument_group("model"))
    _output(p.add_argument_group("output"))
    run_options(p.add_argument_group("run and check"))
    return p


def _machine(g: Any) -> None:
    g.add_argument("--config", type=path, metavar="F.toml", help="parameters of the machine")
    g.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="one parameter, e.g. NR=64"
    )
    g.add_argument("--print-config", action="store_true", help="print the effective parameters")
    g.add_argument("--list-targets", action="store_true", help="list the accelerators")
    g.add_argument("--list-ops", action="store_true", help="list the operators the target runs")


def model_options(g: Any) -> None:
    """Add what says how a model is compiled."""
    g.add_argument("--prune", metavar="SCHEME=AMOUNT", help="e.g. group=0.7, magnitude=0.5")
    g.add_argument("--calibration", type=path, metavar="F.npz", help="inputs to choose scales by")
    g.add_argument(
        "--shape", action="append", default=[], metavar="NAME=1x3x224x224", help="bind a shape"
    )
    g.add_argument("--batch", type=count, metavar="N", help="bind the batch size")
    g.add_argument("--seed", type=seed, default=0, metavar="N", help="of random inputs and weights")
    g.add_argument("--fail-on-host", action="store_true", help="refuse what the target cannot run")


def _output(g: Any) -> None:
    g.add_argument("-o", type=path, dest="output", metavar="FILE", help="program or --emit output")
    g.add_argument("--out-dir", type=path, metavar="DIR", help="default: spcc-out/<model>-<target>")
    g.add_argument("-c", "--compile-only", action="store_true", help="stop after the program")
    g.add_argument("--emit", choices=EMIT, help="print this stage and stop")
    g.add_argument(
        "--dump-ir",
        nargs="?",
        const=True,
        type=path,
        metavar="DIR",
        help="one file per pass, in ir/ of the output folder",
    )
    g.add_argument(
        "--mlir-print-ir-after-all", action="store_true", help="print the IR after each pass"
    )
    g.add_argument("--resume-from", type=path, metavar="IR.mlir", help="compile on from a dump")
    g.add_argument("--trace", action="store_true", help="write trace.json for Perfetto")
    g.add_argument("-v", "--verbose", action="store_true", help="times, host calls, residency")
    g.add_argument("--debug", action="store_true", help="traceback for errors too")


def run_options(g: Any) -> None:
    """Add what says how a program is run and checked."""
    g.add_argument(
        "--input", action="append", default=[], metavar="NAME=F.npy", help="an input of the run"
    )
    g.add_argument("--no-check", action="store_true", help="do not compare with onnxruntime")
    g.add_argument(
        "--check-layers", action="store_true", help="a layer that differs is an error too"
    )
    g.add_argument("--max-cycles", type=count, metavar="N", help="stop a run that takes longer")
