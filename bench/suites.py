"""The benchmarks, written as asv wants them: classes with `params`, `setup`, `time_*`, `track_*`.

`run.py` runs each class with each parameter in a process of its own (`one.py`).
"""

import hashlib
import re
import shutil
import sys
from functools import cached_property
from tempfile import mkdtemp
from typing import Any

from networks import FOLDER, NETWORKS, feeds
from processes import ROOT, Finished, peak_bytes, run, run_tool

KERNELS = "import spcc.runtime.machines.spots_kernels"
MODULES = {"spcc-as": "asm"}  # the other modules are named as their scripts


class StartUp:
    """Console scripts that do next to nothing, each in a cold process."""

    params = (
        "spcc --help",
        "spcc --list-targets",
        "spcc-run --help",
        "spcc-as --help",
        "spcc-objdump --help",
        "spcc-opt --help",
        "spcc-compare --help",
        "spcc-zoo --help",
    )

    def time_process(self, command: str) -> None:
        """From the shell's view."""
        script, option = command.split()
        run_tool(MODULES.get(script, script.removeprefix("spcc-")), option)


class Kernels:
    """Importing the compiled kernels of the runtime."""

    params = ("no cache", "cache")
    warm_up = False

    def setup(self, state: str) -> None:
        """Fill the cache, or empty it."""
        self.folder = str(FOLDER / "kernels")
        shutil.rmtree(self.folder, ignore_errors=True)
        if state == "cache":
            self._import()

    def time_import(self, state: str) -> None:
        """Compile them, or read them."""
        if state == "no cache":
            shutil.rmtree(self.folder, ignore_errors=True)
        self._import()

    def _import(self) -> None:
        environment = {"PYTHONPATH": str(ROOT / ".links"), "NUMBA_CACHE_DIR": self.folder}
        run((sys.executable, "-c", KERNELS), environment)


class Compilation:
    """`spcc MODEL -c --prune group=0.7` in a cold process."""

    params = tuple(NETWORKS)
    warm_up = False

    def setup(self, name: str) -> None:
        """Nothing but the numbers of the last process."""
        self.network = NETWORKS[name]
        self.repeats = self.network.repeats
        self.last: Finished | None = None

    def time_process(self, name: str) -> None:
        """From the shell's view: import, passes, the program written to the disk."""
        network = NETWORKS[name]
        self.last = run_tool(
            "spcc", str(network.model), "-c", "-v", *network.options, "-o", str(network.program)
        )

    def track_memory(self, name: str) -> dict[str, int]:
        """Peak of the last process, beside the files' sizes, in bytes."""
        assert self.last
        network = NETWORKS[name]
        return {
            "peak": self.last.peak_bytes,
            "model": network.model.stat().st_size,
            "program": network.program.stat().st_size,
        }

    def track_pass_seconds(self, name: str) -> dict[str, float]:
        """Seconds of each pass of the last process, its verification included."""
        assert self.last
        lines = re.findall(r"^ *([\d.]+) s  ([\w-]+)$", self.last.output, re.MULTILINE)
        return {step: float(seconds) for seconds, step in lines}


