"""A signal ends a tool wherever its exception rises."""

import os
import signal
import sys
import time

import pytest
from spcc.tools import cli


class _Signals:
    """Sends this process a signal while it is finalised: Python drops what rises there."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __del__(self) -> None:
        os.kill(os.getpid(), self.number)
        for _ in range(1000):  # Python runs the handler between bytecodes
            pass


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_in_a_finaliser(number: int, capfd: pytest.CaptureFixture[str]) -> None:
    passed: list[str] = []

    def body() -> int:
        victim = _Signals(number)
        del victim
        passed.append("finaliser")
        end = time.monotonic() + 20
        while time.monotonic() < end:
            pass
        return 0

    assert cli.run(body) == cli.EXIT_INTERRUPTED
    assert passed == ["finaliser"]
    assert "Traceback" not in capfd.readouterr().err


def test_other_dropped_exceptions_are_still_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    reported: list[str] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda e: reported.append(str(e.exc_value)))

    class Fails:
        def __del__(self) -> None:
            raise RuntimeError("dropped")

    def body() -> int:
        Fails()
        return 0

    assert cli.run(body) == 0
    assert reported == ["dropped"]
