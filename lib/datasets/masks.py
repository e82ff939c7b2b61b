"""Find lesion masks among a user's files, and the film of each.

A mask is next to its film, as NAME_mask.png, or in a folder of masks at any depth below the set's
folder: one named `masks`, `ground_truth` or similar, or those of the entry's key `masks`. There it
has the name of its film, with or without `mask`, and enough of its path to distinguish films of the
same name. A mask is an image of its film's size, 0 where there is no lesion, and is never used as a
film.
"""

import re
from collections import defaultdict
from pathlib import Path

from lib.datasets.entries import listed

FOLDERS = {
    *("mask", "masks", "ground_truth", "groundtruth", "ground-truth", "gt", "labels", "label"),
    *("segmentation", "segmentations", "annotation", "annotations"),
}
IMAGES = {"image", "images", "img", "imgs", "films"}  # folders next to those of masks
SUFFIX = re.compile(r"\.(?:png|jpe?g|tiff?|bmp|dcm)$", re.IGNORECASE)
NUMBER = r"(?:[ _.-]?\d+)?"
MASK = re.compile(rf"[ _.-]*\(?masks?\)?{NUMBER}$|^masks?[ _.-]+", re.IGNORECASE)
#: Words that may be part of a film's name, so that they count only next to that film.
OTHER = re.compile(rf"[ _.-](?:seg|segmentation|gt|label|roi|annotation){NUMBER}$", re.IGNORECASE)


def find_masks(files: list[Path], folder: Path, entry: dict) -> list[Path]:
    """Return the files below the set's folder that are masks, by their names or folders.

    A folder that a class of the entry names does not contain masks, whatever its name.
    """
    trees = [folder / tree for tree in listed(entry, "masks")]
    globs = [glob for key in ("normal", "abnormal", "unlabelled") for glob in listed(entry, key)]
    folders = FOLDERS.difference(part.lower() for glob in globs for part in Path(glob).parts)
    stems = {path.with_suffix("") for path in files}

    def is_mask(path: Path) -> bool:
        below = path.relative_to(folder).parts[:-1]
        next_to_film = OTHER.search(path.stem) and path.with_name(OTHER.sub("", path.stem)) in stems
        in_mask_folder = not folders.isdisjoint(map(str.lower, below)) or any(
            path.is_relative_to(tree) for tree in trees
        )
        return bool(next_to_film or MASK.search(path.stem)) or in_mask_folder

    return [path for path in files if is_mask(path)]


def masks_of(films: dict[str, str], masks: list[Path]) -> tuple[dict[str, list[Path]], int]:
    """Return the masks of each image_id, and how many masks have no film or more than one.

    films: path -> image_id.
    """
    by_stem: dict[str, list[Path]] = defaultdict(list)
    for film in films:
        by_stem[Path(film).stem.lower()].append(Path(film))
    masks_of_film: dict[str, list[Path]] = defaultdict(list)
    for mask in masks:
        candidates = _nearest(mask, _of_its_name(mask, by_stem))
        if len(candidates) == 1:
            masks_of_film[films[str(candidates[0])]].append(mask)
    return dict(masks_of_film), len(masks) - sum(map(len, masks_of_film.values()))


def _of_its_name(mask: Path, films: dict[str, list[Path]]) -> list[Path]:
    """Return the films with a mask's name, without the parts that mark it as a mask if possible."""
    names = (MASK.sub("", mask.stem), OTHER.sub("", mask.stem), mask.stem)
    matches = (films.get(SUFFIX.sub("", name).lower()) for name in names)
    return next(filter(None, matches), [])


def _nearest(mask: Path, films: list[Path]) -> list[Path]:
    """Return the films of a mask's name with the most folders in common, from the last upwards."""
    agreement = [_shared_folders(mask, film) for film in films]
    return [film for film, n in zip(films, agreement, strict=True) if n == max(agreement)]


def _shared_folders(mask: Path, film: Path) -> int:
    """Return how many folders two files share, counted upwards from the files."""
    number = 0
    for one, other in zip(_folders(mask), _folders(film), strict=False):
        if one != other:
            break
        number += 1
    return number


def _folders(path: Path) -> list[str]:
    """Return the folders of a file upwards, without generic names of image and mask folders."""
    names = [part.lower() for part in path.parent.parts[::-1]]
    return [name for name in names if name not in FOLDERS | IMAGES]
