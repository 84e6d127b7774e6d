"""Measure spcc on this machine, against onnxruntime in the same run (`make bench`).

    python bench/run.py [--only NETWORK ...] [--json FILE] [--update]

Writes all measurements to a JSON file, prints them as tables, and compares the simulated cycles
with `expected.json`: exits with 1 if some moved. `--update` takes the new ones over.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import expectations
from processes import ROOT, run
from tables import tables

RESULTS = ROOT / "spcc-out" / "bench.json"
LIBRARIES = ("numpy", "numba", "onnx", "onnxruntime", "xdsl")

Results = dict[str, dict[str, Any]]


def main() -> int:
    """Measure everything."""
    options = arguments()
    started = perf_counter()
    with TemporaryDirectory(prefix="spcc-bench-") as folder:
        os.environ["SPCC_BENCH_FOLDER"] = folder
        os.environ["PYTHONPATH"] = str(ROOT / ".links")
        results = measure(set(options.only))
    document = {
        "commit": commit(),
        "machine": machine(),
        "seconds": round(perf_counter() - started, 1),
        "results": results,
    }
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print("\n".join(tables(document)))
    print(f"\n{document['seconds']} s; all measurements are in {options.json}")
    found = {name: entry["track_simulation"] for name, entry in results["Execution"].items()}
    if options.update:
        expectations.update(found)
    moved = expectations.moves(found, expectations.read())
    if moved:
        print(*moved, "if this is meant, --update and commit expected.json with why", sep="\n")
    return int(bool(moved))


def arguments() -> argparse.Namespace:
    """The command line."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument(
        "--only",
        nargs="+",
        default=[],
        metavar="NETWORK",
        help="these networks (on these targets) only",
    )
    p.add_argument("--json", type=Path, default=RESULTS, metavar="FILE", help=f"default: {RESULTS}")
    p.add_argument("--update", action="store_true", help="write the cycles into expected.json")
    return p.parse_args()


def measure(only: set[str]) -> Results:
    """Run every class of benchmarks with every parameter, each in a process of its own."""
    from networks import NETWORKS
    from suites import SUITES

    chosen = {n.label: n for n in NETWORKS.values() if not only or only & {n.name, n.label}}
    for name in dict.fromkeys(network.name for network in chosen.values()):
        tell(f"build {name}")
        run((sys.executable, "bench/networks.py", name))
    results: Results = {}
    for suite in SUITES:
        results[suite.__name__] = {}
        for parameter in suite.params:
            if parameter in NETWORKS and parameter not in chosen:
                continue
            tell(f"{suite.__name__} {parameter}")
            done = run((sys.executable, "bench/one.py", suite.__name__, parameter))
            results[suite.__name__][parameter] = json.loads(done.output.splitlines()[-1])
    return results


def tell(what: str) -> None:
    """Say on stderr what is being done."""
    print(f"bench: {what}", file=sys.stderr, flush=True)


def commit() -> str:
    """The commit that is measured, marked if files differ from it."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=10"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "no git"


def machine() -> dict[str, Any]:
    """What the numbers were measured on."""
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        if line.startswith("model name")
    ]
    return {
        "processor": names[0] if names else platform.processor(),
        "processors": len(os.sched_getaffinity(0)),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "load_average": os.getloadavg()[2],
        "system": platform.platform(),
        "python": platform.python_version(),
        **{name: version(name) for name in LIBRARIES},
    }


if __name__ == "__main__":
    sys.exit(main())
