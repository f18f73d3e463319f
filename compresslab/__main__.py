"""``python -m compresslab``."""

from __future__ import annotations

from compresslab._support.interrupts import exit_code, leave, listen, speak
from compresslab._support.streams import mend_streams

__all__ = ["run"]


def run() -> None:
    """Run the command line; Ctrl-C ends it soon, from its first moment on."""
    mend_streams()  # before anything else is opened
    try:
        listen()
        from compresslab.cli.main import main

        main()
    except KeyboardInterrupt as stop:
        speak(stop)
        leave()
    except SystemExit as end:
        if end.code == exit_code():
            leave()
        raise


if __name__ == "__main__":
    run()
