"""Where tools write: missing folders are made, inputs are not overwritten, errors name the file."""

from __future__ import annotations

import errno
from collections.abc import Generator, Iterable
from contextlib import contextmanager, suppress
from pathlib import Path

from ..isa.errors import UsageError


@contextmanager
def placing(path: Path) -> Generator[Path]:
    """Make the folder of a file that the body writes; if it fails, take new folders away again.

    Raises:
        OSError: The folder cannot be made, or the body's error, with the file's name.
    """
    with _folders(path.parent):
        try:
            yield path
        except OSError as error:
            if error.filename is not None and error.filename2 is None:  # no failed rename
                raise
            raise OSError(error.errno, error.strerror, str(path)) from error


@contextmanager
def placing_in(folder: Path) -> Generator[Path]:
    """Make a folder for files that the body writes; if it fails, take it away again if empty.

    Raises:
        OSError: The folder cannot be made, or the body's error, with a file's or the folder's name.
    """
    with placing(folder / "file"):
        yield folder


def refuse_overwriting(outputs: Iterable[Path | None], inputs: Iterable[Path | str | None]) -> None:
    """Refuse to write over what is read.

    Raises:
        UsageError: An output is the same file as an input, or is a folder.
    """
    sources = [Path(source) for source in inputs if source is not None]
    for output in outputs:
        if output is None:
            continue
        for source in sources:
            if _is_same(output, source):
                raise UsageError(
                    f"is read, so it cannot be written as '{output}'",
                    str(source),
                    "give the output another name",
                )


def _is_same(one: Path, other: Path) -> bool:
    with suppress(OSError, ValueError):
        return other.is_file() and one.samefile(other)
    return False


@contextmanager
def _folders(folder: Path) -> Generator[None]:
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException as error:
        for each in missing:
            with suppress(OSError):  # something else came in: it stays
                each.rmdir()
        if isinstance(error, FileExistsError):
            what = "is a file, not a folder"
            raise NotADirectoryError(errno.ENOTDIR, what, error.filename) from error
        raise
