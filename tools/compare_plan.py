"""What spcc-compare is asked for: targets with their configurations, and the runs that follow."""

from __future__ import annotations

import re
from argparse import Namespace
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from ..isa.errors import UsageError
from .compare_schema import ConfigurationInfo
from .sources import configuration
from .targets import all_targets, find_target


@dataclass(frozen=True)
class Configuration:
    """A machine of the comparison.

    Args:
        label: Its name in the tables.
        target: What `spcc --target` takes: a target's name, perhaps `:VARIANT` behind it.
        file: Its configuration file.
        settings: Parameters of `--set` that are meant for it, later ones win.
        parameters: The effective ones by name.
    """

    label: str
    target: str
    file: Path | None
    settings: tuple[str, ...]
    parameters: dict[str, int | float | str | bool | None]

    @property
    def name(self) -> str:
        """The target's name without the variant."""
        return self.target.partition(":")[0]

    @property
    def words(self) -> tuple[str, ...]:
        """The options of spcc that choose this machine."""
        file = () if self.file is None else (f"--config={self.file}",)
        return (f"--target={self.target}", *file, *(f"--set={text}" for text in self.settings))

    @property
    def info(self) -> ConfigurationInfo:
        """What compare.json says about it."""
        return ConfigurationInfo(
            label=self.label,
            target=self.name,
            variant=self.target.partition(":")[2],
            config=self.parameters,
        )


def configurations(args: Namespace) -> tuple[Configuration, ...]:
    """The machines that `--target`, `--config` and `--set` name, in this order.

    Raises:
        UsageError: An unknown target, a machine named twice, a wrong parameter or file.
    """
    known = all_targets()
    words = split_targets(args.target, known) if args.target else [*known]
    labels = [_label(word) for word in words]
    for label in labels:
        if labels.count(label) > 1:
            hint = "name each once; files of different names tell configurations apart"
            raise UsageError("is there twice", f"--target {label}", hint)
    machines = [_target_and_file(word, args.config) for word in words]
    names = [_names(target, label) for label, (target, _) in zip(labels, machines, strict=True)]
    _check_settings(args.set, {name for each in names for name in each})
    found: list[Configuration] = []
    for label, (target, file), own in zip(labels, machines, names, strict=True):
        settings = _settings_for(args.set, own)
        record = find_target(target)
        try:
            spec = configuration(record, file, settings)
        except UsageError as error:
            raise replace(error, where=f"{label}: {error.where}") from error
        parameters = msgspec.to_builtins(spec)
        found.append(Configuration(label, target, file, settings, parameters))
    return tuple(found)


def find_baseline(text: str | None, machines: Sequence[Configuration]) -> Configuration:
    """The machine that the others are normalised to: the one named, else the first.

    Raises:
        UsageError: It is not among those compared.
    """
    if text is None:
        return machines[0]
    wanted = _label(text)
    for machine in machines:
        if machine.label == wanted:
            return machine
    hint = f"they are {', '.join(machine.label for machine in machines)}"
    raise UsageError(f"'{text}' is not among the targets compared", "--baseline", hint)


def split_targets(texts: Iterable[str], known: Collection[str]) -> list[str]:
    """Split lists of `NAME[:VARIANT][@FILE]` at commas.

    A variant or a file may hold commas: behind `:` or `@` only a comma before a known target's
    name ends it.

    Raises:
        UsageError: A name is empty.
    """
    found: list[str] = []
    for text in texts:
        parts: list[str] = []
        for word in text.split(","):
            is_name = re.split("[:@]", word.strip(), maxsplit=1)[0] in known
            if parts and not is_name and re.search("[:@]", parts[-1]):
                parts[-1] += f",{word}"
            else:
                parts.append(word)
        found += [part.strip() for part in parts]
    if "" in found:
        hint = "names are joined by commas: --target dadiannao,spots"
        raise UsageError("a name is empty", f"--target {','.join(texts)}", hint)
    return found


def _label(word: str) -> str:
    """A machine's name in the tables: of its file, the name alone."""
    target, at, file = word.partition("@")
    return f"{target}@{Path(file).stem}" if at else target


def _target_and_file(word: str, shared: Path | None) -> tuple[str, Path | None]:
    target, at, file = word.partition("@")
    if at and not file:
        raise UsageError("the file is missing", f"--target {word}", "write NAME@FILE.toml")
    return target, Path(file) if at else shared


def _names(target: str, label: str) -> tuple[str, ...]:
    """What may stand before the dot of a setting for this machine, the most special name last."""
    return tuple(dict.fromkeys((target.partition(":")[0], target, label)))


def _check_settings(settings: Iterable[str], names: Collection[str]) -> None:
    for text in settings:
        owner, dot, _ = text.partition("=")[0].rpartition(".")
        if dot and owner not in names:
            hint = f"before the dot stands one of {', '.join(sorted(names))}"
            raise UsageError(f"no target compared is called '{owner}'", f"--set {text}", hint)


def _settings_for(settings: Iterable[str], names: Sequence[str]) -> tuple[str, ...]:
    """The settings that are meant for a machine: for all, for its target, for itself alone."""
    ranked: list[tuple[int, str]] = []
    for text in settings:
        key, equals, value = text.partition("=")
        owner, dot, name = key.rpartition(".")
        if not dot:
            ranked.append((0, text))
        elif owner in names:
            ranked.append((1 + names.index(owner), f"{name}{equals}{value}"))
    return tuple(text for _, text in sorted(ranked, key=lambda each: each[0]))
