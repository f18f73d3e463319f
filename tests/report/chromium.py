"""A headless Chromium, where there is one: it runs a page without network and gives back what the page became."""

from __future__ import annotations

import re
import shutil
import subprocess
from html import unescape
from pathlib import Path

import pytest

_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--virtual-time-budget=20000",
)  # fmt: skip


def chromium() -> str:
    """Return the browser's program, or skip the test."""
    for name in ("chromium", "chromium-browser", "google-chrome", "chrome"):
        if found := shutil.which(name):
            return found
    pytest.skip("needs a Chromium or Chrome on the PATH: none is installed")


def dump_dom(page: Path, profile: Path) -> str:
    """Return the page's document after its scripts ran."""
    done = subprocess.run(
        [chromium(), *_FLAGS, f"--user-data-dir={profile}", "--dump-dom", page.as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    return done.stdout


def text_of(dom: str, element: str) -> str:
    """Return the text of the element with this id."""
    found = re.search(rf'id="{element}"[^>]*>(.*?)</', dom, flags=re.DOTALL)
    assert found, f"no element {element}"
    return unescape(found.group(1))
