"""Names of the zoo: NETWORK[.SET][:SPREAD], aliases, and what to say about wrong ones."""

from dataclasses import dataclass

from ...isa.errors import FrontendError
from .densities import DensitySet, aliases, density_sets
from .networks import networks

PREFIX = "zoo:"
FILE_SUFFIXES = ("onnx", "mlir", "spx")
FLAT = 0.0
"""The concentration that stands for no spread at all."""


@dataclass(frozen=True)
class Choice:
    """A density set, and how the densities of a tensor's channels spread around its mean.

    Args:
        densities: The set.
        concentration: K of Beta(K d, K (1 - d)) for channels of mean density d, or FLAT: every
            channel has the mean.
    """

    densities: DensitySet
    concentration: float = FLAT

    @property
    def label(self) -> str:
        """The full name: NETWORK.SET:SPREAD."""
        spread = f"beta:{self.concentration:g}" if self.concentration else "flat"
        return f"{self.densities.name}:{spread}"


def names() -> tuple[str, ...]:
    """Every NETWORK.SET, then the aliases."""
    return (*density_sets(), *aliases())


def knows(name: str) -> bool:
    """Whether a name means the zoo: its network does, whatever the set and spread behind it.

    A misspelt set is ours too, to be answered with the right ones; `lenet5.onnx` is a file.
    """
    stem = name.removeprefix(PREFIX).split(":")[0]
    if name.startswith(PREFIX) or stem in aliases():
        return True
    network, _, which = stem.partition(".")
    return network in networks() and which not in FILE_SUFFIXES


def parse(name: str) -> Choice:
    """Read NETWORK, NETWORK.SET or an alias, with :flat or :beta:K behind it.

    A network alone stands for its first set.

    Raises:
        FrontendError: There is no such network, set or spread.
    """
    stem, _, spread = name.removeprefix(PREFIX).partition(":")
    sets = density_sets()
    first = next((known for known in sets if known.split(".")[0] == stem), stem)
    known = aliases().get(stem, first)
    if known not in sets:
        raise FrontendError(_unknown(stem), hint=_hint(stem))
    return Choice(sets[known], parse_spread(spread or "flat"))


def parse_spread(text: str) -> float:
    """Read `flat` or `beta:K`, K above 0, and return the concentration.

    Raises:
        FrontendError: It is neither.
    """
    if text == "flat":
        return FLAT
    kind, _, number = text.partition(":")
    try:
        concentration = float(number)
    except ValueError:
        concentration = FLAT
    if kind != "beta" or not 0 < concentration <= 1e6:
        raise FrontendError(f"no spread of densities is called '{text}'", hint="flat, or beta:4")
    return concentration


def _unknown(stem: str) -> str:
    network, dot, which = stem.partition(".")
    if dot and network in networks():
        return f"network '{network}' of the zoo has no density set '{which}'"
    return f"no network of the zoo is called '{stem}'"


def _hint(stem: str) -> str:
    network = stem.partition(".")[0]
    near = [name for name in density_sets() if name.split(".")[0] == network]
    return f"the names are {', '.join(near or names())}"
