"""Read any folder of films, whose classes are given by globs in params/datasets.yaml.

The finding of a film is the class named by its glob, never the name of a folder or file, which in
an export often contains a patient's name.
"""

import re
import unicodedata
import warnings
from collections import Counter
from pathlib import Path, PurePosixPath

import pandas as pd

from lib.datasets.entries import listed
from lib.datasets.film_files import is_film_name
from lib.datasets.listing import Listing, digest, files_below, is_visible, matching
from lib.datasets.masks import IMAGES, find_masks, masks_of
from lib.errors import BadData

UNREAD_SUFFIXES = {  # files that are not read; they are counted by suffix
    *(".npy", ".npz", ".nii", ".gz", ".mha", ".mhd", ".nrrd", ".heic", ".heif", ".jxl"),
    *(".pdf", ".svg", ".eps", ".psd", ".raw", ".img", ".zip", ".tar", ".rar", ".7z"),
}
VALIDATION = {"val", "valid", "validation", "dev"}
CLASSES = {"normal": 0.0, "abnormal": 1.0, "unlabelled": float("nan")}


def read(folder: Path, entry: dict) -> Listing:
    """List the films that match `normal`, `abnormal` and `unlabelled`. Raises BadData."""
    files = files_below(folder)
    masks = find_masks(list(filter(is_film_name, files)), folder, entry)
    classes = _classes(folder, entry, set(masks))
    test = _test(folder, entry, set(masks), set(classes))
    films = pd.DataFrame(
        [_film(path, folder, entry, *classes[path], path in test) for path in sorted(classes)]
    )
    counts = _counts(files, set(classes), set(masks))
    lesion_masks, unmatched = masks_of(
        dict(zip(films["path"], films["image_id"], strict=True)), masks
    )
    counts |= {"left out: masks without a film": unmatched} if unmatched else {}
    held_out = sum(
        not VALIDATION.isdisjoint(_folders(path, folder)) for path in set(classes) - test
    )
    counts |= {"in a folder for validation, split with the others": held_out} if held_out else {}
    return Listing(films, counts, masks=lesion_masks)


def _film(path: Path, folder: Path, entry: dict, key: str, finding: str, in_test_list: bool):
    """Return the row of one film."""
    relative = path.relative_to(folder).as_posix()
    image_id = digest(relative)  # the file name may contain a patient's name
    patient, study = (
        _named(relative, entry, name, needed=key != "unlabelled") for name in ("patient", "study")
    )
    return {
        "image_id": image_id,
        "path": str(path),
        "patient_id": patient,
        "study_id": f"{patient}/{study}" if study else image_id,
        "body_part": entry.get("body_part", ""),
        "view": entry.get("view", ""),
        "finding": finding,
        "label": CLASSES[key],
        "in_test_list": in_test_list,
    }


def _classes(folder: Path, entry: dict, masks: set[Path]) -> dict[Path, tuple[str, str]]:
    """Return the key and the finding of each film. Raises BadData if a film has two classes."""
    globs: dict[Path, tuple[str, str]] = {}
    for key in CLASSES:
        for glob, paths in _matched(folder, entry, key, masks).items():
            for path in sorted(paths):
                other, first = globs.setdefault(path, (key, glob))
                if other != key:
                    raise BadData(
                        f"{path} is both {other} and {key}: correct the globs of "
                        f"params/datasets.yaml; `{other}: {first}/*{path.suffix}` would leave out "
                        "what lies in folders below."
                    )
    return {path: (key, finding_of(glob, key)) for path, (key, glob) in globs.items()}


def _test(folder: Path, entry: dict, masks: set[Path], films: set[Path]) -> set[Path]:
    """Return the films of the test list. Raises BadData if `test` has no film of a class."""
    test = set().union(*_matched(folder, entry, "test", masks).values())
    if test and not test & films:
        raise BadData(
            f"`test: {', '.join(listed(entry, 'test'))}` has no film of a class below {folder}: "
            "make the globs of the classes match the test films too, as `*/healthy`."
        )
    return test


def _folders(path: Path, folder: Path) -> set[str]:
    return set(map(str.lower, path.relative_to(folder).parts[:-1]))


