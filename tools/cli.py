"""What every console script shares: errors become sentences and exit codes (docs/cli.md)."""

from __future__ import annotations

import errno
import io
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Collection, Generator
from contextlib import contextmanager, suppress
from dataclasses import replace
from time import monotonic, sleep
from types import FrameType
from typing import TextIO

from ..isa.errors import (
    FrontendError,
    MismatchError,
    PassError,
    ProgramError,
    SpccError,
    TrapError,
    UnsupportedError,
    UsageError,
)
from .memory import bounded_memory

EXIT_INPUT, EXIT_USAGE, EXIT_UNSUPPORTED, EXIT_MISMATCH, EXIT_BUG = 1, 2, 3, 4, 70
EXIT_INTERRUPTED = 130

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C, `kill` and `timeout`, the terminal closing."""
_CLEAN_UP_SECONDS, _LIBRARY_SECONDS = 5.0, 10.0
_END = b"\0"  # the wake-up descriptor writes signal numbers, which begin at 1
_AGAIN, _AGAIN_SECONDS = 128, 0.01  # added to a number: no signal has one as large
_ELSEWHERE = "choose another place with -o or --out-dir"
_HINTS = {
    errno.EACCES: f"check the permissions, or {_ELSEWHERE}",
    errno.EEXIST: f"a file of that name is in the way: {_ELSEWHERE}",
    errno.EISDIR: "give a file, not a folder",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ENOENT: "check the name; the folder must exist",
    errno.ENOSPC: f"free some space, or {_ELSEWHERE}",
    errno.ENOTDIR: f"a file is in the place of a folder: {_ELSEWHERE}",
    errno.EPERM: f"check the permissions, or {_ELSEWHERE}",
    errno.EROFS: _ELSEWHERE,
}
_FALLBACKS: dict[type[SpccError], str] = {
    FrontendError: "export the model again; onnx.checker.check_model may tell more",
    PassError: "start again from the model, or from a file that --dump-ir wrote",
    ProgramError: "compile the model again",
    TrapError: "compile the model again",
    UnsupportedError: "spcc --list-ops shows what runs; leave this part out of the model",
    UsageError: "--help lists the options",
}
"""What to do where an error itself has no hint."""


def run(body: Callable[[], int], *, debug: bool = False) -> int:
    """Run a tool's main body and turn what it raises into an exit code.

    Args:
        body: What to run.
        debug: Show the traceback of errors that are not bugs too.

    Returns:
        0 done, 1 the input is at fault, 2 usage, 3 unsupported, 4 outputs differ from the
        reference, 70 a bug of ours (with traceback), 130 interrupted.
    """
    _prepare_streams()
    try:
        with _interruptible(), bounded_memory():
            code = body()
            sys.stdout.flush()
            return code
    except SpccError as error:
        if debug:
            traceback.print_exc()
        hinted = error if error.hint else replace(error, hint=_FALLBACKS.get(type(error), ""))
        return _refuse(f"{hinted}", exit_code(error))
    except KeyboardInterrupt:
        return _refuse("interrupted; no partial file was left", EXIT_INTERRUPTED)
    except OSError as error:
        # A missing file, a full disk, a folder without permission: the environment, not a bug.
        if debug:
            traceback.print_exc()
        return _system_error(error)
    except MemoryError as error:
        detail = f" ({error})" if str(error) else ""
        return _refuse(f"out of memory{detail}\n  hint: use a smaller batch or shape", EXIT_INPUT)
    except Exception:
        traceback.print_exc()
        return _refuse("this is a bug in spcc; please report the lines above", EXIT_BUG)


def exit_code(error: SpccError) -> int:
    """The exit code of an error kind."""
    match error:
        case UsageError():
            return EXIT_USAGE
        case UnsupportedError():
            return EXIT_UNSUPPORTED
        case MismatchError():
            return EXIT_MISMATCH
        case _:
            return EXIT_INPUT


def _refuse(sentence: str, code: int) -> int:
    """Say what is wrong, if anybody listens."""
    try:
        print(f"error: {sentence}", file=sys.stderr, flush=True)
    except OSError:
        _mute(sys.stderr)
    return code


def _system_error(error: OSError) -> int:
    try:
        sys.stdout.flush()
    except OSError:
        _mute(sys.stdout)
    if isinstance(error, BrokenPipeError) and error.filename is None:
        return EXIT_INPUT  # `| head` has seen enough: nothing to say
    place = error.filename or "standard output"  # our files have names
    hint = _HINTS.get(error.errno or 0, "")
    text = f"{place}: {error.strerror or error}"
    return _refuse(f"{text}\n  hint: {hint}" if hint else text, EXIT_INPUT)


def _prepare_streams() -> None:
    """Make the standard streams safe to write to.

    A stream that the caller closed becomes /dev/null: else the next file opened, perhaps the
    program, would get its number and what libraries print. Names that the terminal's encoding
    lacks are escaped.
    """
    if None in (sys.stdin, sys.stdout, sys.stderr):
        while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
            pass
        os.close(descriptor)
        for name in ("stdin", "stdout", "stderr"):
            if getattr(sys, name) is None:
                mode = "r" if name == "stdin" else "w"
                setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _mute(stream: TextIO) -> None:
    """Point a stream that nobody reads to nowhere, so that Python does not fail on it at exit."""
    with suppress(OSError, ValueError):
        number = stream.fileno()
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, number)
        os.close(null)


@contextmanager
def _interruptible() -> Generator[None]:
    """Let SIGTERM and SIGHUP do what SIGINT does: unwind, so that temporary files are removed.

    The same signal again does not disturb the unwinding, unless that takes long. A signal that is
    ignored (nohup, background jobs) stays so.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    first: list[float] = []
    latest = [int(signal.SIGINT)]
    seen = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        del frame
        seen.set()
        latest[:] = [number]
        now = monotonic()
        if not first or now - first[0] > _CLEAN_UP_SECONDS:
            first[:] = [now]
            raise KeyboardInterrupt

    old = {number: signal.getsignal(number) for number in _SIGNALS}
    caught = [number for number, action in old.items() if action not in (signal.SIG_IGN, None)]

    def lost() -> int:
        first.clear()
        return latest[0]

    with _watched(caught, seen) as writer, _kept(writer, lost):
        try:
            for number in caught:
                signal.signal(number, stop)
            yield
        finally:
            for number in caught:
                signal.signal(number, old[number])


