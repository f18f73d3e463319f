"""What all tests share: how processes take warnings, and how a command is run."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Let the processes that tests start take warnings as the tests do: pytest's own filters end at its process.

    And tests run side by side: one thread each, since threads of torch that wait for each other use up the cores.
    """
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    filters = [*config.getini("filterwarnings"), *(config.getoption("pythonwarnings") or ())]
    os.environ["PYTHONWARNINGS"] = ",".join(filters)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str, str]]:
    """Run a command as its exit code, what it printed, and what it said on standard error."""
    from compresslab.cli import main

    # On a busy machine, small work may take longer than the two seconds after which progress is shown.
    monkeypatch.setattr("compresslab.report.progress._PATIENCE", 600.0)

    def call(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stop:
            main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return int(stop.value.code or 0), out, err

    return call
