"""Memory of the page in the browser over many films: python tests/memory_of_reader.py [NUMBER].

It reads phantoms, again and again under other names, on the page that `make reader` built, with up
to four of its detectors, and prints after each 50 films how much memory Chromium takes. That is to
reach a plateau: each answer has its film, pictures and maps, none of which is kept.
"""

import sys
import time
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
from browser import Browser
from test_reader_page import served

from lib import ROOT, files

TOGETHER = 50
LONGEST = 1800  # seconds for so many films
CHOOSE = """document.querySelectorAll("#detectors input:not(:checked, :disabled)").forEach(
  (box) => document.querySelectorAll("#detectors :checked").length < 4 && box.click())"""
#: Whether a condition holds within a minute.
HOLDS = """new Promise((resolve) => {
  const look = (left) => {
    if ((%s) || !left) return resolve(left > 0);
    setTimeout(look, 100, left - 1);
  };
  look(600);
})"""


def measure(window: Browser, films: list[Path]) -> None:
    """Read films; print the memory of the browser's processes, and films/s since the start."""
    _wait(window, '"ready" in document.body.dataset')
    window.value(CHOOSE)
    started = time.perf_counter()
    for start in range(0, len(films), TOGETHER):
        window.choose("#files", films[start : start + TOGETHER])
        count = min(start + TOGETHER, len(films))
        words = f"{count} of {count} files read"
        _wait(window, f"document.getElementById('count').textContent === '{words}'")
        speed = count / (time.perf_counter() - started)
        print(f"{count} films: {_megabytes(window):.0f} MB, {speed:.1f} films/s", flush=True)


def _wait(window: Browser, condition: str) -> None:
    """Wait for a condition on the page: large detectors take minutes for 50 films."""
    end = time.monotonic() + LONGEST
    while not window.value(HOLDS % condition):
        if time.monotonic() > end:
            said = window.value("document.querySelector('main').innerText.slice(0, 2000)")
            raise SystemExit(f"{condition}: not after {LONGEST} s. The page says:\n{said}")


def _megabytes(window: Browser) -> float:
    whole = psutil.Process(window.process.pid)
    return sum(one.memory_full_info().pss for one in (whole, *whole.children(True))) / 2**20


if __name__ == "__main__":
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    kinds = (".png", ".dcm")
    paths = sorted(one for one in (files.BUILD / "phantoms").rglob("*") if one.suffix in kinds)
    with (
        TemporaryDirectory() as profile,
        TemporaryDirectory() as folder,
        served(ROOT / "reports/reader") as address,
    ):
        links = []
        for n, path in enumerate(islice(cycle(paths), number)):
            links.append(Path(folder) / f"{n}{path.suffix}")
            links[-1].symlink_to(path)
        window = Browser(Path(profile))
        window.open(address)
        measure(window, links)
        window.close()
