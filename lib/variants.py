"""The variants of ablations, as params/study.yaml declares them.

A variant is a set of parameters that replace those of the method's entry in the profile, as
`{labels: none}` or `{as_published: true}`, or a preparation of films, as
`{images: {equalize: none}}`, or a training on phantoms, as `{phantoms: alone}`. A `name` in it is
its name on pages.
"""

import re
from collections.abc import Mapping
from contextlib import suppress

from lib import params
from lib.errors import BadData

NO_VARIANT = "default"  # the folder of fits without a variant
NEEDED = ("question", "datasets", "methods", "seeds", "variants")  # of an ablation
OPTIONAL = ("axis", "above", "below", "contrasts")  # keys that it may have


def entries() -> dict[str, dict]:
    """Return the entries of the selected grid's ablations by name, unchecked."""
    return params.read("study")["grid"].get("ablations") or {}


def checked(name: str, entry: dict) -> dict:
    """Return an ablation's entry. Raises BadData if it is incomplete or cannot be read."""
    where = f"The ablation {name} of params/study.yaml"
    if missing := [key for key in NEEDED if key not in (entry or {})]:
        raise BadData(f"{where} has no {', '.join(missing)}: it needs {', '.join(NEEDED)}.")
    if unknown := sorted(entry.keys() - {*NEEDED, *OPTIONAL}):
        raise BadData(f"{where} has an unknown key {unknown[0]!r}: use {', '.join(OPTIONAL)}.")
    if not all(isinstance(entry[key], list) for key in NEEDED[1:]):
        raise BadData(f"{where} needs lists of {', '.join(NEEDED[1:])}, as [0, 1, 2].")
    if not all(type(seed) is int for seed in entry["seeds"]):
        raise BadData(f"{where} has seeds that are not whole numbers: write them as [0, 1, 2].")
    for pair in entry.get("contrasts") or []:
        if not (isinstance(pair, list) and len({*pair} & {*entry["methods"]}) == len(pair) == 2):
            raise BadData(f"{where} has a contrast {pair!r}: write two of its methods, as [a, b].")
    empty = [key for key in ("methods", "seeds", "variants") if not entry[key]]
    if entry["datasets"] and (empty or len(named(entry["variants"])) < len(entry["variants"])):
        raise BadData(f"{where} needs methods, seeds, and variants that all differ.")
    return entry


def changes() -> dict[str, dict]:
    """Return the changed parameters of each variant by name, those of the selected grid first.

    They are shared by all callers, who do not change them. Raises BadData where two variants of the
    selected grid share a name or a folder.
    """
    of_names: dict[str, dict] = {}
    folders: dict[str, str] = {}
    study = params.shared("study")  # not copied, as this is asked for each of thousands of fits
    for entry in (study["grid"].get("ablations") or {}).values():
        for variant, change in named((entry or {}).get("variants") or []).items():
            other = folders.setdefault(folder(variant).casefold(), variant)
            if of_names.setdefault(other, change) != change:
                raise BadData(
                    f"params/study.yaml has two variants {variant!r} that change different "
                    "parameters: give one of them another `name`."
                )
            of_names[variant] = change
    for grid in study["grids"].values():
        for entry in (grid.get("ablations") or {}).values():
            with suppress(BadData):  # of a grid that is not selected
                of_names = named((entry or {}).get("variants") or []) | of_names
    return of_names


def named(variants: list[dict]) -> dict[str, dict]:
    """Return variants without their `name`, by their name on pages. Raises BadData."""
    named = {}
    for change in variants:
        try:
            name = variant_name(change)
            place = folder(name)
        except (TypeError, ValueError, KeyError, AttributeError):
            place = ""
        if place.casefold() in ("", NO_VARIANT):
            raise BadData(
                f"params/study.yaml has a variant {change!r} that cannot be read or named: write "
                "parameters as {labels: none}, with a `name` in letters if you give one."
            )
        named[name] = {key: change[key] for key in change if key != "name"}
    return named


def folder(variant: str) -> str:
    """Return the name of a variant without characters that a file system may reject."""
    return re.sub(r"[^\w.=-]+", "-", variant).strip("-.")


def variant_name(change: Mapping) -> str:
    """Name the change of a variant: `unlabelled`, `5 % contamination`, `as published`."""
    if "name" in change:
        return change["name"]
    rest, words = dict(change), []
    if "labels" in rest:
        words.append(params.setting(rest.pop("labels")))
    if "contamination" in rest:
        words.append(f"{100 * rest.pop('contamination'):g} % contamination")
    if "as_published" in rest:
        words.append("as published" if rest.pop("as_published") else "corrected")
    if "phantoms" in rest:
        words.append(params.ON_PHANTOMS[rest.pop("phantoms")])
    images = rest.pop("images", {}).items()
    words += [name if value is True else f"{name} {value}" for name, value in images]
    words += [f"{name.replace('_', ' ')} {value}" for name, value in rest.items()]
    return ", ".join(words) or "unchanged"


def percent(change: Mapping) -> float | None:
    """Return the percentage that a variant changes (contamination or known anomalies), if any."""
    if "contamination" in change:
        return 100 * change["contamination"]
    if "labels" not in change:
        return None
    labels = change["labels"]
    share = {"none": 0.0, "all": 1.0}[labels] if isinstance(labels, str) else labels.get("abnormal")
    return 100 * (share or 0.0)
