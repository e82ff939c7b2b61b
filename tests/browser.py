"""Opens a page in headless Chromium."""

import shutil
import subprocess
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

QUIET = [
    "disable-background-networking",
    "disable-component-update",
    "disable-sync",
    "no-first-run",
]
FLAGS = ["headless", "no-sandbox", "disable-gpu", *QUIET, "enable-logging=stderr", "dump-dom"]

needs_chromium = pytest.mark.skipif(
    not shutil.which("chromium"), reason="needs chromium, which is not installed"
)


def opened(page: Path, profile: Path) -> tuple[BeautifulSoup, str]:
    """The page as the browser has it, and what it logged; `profile` is an empty folder."""
    options = [f"--{flag}" for flag in FLAGS]
    command = ["chromium", *options, f"--user-data-dir={profile}", page.as_uri()]
    browser = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert browser.returncode == 0
    return BeautifulSoup(browser.stdout, "html.parser"), browser.stderr
