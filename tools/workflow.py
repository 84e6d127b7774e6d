"""The main job of spcc, step by step: compile, write, run, check, report."""

from __future__ import annotations

import re
import sys
from argparse import Namespace
from pathlib import Path
from time import perf_counter

from ..isa.errors import UsageError
from ..isa.program import Program
from .compile_flow import Outcome, Request, compile_request, parse_prune, resume, warn
from .emission import emit_stage
from .report import About, Checked, write_report
from .run_flow import Ran, check_run, report_of, run_program, warn_of_saturation, write_trace
from .sources import DEFAULT_MODEL, Array, Model, configuration, find_model, plain, read_inputs
from .targets import find_target


class Workflow:
    """One invocation of spcc.

    Args:
        args: The parsed options.
        command: The command line, for the report.
    """

    def __init__(self, args: Namespace, command: tuple[str, ...]) -> None:
        self.args, self.command = args, command
        self.target = find_target(args.target)
        self.model: Model | None = None
        if args.model or not args.resume_from:
            self.model = find_model(args.model or DEFAULT_MODEL, args.seed, args.batch)

    @property
    def name(self) -> str:
        """The model's short name."""
        return self.model.name if self.model else self.args.resume_from.stem

    @property
    def folder(self) -> Path:
        """The output folder."""
        default = (
            Path("spcc-out") / f"{re.sub(r'[^A-Za-z0-9._-]', '_', self.name)}-{self.target.name}"
        )
        return self.args.out_dir or default

    def run(self) -> int:
        """Do the job."""
        if self.args.emit and self.args.emit not in ("bin", "asm"):
            return emit_stage(self.args, self._request())
        outcome = self._compile()
        program = outcome.compiled.program
        warn(outcome.compiled.warnings)
        if self.args.emit == "asm":
            from .emission import write_assembly

            return write_assembly(program, self.args.output)
        self._write_program(program)
        if self.args.compile_only or self.args.emit == "bin":
            return 0
        return self._run(outcome)

    def _request(self) -> Request:
        args = self.args
        assert self.model is not None
        dump = args.dump_ir
        if dump is not None and dump == Path():
            dump = self.folder / "ir"
        inputs, is_demo = self._inputs()
        return Request(
            model=self.model,
            target=self.target,
            spec=configuration(self.target, args.config, args.set),
            prune=parse_prune(args.prune),
            shapes=dict(_shape(text) for text in args.shape),
            batch=1 if is_demo and args.batch is None else args.batch,
            seed=args.seed,
            inputs=inputs,
            calibration=args.calibration,
            dump=dump,
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

    def _compile(self) -> Outcome:
        started = perf_counter()
        if self.args.resume_from:
            compiled = resume(self.args.resume_from)
            feeds = read_inputs(self.args.input) or compiled.calibration
            outcome = Outcome(compiled, feeds, False)
        else:
            outcome = compile_request(self._request())
        if self.args.verbose:
            self._tell(outcome, perf_counter() - started)
        return outcome

    def _tell(self, outcome: Outcome, seconds: float) -> None:
        for name, time in outcome.compiled.pass_seconds.items():
            print(f"{time:8.3f} s  {name}", file=sys.stderr)
        print(f"{seconds:8.3f} s  compile", file=sys.stderr)
        for node, op, reason in outcome.compiled.host_calls:
            print(f"host: node '{node}' ({op}): {reason}", file=sys.stderr)

    def _write_program(self, program: Program) -> None:
        path = self.args.output or self.folder / f"{self.name}.{program.target}.spx"
        path.parent.mkdir(parents=True, exist_ok=True)
        program.save(path)
        print(f"program: {path} ({path.stat().st_size} bytes)", file=sys.stderr)

    def _run(self, outcome: Outcome) -> int:
        args = self.args
        checking = not args.no_check and self.model is not None
        program = outcome.compiled.program
        ran = run_program(
            program, outcome.feeds, trace=args.trace, taps=checking, max_cycles=args.max_cycles
        )
        checked = self._check(ran, outcome) if checking else None
        self.folder.mkdir(parents=True, exist_ok=True)
        report = report_of(ran, self._about(program), checked)
        write_report(report, self.folder)
        warn_of_saturation(report)
        if args.trace:
            write_trace(ran, self.folder)
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


def _shape(text: str) -> tuple[str, tuple[int, ...]]:
    name, equals, dims = text.rpartition("=")
    try:
        if not equals:
            raise ValueError
        return name, tuple(int(d) for d in dims.split("x"))
    except ValueError:
        raise UsageError(
            f"'{text}' is not NAME=1x3x224x224", "--shape", "dimensions are numbers joined by x"
        ) from None
