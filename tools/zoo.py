"""`spcc-zoo`: the networks that the papers evaluate, listed and built."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .cli import run
from .option_types import count, path, seed

if TYPE_CHECKING:
    from ..models.zoo.densities import DensitySet
    from ..models.zoo.measure import Achieved
    from ..models.zoo.names import Choice

DESCRIPTION = "List the networks that the papers evaluate, or build one with seeded weights."
NAME = "NETWORK[.SET][:SPREAD]"


def main(argv: list[str] | None = None) -> int:
    """Run the tool; returns the exit code."""
    args = parser().parse_args(argv)
    return run(lambda: list_names() if args.command == "list" else build_file(args))


def parser() -> argparse.ArgumentParser:
    """The argument parser."""
    p = argparse.ArgumentParser("spcc-zoo", description=DESCRIPTION, allow_abbrev=False)
    commands = p.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="networks, density sets and where these come from")
    build = commands.add_parser(
        "build",
        help="write a network and say how dense its tensors are",
        epilog="flat: every channel of a tensor has its density; beta:K: Beta(K d, K (1 - d))",
        allow_abbrev=False,
    )
    build.add_argument("name", metavar=NAME, help="as `spcc-zoo list` prints it")
    build.add_argument("-o", type=path, dest="output", metavar="F.onnx", help="default: NAME.onnx")
    build.add_argument("--seed", type=seed, default=0, metavar="N", help="of weights and images")
    build.add_argument("--batch", type=count, metavar="N", help="fix the batch (default: open)")
    build.add_argument("--spread", metavar="SPREAD", help="flat (default) or beta:4, over channels")
    build.add_argument("--images", type=path, metavar="F.npz", help="write fresh inputs too")
    build.add_argument("--no-measure", action="store_true", help="do not run fresh images")
    return p


def list_names() -> int:
    """Print every network with its counts and sets, the aliases, and who uses what."""
    from ..models.zoo.densities import aliases, density_sets, uses
    from ..models.zoo.networks import networks

    for network in networks().values():
        macs = network.macs("conv", "fc", "lstm") / 1e6
        weights = sum(node.weight_count for node in network.nodes) / 1e6
        shape = "x".join(map(str, network.input_shape))
        print(f"{network.name}: {network.title}")
        print(f"    input {shape}, {macs:g} M MACs, {weights:g} M weights")
        for known in density_sets().values():
            if known.network is network:
                structure = f" [{known.structure}]" if known.structure else ""
                print(f"    {known.name}{structure}: {known.status}")
    print("also called:", ", ".join(f"{alias} = {name}" for alias, name in aliases().items()))
    print("published figures of:")
    for system, sets in uses().items():
        print(f"    {system}: {', '.join(sets)}")
    return 0


def build_file(args: argparse.Namespace) -> int:
    """Build a network into a file, and print the densities it got beside the published ones.

    Raises:
        FrontendError: The zoo has no such name.
        UsageError: The spread is given twice.
        OSError: A file cannot be written.
    """
    from ..isa.files import replacing
    from ..models import zoo
    from ..models.zoo import measure
    from .outputs import placing

    choice = _choice(args)
    output = args.output or Path(f"{choice.label.replace(':', '-')}.onnx")
    model = zoo.build(choice.label, args.seed, args.batch or "N")
    with placing(output), replacing(output) as temporary:
        temporary.write_bytes(model.SerializeToString(deterministic=True))
    if args.images:
        _write_images(args, choice.densities)
    print(f"{output}: {choice.label}, seed {args.seed}; {choice.densities.status}")
    _print_rows("weights", measure.weight_densities(model, choice.densities))
    if not args.no_measure and choice.densities.targets:
        rows = measure.activation_densities(model, choice.densities, args.seed)
        _print_rows(f"activations, {measure.fresh_count(choice.densities)} fresh images", rows)
    return 0


def _choice(args: argparse.Namespace) -> Choice:
    from ..isa.errors import UsageError
    from ..models.zoo.names import PREFIX, parse

    if args.spread is None:
        return parse(args.name)
    if ":" in args.name.removeprefix(PREFIX):
        raise UsageError(f"'{args.name}' names a spread too", "--spread", "leave one out")
    return parse(f"{args.name}:{args.spread}")


def _write_images(args: argparse.Namespace, densities: DensitySet) -> None:
    """Write inputs that neither weights nor biases have seen, for `spcc --calibration`."""
    import numpy as np

    from ..isa.files import replacing
    from ..models.zoo.images import draw_images
    from .outputs import placing

    arrays = draw_images(densities, args.batch or densities.batch, args.seed)
    with placing(args.images), replacing(args.images) as temporary, temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def _print_rows(title: str, rows: list[Achieved]) -> None:
    width = max(len(row.name) for row in rows)
    print(f"density of {title}")
    for row in rows:
        print(f"    {row.name:{width}}  published {row.wanted:.4f}  here {row.found:.4f}")
    print(f"    largest difference {max(abs(row.found - row.wanted) for row in rows):.4f}")


if __name__ == "__main__":
    sys.exit(main())
