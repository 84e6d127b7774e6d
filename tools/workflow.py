"""The main job of spcc, step by step: compile, write, run, check, report."""

from __future__ import annotations

import re
import sys
from argparse import ArgumentTypeError, Namespace
from pathlib import Path
from time import perf_counter

from ..compiler.driver import StopCompilation
from ..isa.errors import UsageError
from ..isa.program import Program
from .compile_flow import Outcome, Request, compile_request, parse_prune, resume, warn
from .emission import LAST_PASS, write_assembly, write_text
from .option_types import dimensions
from .options import DEFAULT_TARGET
from .outputs import placing, placing_in
from .report import About, Checked, write_report
from .report_schema import Report
from .run_flow import Ran, check_run, report_of, run_program, warn_of_saturation, write_trace
from .sources import DEFAULT_MODEL, Array, Model, configuration, find_model, plain, read_inputs
from .targets import find_target


class Workflow:
    """One invocation of spcc.

    Args:
        args: The parsed options.
        command: The command line, for the report.
        model: What `args.model` names, where that is known.
    """

    def __init__(
        self, args: Namespace, command: tuple[str, ...], model: Model | None = None
    ) -> None:
        self.args, self.command = args, command
        self.target = find_target(args.target or DEFAULT_TARGET)
        self.model = model
        if model is None and (args.model is not None or args.resume_from is None):
            self.model = find_model(args.model or DEFAULT_MODEL, args.seed, args.batch)

    @property
    def name(self) -> str:
        """The model's short name."""
        return self.model.name if self.model else self.args.resume_from.stem

    @property
    def folder(self) -> Path:
        """The output folder."""
        name = re.sub(r"[^\w.-]", "_", f"{self.name}-{self.target.label}")
        return self.args.out_dir or Path("spcc-out") / name

    @property
    def dump_folder(self) -> Path | None:
        """Where the IR of every pass goes, None where it is not wanted."""
        return self.folder / "ir" if self.args.dump_ir is True else self.args.dump_ir

    def run(self) -> int:
        """Do the job."""
        stage = LAST_PASS.get(self.args.emit)
        try:
            outcome = self.compile(stage)
        except StopCompilation as stopped:
            write_text(stopped.text, self.args.output)
            return 0
        if stage is not None:
            raise UsageError(f"the dump has the pass {stage} behind it", f"--emit={self.args.emit}")
        program = outcome.compiled.program
        warn(outcome.compiled.warnings)
        if self.args.emit == "asm":
            return write_assembly(program, self.args.output)
        self._write_program(program)
        if self.args.compile_only or self.args.emit == "bin":
            return 0
        return self._run(outcome)

    def _request(self) -> Request:
        args = self.args
        assert self.model is not None
        inputs, is_demo = self._inputs()
        return Request(
            model=self.model,
            target=self.target,
            spec=configuration(self.target, args.config, args.set),
            prune=parse_prune(args.prune),
            shapes=parse_shapes(args.shape),
            batch=1 if is_demo and args.batch is None else args.batch,
            seed=args.seed,
            inputs=inputs,
            calibration=args.calibration,
            dump=self.dump_folder,
            print_ir=args.mlir_print_ir_after_all,
            fail_on_host=args.fail_on_host,
            keep_pruned=not (args.compile_only or args.no_check),
        )

    def _inputs(self) -> tuple[dict[str, Array], bool]:
        """The arrays the user gave, or the demo's, and whether they are the demo's."""
        from .demo import demo_inputs

        assert self.model is not None
        given = read_inputs(self.args.input)
        demo = {} if given else demo_inputs(self.model, self.args)
        return given or demo, bool(demo)

    def compile(self, stop_after: str | None = None) -> Outcome:
        """Compile the model, or go on from the dump; StopCompilation after the pass named."""
        started = perf_counter()
        if self.args.resume_from:
            outcome = self._resume(stop_after)
        else:
            outcome = compile_request(self._request(), stop_after)
        if self.args.verbose:
            self._tell(outcome, perf_counter() - started)
        return outcome

    def _resume(self, stop_after: str | None) -> Outcome:
        args = self.args
        compiled = resume(
            args.resume_from,
            dump=self.dump_folder,
            print_ir=args.mlir_print_ir_after_all,
            stop_after=stop_after,
        )
        known = compiled.program.info.get("model_sha256")
        if self.model is not None and known not in (None, self.model.sha256):
            hint = f"it is of '{compiled.program.info.get('model', '')}'; name that one, or none"
            raise UsageError(f"the dump is of another model than '{self.name}'", "MODEL", hint)
        if compiled.program.info.get("prune") and not compiled.pruned and not args.no_check:
            args.no_check = True
            compiled.warnings.append(
                "not checked: this dump no longer has the pruned weights that the reference needs"
            )
        name = compiled.program.target
        if args.target not in (None, name):
            raise UsageError(f"the dump is for {name}", f"--target {args.target}", "leave it out")
        self.target = find_target(name)
        return Outcome(compiled, read_inputs(args.input) or compiled.calibration, False)

    def _tell(self, outcome: Outcome, seconds: float) -> None:
        for name, time in outcome.compiled.pass_seconds.items():
            print(f"{time:8.3f} s  {name}", file=sys.stderr)
        print(f"{seconds:8.3f} s  compile", file=sys.stderr)
        for node, op, reason in outcome.compiled.host_calls:
            print(f"host: node '{node}' ({op}): {reason}", file=sys.stderr)

    def _write_program(self, program: Program) -> None:
        path = self.args.output or self.folder / f"{self.name}.{program.target}.spx"
        with placing(path):
            program.save(path)
        print(f"program: {path} ({path.stat().st_size} bytes)", file=sys.stderr)

    def evaluate(self, outcome: Outcome) -> tuple[Ran, Checked | None, Report]:
        """Run the program, compare with the reference unless that is off, and report."""
        args, program = self.args, outcome.compiled.program
        checking = not args.no_check and self.model is not None
        ran = run_program(
            program, outcome.feeds, trace=args.trace, taps=checking, max_cycles=args.max_cycles
        )
        checked = self._check(ran, outcome) if checking else None
        return ran, checked, report_of(ran, self._about(program), checked)

    def _run(self, outcome: Outcome) -> int:
        args = self.args
        ran, checked, report = self.evaluate(outcome)
        with placing_in(self.folder):
            write_report(report, self.folder)
            if args.trace:
                write_trace(ran, self.folder)
        warn_of_saturation(report)
        from .report_table import print_report

        print_report(report, sys.stdout)
        if self.model is not None:
            from .demo import print_accuracy

            print_accuracy(self.model, ran)
        if checked is not None:
            checked.outputs.raise_on_mismatch()
            if args.check_layers:
                checked.own.raise_on_mismatch()
        return 0

    def _check(self, ran: Ran, outcome: Outcome) -> Checked:
        assert self.model is not None
        return check_run(ran, self.model.source, outcome.feeds, outcome.compiled.pruned)

    def _about(self, program: Program) -> About:
        batch = program.inputs[0].shape[0] if program.inputs and program.inputs[0].shape else 1
        return About(
            command=("spcc", *map(plain, self.command)),
            model=program.info.get("model", self.name),
            model_sha256=program.info.get("model_sha256", ""),
            batch=batch,
            seed=self.args.seed,
        )


def parse_shapes(pairs: list[str]) -> dict[str, tuple[int, ...]]:
    """The shapes of `NAME=1x3x224x224` options.

    Raises:
        UsageError: One has another form, or a name is there twice.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    for pair in pairs:
        name, equals, text = pair.rpartition("=")
        where = f"--shape {name}" if name else "--shape"
        if not equals or not name:
            raise UsageError(f"'{pair}' is not NAME=1x3x224x224", where, "name one of the inputs")
        if name in shapes:
            raise UsageError("is there twice", where, "leave one of them out")
        try:
            shapes[name] = dimensions(text)
        except ArgumentTypeError as error:
            hint = "dimensions are positive numbers joined by x, such as 1x3x224x224"
            raise UsageError(str(error), where, hint) from error
    return shapes
