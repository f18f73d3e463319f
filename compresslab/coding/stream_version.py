"""The versions of what coders write: sections 1 to 4 of docs/format.md. Another number is another coding."""

from __future__ import annotations

from typing import Final

__all__ = ["FIXED_STEPS", "ROW_VERSIONS", "STREAM_VERSION", "STREAM_VERSIONS"]

STREAM_VERSION: Final = 2
"""What is written, but for networks. In version 1 rows of few symbols were coded as those of many are."""

FIXED_STEPS: Final = 3
"""What is written for networks: rows as in version 2, from steps of one shape, in kernels that repeat themselves."""

STREAM_VERSIONS: Final = (1, 2, 3)
"""What is read."""

ROW_VERSIONS: Final = (1, 2)
"""In how many ways rows are coded."""
