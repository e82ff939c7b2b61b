"""Synthetic radiographs with exact lesion masks, in the layouts of MURA, NIH and RSNA."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import cv2

from lib import files, processes
from lib.phantoms import cohorts, owners
from lib.phantoms.drawing import draw_twins


def draw(
    folder: Path, films: int | Mapping[str, int] = 700, seed: int = 0, workers: int | None = None
) -> None:
    """Write about `films` films per data set to a new folder; the same seed gives the same bytes.

    `films` may also be {data set: films}. Raises FileExistsError if the folder is not empty.
    """
    folder = Path(folder)
    if folder.exists() and any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty; remove it, or name another folder")
    if not isinstance(films, Mapping):
        films = dict.fromkeys(cohorts.PLANS, films)
    twins = [t for dataset, plan in cohorts.PLANS.items() for t in plan(films[dataset], seed)]
    with files.whole_folder(folder) as unfinished:
        boxes = _draw_all(twins, unfinished, seed, workers)
        for dataset in cohorts.PLANS:
            mine = [t for t in twins if t.dataset == dataset]
            getattr(owners, f"write_{dataset}")(unfinished, mine, boxes)


def _draw_all(
    twins: list[cohorts.Twins], folder: Path, seed: int, workers: int | None
) -> owners.Boxes:
    boxes: owners.Boxes = {}
    task = partial(draw_twins, folder=folder, seed=seed)
    alone = partial(cv2.setNumThreads, 1)  # one core per process
    drawn = processes.each(task, twins, "phantoms", "pair", workers=workers, chunk=8, start=alone)
    for some in drawn:
        boxes |= some
    return boxes