class Execution:
    """`InferenceSession.run` beside onnxruntime on the same pruned model, in one process."""

    params = tuple(NETWORKS)

    def setup(self, name: str) -> None:
        """Load the program."""
        from spcc.tools.api import InferenceSession

        self.network = NETWORKS[name]
        self.session = InferenceSession(self.network.program)
        ports = {port.name: tuple(port.shape) for port in self.session.get_inputs()}
        self.feeds = feeds(self.network.name, ports)

    @cached_property
    def reference(self) -> Any:
        """The pruned model in onnxruntime, all optimisations, one thread."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        providers = ["CPUExecutionProvider"]
        return onnxruntime.InferenceSession(self.network.pruned, options, providers=providers)

    def time_machine(self, name: str) -> None:
        """Every instruction of the program, on as many threads as there are processors."""
        self.outputs = self.session.run(None, self.feeds)
        self.peak = peak_bytes()  # onnxruntime has not loaded the model yet

    def time_onnxruntime(self, name: str) -> None:
        """The model itself."""
        self.expected = self.reference.run(None, self.feeds)

    def track_simulation(self, name: str) -> dict[str, Any]:
        """What was simulated, and how well the outputs agree."""
        import numpy as np

        totals = self.session.report["totals"]
        error = np.linalg.norm(self.outputs[0].ravel() - self.expected[0].ravel())
        return {
            "model_sha256": hashlib.sha256(self.network.model.read_bytes()).hexdigest(),
            "cycles": totals["cycles"],
            "elapsed_cycles": totals["elapsed_cycles"],
            "instructions": self.session.program.instruction_count,
            "macs": totals["macs"]["nominal"],
            "effectual_macs": totals["macs"]["effectual"],
            "sqnr_db": float(20 * np.log10(np.linalg.norm(self.expected[0]) / error)),
            "peak_bytes": self.peak,
        }


class EndToEnd:
    """`spcc MODEL --prune group=0.7`: compile, run and check, with no compiled kernels yet."""

    params = ("bvlc_alexnet",)
    warm_up = False
    repeats = 3

    def setup(self, name: str) -> None:
        """Nothing."""
        self.last: Finished | None = None

    def time_process(self, name: str) -> None:
        """From the shell's view."""
        network, folder = NETWORKS[name], mkdtemp(dir=FOLDER)
        try:
            self.last = run_tool(
                "spcc", str(network.model), *network.options, "--out-dir", folder,
                environment={"NUMBA_CACHE_DIR": f"{folder}/kernels"},
            )  # fmt: skip
        finally:
            shutil.rmtree(folder)

    def track_memory(self, name: str) -> dict[str, int]:
        """Peak of the last process, in bytes."""
        assert self.last
        return {"peak": self.last.peak_bytes}


class Scheduling:
    """Bit-Tactical's Algorithm 2 on the shapes of VGG-19's layers, 70 % of the weights zero."""

    params = ("tile", "accel", "pe")
    repeats = 3
    LAYERS = (
        *((9, 3, 64), (9, 64, 64), (9, 64, 128), (9, 128, 128), (9, 128, 256)),
        *((9, 256, 256),) * 3,
        (9, 256, 512),
        *((9, 512, 512),) * 7,
        *((49, 512, 4096), (1, 4096, 4096), (1, 4096, 1000)),
    )
    """Taps, channels and filters."""

    def setup(self, sync: str) -> None:
        """Draw the weights of every unit."""
        import numpy as np
        from spcc.compiler.targets.tct_layers import scheduler_of
        from spcc.isa.targets.tct import TctSpec

        spec, rng = TctSpec(sync=sync), np.random.default_rng(0)
        self.scheduler, self.layers = scheduler_of(spec), []
        for taps, channels, filters in self.LAYERS:
            rows = taps * -(-channels // spec.lanes)
            slots = [
                size
                for first in range(0, filters, spec.warp_filters)
                for size in spec.unit_slots(min(spec.warp_filters, filters - first))
            ]
            units = []
            for size in slots:
                shape = (rows, size, spec.lanes)
                keeps = rng.random(shape, np.float32) >= 0.7
                units.append(keeps * rng.integers(1, 1 << 15, shape, np.int16))
            self.layers.append(units)

    def time_schedule(self, sync: str) -> None:
        """Every layer, on as many threads as there are processors."""
        from spcc.compiler.targets.tct_schedule import schedule_units

        for units in self.layers:
            schedule_units(units, self.scheduler)

    def track_weights(self, sync: str) -> int:
        """Weights that were scheduled, zeros too."""
        return sum(unit.size for units in self.layers for unit in units)


SUITES = (StartUp, Kernels, Compilation, Execution, EndToEnd, Scheduling)
