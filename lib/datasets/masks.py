"""Lesion masks among a user's own files: which file is one, and of which film.

A mask lies beside its film as NAME_mask.png, or in a tree of its own below the set's folder: one
named `ground_truth` or `masks`, or those of the entry's key `masks`. There it has its film's name,
with or without `_mask`, and as much of its film's path as tells films of one name apart.
A mask is an image of its film's size, 0 where there is no lesion, and is never studied as a film.
"""

import re
from collections import defaultdict
from pathlib import Path

from lib.datasets.entries import listed

TREES = ("ground_truth", "masks", "mask")
ENDING = re.compile(r"[ _.-](mask|masks|seg|segmentation|gt)(?:[ _.-]?\d+)?$", re.IGNORECASE)


def find_masks(files: list[Path], folder: Path, entry: dict) -> list[Path]:
    """The files below the set's folder that are masks, by their own names or their folders'.

    Endings other than `mask` may be part of a film's name, so they count only beside that film.
    """
    trees = [folder / tree for tree in listed(entry, "masks") or TREES]
    stems = {path.with_suffix("") for path in files}

    def is_mask(path: Path) -> bool:
        ending = ENDING.search(path.stem)
        beside = ending and path.with_name(path.stem[: ending.start()]) in stems
        named = ending and ending[1].lower().startswith("mask")
        return bool(beside or named) or any(path.is_relative_to(tree) for tree in trees)

    return [path for path in files if is_mask(path)]


def masks_of(films: dict[str, str], masks: list[Path]) -> tuple[dict[str, list[Path]], int]:
    """The masks of each image_id, and how many masks have no film or more than one.

    films: path -> image_id.
    """
    by_stem: dict[str, list[Path]] = defaultdict(list)
    for film in films:
        by_stem[Path(film).stem.lower()].append(Path(film))
    drawn: dict[str, list[Path]] = defaultdict(list)
    for mask in masks:
        candidates = by_stem[ENDING.sub("", mask.stem).lower()] or by_stem[mask.stem.lower()]
        nearest = _nearest(mask, candidates)
        if len(nearest) == 1:
            drawn[films[str(nearest[0])]].append(mask)
    return dict(drawn), len(masks) - sum(map(len, drawn.values()))


def _nearest(mask: Path, films: list[Path]) -> list[Path]:
    """The films of a mask's name whose folders agree best with its own, from the last upwards."""
    agreement = [_shared_folders(mask, film) for film in films]
    return [film for film, n in zip(films, agreement, strict=True) if n == max(agreement)]


def _shared_folders(mask: Path, film: Path) -> int:
    """How many folders the two share, counted upwards from the files."""
    pairs = zip(mask.parent.parts[::-1], film.parent.parts[::-1], strict=False)
    number = 0
    for one, other in pairs:
        if one.lower() != other.lower():
            break
        number += 1
    return number
