"""Output files appear whole or not at all."""

import errno
import os
import secrets
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Generator[Path]:
    """Give a temporary file in the same folder, and put it in the place of `path` at the end.

    The content is on the disk (fsync) before the name changes. If the body raises, `path` stays
    as it was and the temporary file is removed. A symbolic link is followed. For a device or pipe
    (`/dev/stdout`) the path itself is given: open and write it, never rename onto it.

    Raises:
        OSError: The folder is missing or not writable, or the disk is full; names `path`.
    """
    if Path(path).is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if Path(path).exists() and not Path(path).is_file():
        yield Path(path)
        return
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".spcc-{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        temporary.open("xb").close()
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    try:
        yield temporary
        _sync(temporary)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    with suppress(OSError):  # not every file system can sync a folder
        _sync(target.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