@contextmanager
def _kept(writer: int, lost: Callable[[], int]) -> Generator[None]:
    """Send a signal again when its exception rose where Python drops exceptions.

    That is in a finaliser or a callback, which a garbage collection may run at any time.

    Args:
        writer: Where the thread of `_watched` listens.
        lost: Makes the handler raise anew; returns the signal.
    """
    report = sys.unraisablehook

    def again(dropped: sys.UnraisableHookArgs) -> None:
        if isinstance(dropped.exc_value, KeyboardInterrupt):
            os.write(writer, bytes([_AGAIN + lost()]))
        else:
            report(dropped)

    sys.unraisablehook = again
    try:
        yield
    finally:
        sys.unraisablehook = report


@contextmanager
def _watched(numbers: Collection[int], seen: threading.Event) -> Generator[int]:
    """End the process when a signal stays unseen: Python handles it after the library's call.

    Args:
        numbers: The signals.
        seen: Set by their handler.

    Yields:
        A descriptor: a signal's number + 128 written there sends it again a moment later.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)

    def watch() -> None:
        while (byte := os.read(reader, 1)) != _END:
            if byte[0] >= _AGAIN:
                sleep(_AGAIN_SECONDS)  # until the callback has returned
                os.kill(os.getpid(), byte[0] - _AGAIN)
            elif byte[0] in numbers and not seen.wait(_LIBRARY_SECONDS):
                os.write(2, b"error: interrupted in the middle of a library's call\n")
                os._exit(EXIT_INTERRUPTED)

    watcher = threading.Thread(target=watch, daemon=True, name="signals")
    watcher.start()
    before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    try:
        yield writer
    finally:
        signal.set_wakeup_fd(before)
        os.write(writer, _END)
        watcher.join()
        os.close(reader)
        os.close(writer)
