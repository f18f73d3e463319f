"""``python -m compresslab``."""

from __future__ import annotations

__all__ = ["run"]


def run() -> None:
    """Run the command line; Ctrl-C while it is loaded ends it without a trace."""
    try:
        from compresslab.cli import main
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    main()


if __name__ == "__main__":
    run()
