"""What all tests share."""

import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings

# `make test` tries the same examples every time: who changes nothing breaks nothing. New ones are
# what `make fuzz` is for.
settings.register_profile("repeatable", derandomize=True)
settings.register_profile("explore", derandomize=False, print_blob=True)
settings.load_profile("repeatable")

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture(scope="session", autouse=True)
def signals_that_end() -> Iterator[None]:
    """Signals end processes, also where the tests were started as a job that ignores some.

    A shell starts background jobs with SIGINT ignored, nohup with SIGHUP; processes inherit that.
    """
    before = {number: signal.getsignal(number) for number in _ENDING}
    for number in _ENDING:
        if before[number] is signal.SIG_IGN:
            default = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
            signal.signal(number, default)
    yield
    for number, action in before.items():
        signal.signal(number, action)
