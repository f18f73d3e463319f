"""``python -m compresslab``."""

from __future__ import annotations

from compresslab.interrupts import listen, speak

__all__ = ["run"]


def run() -> None:
    """Run the command line; Ctrl-C ends it within a second, from its first moment on."""
    try:
        listen()
        from compresslab.cli import main
    except KeyboardInterrupt as stop:
        speak(stop)
        raise SystemExit(130) from None
    main()


if __name__ == "__main__":
    run()
