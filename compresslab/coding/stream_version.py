"""The versions of what coders write: sections 1 to 4 of docs/format.md. Another number is another coding."""

from __future__ import annotations

from typing import Final

__all__ = ["STREAM_VERSION", "STREAM_VERSIONS"]

STREAM_VERSION: Final = 2
"""What is written. In version 1 rows of few symbols were coded as those of many are."""

STREAM_VERSIONS: Final = (1, 2)
"""What is read."""
