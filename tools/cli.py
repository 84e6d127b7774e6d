"""What every console script shares: errors become sentences and exit codes (docs/cli.md)."""

import sys
import traceback
from collections.abc import Callable

from ..isa.errors import MismatchError, SpccError, UnsupportedError, UsageError

EXIT_INPUT, EXIT_USAGE, EXIT_UNSUPPORTED, EXIT_MISMATCH, EXIT_BUG = 1, 2, 3, 4, 70
EXIT_INTERRUPTED = 130


def run(body: Callable[[], int], *, debug: bool = False) -> int:
    """Run a tool's main body and turn what it raises into an exit code.

    Args:
        body: What to run.
        debug: Show the traceback of errors that are not bugs too.

    Returns:
        0 done, 1 the input is at fault, 2 usage, 3 unsupported, 4 outputs differ from the reference,
        70 a bug of ours (with traceback), 130 interrupted.
    """
    try:
        return body()
    except SpccError as error:
        if debug:
            traceback.print_exc()
        print(f"error: {error}", file=sys.stderr)
        return exit_code(error)
    except KeyboardInterrupt:
        print("interrupted; no partial file was left", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        return EXIT_INPUT
    except OSError as error:
        # A missing file, a full disk, a folder without permission: the environment, not a bug.
        print(f"error: {error.filename or 'system'}: {error.strerror or error}", file=sys.stderr)
        return EXIT_INPUT
    except MemoryError:
        print("error: out of memory\n  hint: use a smaller batch or shape", file=sys.stderr)
        return EXIT_INPUT
    except Exception:
        traceback.print_exc()
        print("error: this is a bug in spcc; please report the lines above", file=sys.stderr)
        return EXIT_BUG


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
