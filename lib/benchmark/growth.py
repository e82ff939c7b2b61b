"""What grows with the number of films: how long DVC looks at them, and memory."""

import math
import re
import subprocess
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ruamel.yaml import YAML

from lib import ROOT, floors, processes
from lib.benchmark import table, timing

MANY = 112_120  # films of NIH ChestX-ray14
FEW, MORE = 10_000, 40_000  # films of fits whose memory is compared
SIDE = 64  # pixels


def rows() -> list[dict]:
    """Return rows of the table: `dvc status` with nothing to do, floors, and the memory of fits."""
    of_floors, gb = alone(partial(_floors_of, MANY))
    fits = {films: alone(partial(_fit_on, films)) for films in (FEW, MORE)}
    least = fits[FEW][1]
    return [
        *nothing_to_do(),
        table.row("floors", f"{MANY:,} films", films_per_s=MANY / of_floors, memory_gb=gb),
        *(
            table.row(
                "memory of a fit",
                f"autoencoder, {films:,} films on disk",
                films_per_s=films / seconds,
                memory_gb=gb,
                ratio=gb / least,
                ratio_to=f"{FEW:,} films",
            )
            for films, (seconds, gb) in fits.items()
        ),
    ]


def nothing_to_do(many: int = MANY) -> list[dict]:
    """Measure `dvc status`, which looks at what `dvc repro` looks at and runs nothing.

    Of the study as it is now, and of a folder of links to films, as `make data FROM=` makes it.
    """
    with tempfile.TemporaryDirectory() as folder:
        _link_films(Path(folder), many)
        of_links = _status(Path(folder))
    return [
        table.row("nothing to do", "the study of now", seconds=_status(ROOT)),
        table.row("nothing to do", f"links to {many:,} films", seconds=of_links),
    ]


def alone(work: Callable[[], Any]) -> tuple[float, float]:
    """Do some work in a new process; return the seconds it took, and the peak memory in GB."""
    with processes.pool(1) as one:
        return one.submit(_measured, work).result()


def _measured(work: Callable[[], Any]) -> tuple[float, float]:
    seconds = timing.seconds(work)
    # Of this process alone: `ru_maxrss` starts with what the process had that started it.
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return seconds, int(peak[1]) / 1e6 if peak else math.nan


def _floors_of(number: int) -> None:
    """Compute the floors of noise, a third of it normal training films and half of it scored."""
    place = np.arange(number)
    words = {"view": np.where(place % 2, "AP", "PA"), "body_part": "chest", "sex": "F"}
    index = pd.DataFrame({"width": 1024.0, "height": 1024.0, "age": place % 90, **words})
    with tempfile.TemporaryDirectory() as folder:
        films = _noise(Path(folder), number)
        facts = floors.covariates(index, films)
        floors.pixel_detectors(films, place[::3], place[::2])
        floors.shortcuts(facts, pd.Series(place % 5 < 1, dtype=float).where(place % 2 > 0))


def _fit_on(number: int) -> None:
    """Train an autoencoder for one epoch on noise that it reads from disk."""
    from lib.methods.autoencoder import Autoencoder
    from lib.preprocessing.network_input import Films

    with tempfile.TemporaryDirectory() as folder:
        films = Films(_noise(Path(folder), number))
        Autoencoder(image_size=SIDE).fit(films, epochs=1, verbose=0)


def _noise(folder: Path, number: int) -> np.ndarray:
    """Write films of noise, uint8 (n, s, s), and return them as they are read in the study."""
    films = np.lib.format.open_memmap(folder / "films.npy", "w+", np.uint8, (number, SIDE, SIDE))
    random = np.random.default_rng(0)
    for some in np.array_split(films, 100):
        some[:] = random.integers(0, 256, some.shape, np.uint8)
    films.flush()
    return np.load(folder / "films.npy", mmap_mode="r")


def _link_films(folder: Path, number: int) -> None:
    """Make a repository of DVC with one stage, `data`, whose films are links, and run it."""
    for place in range(number):
        film = folder / f"films/{place // 10_000:02}/{place}.png"
        link = folder / "data" / film.relative_to(folder / "films")
        if not place % 10_000:
            film.parent.mkdir(parents=True)
            link.parent.mkdir(parents=True)
        film.write_text(str(place))
        link.symlink_to(film)
    outs = [{"data": {"cache": False, "persist": True}}]
    graph = {"stages": {"data": {"cmd": "true", "outs": outs}}}
    YAML(typ="safe").dump(graph, folder / "dvc.yaml")
    (folder / ".dvcignore").write_text("/films/\n")  # in the study they are elsewhere
    for command in (["init", "--quiet", "--no-scm"], ["repro", "--quiet"]):
        subprocess.run(["dvc", *command], cwd=folder, check=True)


def _status(folder: Path) -> float:
    """Return the seconds of `dvc status`, the least of three."""
    command = ["dvc", "status", "--quiet"]  # which ends with 1 where something has changed
    look = partial(subprocess.run, command, cwd=folder, check=False, capture_output=True)
    return min(timing.seconds(look) for _ in range(3))