def _matched(folder: Path, entry: dict, key: str, masks: set[Path]) -> dict[str, set[Path]]:
    """Return the films of each glob of a key: files that match, and files below matching folders.

    Raises BadData if no glob matches a film; warns if one of several does not.
    """
    matched: dict[str, set[Path]] = {}
    for glob in listed(entry, key):
        try:
            spellings = [unicodedata.normalize(form, glob) for form in ("NFC", "NFD")]
            paths = set().union(*(matching(folder, form) for form in {glob, *spellings}))
        except (ValueError, NotImplementedError, IndexError, re.error):
            raise BadData(
                f"params/datasets.yaml: `{key}: {glob}` is not a glob: name a folder, or files as "
                "`*.png`."
            ) from None
        visible = [path for path in paths if all(map(is_visible, path.relative_to(folder).parts))]
        files = [file for path in visible for file in _files(path)]
        matched[glob] = {file for file in files if is_film_name(file)} - masks
    others = any(matched.values())
    problems = [
        _without_films(folder, key, glob, others) for glob, films in matched.items() if not films
    ]
    if problems and len(problems) == len(matched):
        raise BadData(problems[0])
    for sentence in problems:
        warnings.warn(sentence, stacklevel=2)
    return matched


def _files(path: Path) -> list[Path]:
    return files_below(path) if path.is_dir() else [path]


def _without_films(folder: Path, key: str, glob: str, others: bool) -> str:
    """Describe a glob without films; `others`: whether other globs of its key have some."""
    names = sorted(
        path.name for path in folder.iterdir() if path.is_dir() and is_visible(path.name)
    )
    folders = f"its folders are {', '.join(names[:8])}" if names else "it has no folders"
    remedy = {"abnormal": "; leave `abnormal` out to study only normal films"}.get(key, "")
    if others:
        remedy = f"; correct it, or remove it from `{key}`"
    if glob in names:
        return f"`{key}: {glob}` contains no film in {folder}: put films there, or correct `{key}`."
    if similar := [name for name in names if name.lower() == glob.lower()]:
        remedy = f"; write `{key}: {similar[0]}`"
    return f"`{key}: {glob}` matches no film below {folder}: {folders}{remedy}."


def finding_of(glob: str, key: str) -> str:
    """Return the class that a glob names: its last part that is not a pattern of files.

    Only words of the entry are used, so that the name of a folder never becomes a finding.
    """
    parts = [
        part
        for part in PurePosixPath(glob).parts
        if re.search(r"\w", re.sub(r"\[.*?\]", "", part))
        and not re.search(r"[*?\]].*\.", part)
        and part.lower() not in IMAGES
    ]
    return parts[-1] if parts else key


def _counts(files: list[Path], films: set[Path], masks: set[Path]) -> dict[str, int]:
    """Return the numbers of films, of films without a class, and of files that are not read."""
    other_files = [path for path in files if path not in films | masks]
    unclassified = sum(map(is_film_name, other_files))
    suffixes = Counter(path.suffix.lower() for path in other_files if not is_film_name(path))
    named = sorted(suffixes.keys() & UNREAD_SUFFIXES)
    others = sum(suffixes.values()) - sum(suffixes[name] for name in named)
    return {
        "films listed": len(films) + unclassified,
        "left out: neither class": unclassified,
        **{f"left out: {name} files, which are not read": suffixes[name] for name in named},
        **({"left out: files that are not films": others} if others else {}),
    }


def _named(relative: str, entry: dict, key: str, needed: bool) -> str:
    """Match `patient` or `study` in a file's name or, if it contains a /, in its path.

    Return its first group, or the whole match if it has no group; "" without the key or a match.
    Raises BadData if a match is `needed`.
    """
    if key not in entry:
        return ""
    expression = re.compile(entry[key])
    match = expression.search(relative if "/" in entry[key] else PurePosixPath(relative).name)
    name = match and match[min(1, expression.groups)]
    if not name and needed:
        raise BadData(
            f"params/datasets.yaml: `{key}: {entry[key]}` does not match the names of some "
            f"films: make it match all names, or leave `{key}` out, with one {key} per film."
        )
    return name or ""
