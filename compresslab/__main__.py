"""``python -m compresslab``."""

from __future__ import annotations

from compresslab.interrupts import leave, listen, speak

__all__ = ["run"]


def run() -> None:
    """Run the command line; Ctrl-C ends it soon, from its first moment on."""
    try:
        listen()
        from compresslab.cli import main

        main()
    except KeyboardInterrupt as stop:
        speak(stop)
        leave()
    except SystemExit as end:
        if end.code == 130:
            leave()
        raise


if __name__ == "__main__":
    run()
