"""Names of the label setting of a fit and of the changes of an ablation's variant.

A variant is a set of parameters that replace those of the method's entry in the profile, as
`{labels: none}` or `{as_published: true}`, or a preparation of films, as
`{images: {equalize: none}}`. A `name` in it is its name on pages.
"""

from collections.abc import Mapping

Labels = str | Mapping[str, float]  # see lib.datasets.training


def setting(labels: Labels = "none", contamination: float = 0.0) -> str:
    """Name a setting: `unlabelled`, `supervised`, `5 % known normal + 5 % known abnormal`."""
    if isinstance(labels, str):
        name = {"none": "unlabelled", "all": "supervised"}[labels]
    else:
        shares = [
            f"{100 * labels[key]:g} % known {key}"
            for key in ("normal", "abnormal")
            if labels.get(key)
        ]
        name = " + ".join(shares) or "unlabelled"
    return f"{name}, {100 * contamination:g} % contamination" if contamination else name


def variant_name(change: Mapping) -> str:
    """Name the change of a variant: `unlabelled`, `5 % contamination`, `as published`."""
    if "name" in change:
        return change["name"]
    rest, words = dict(change), []
    if "labels" in rest:
        words.append(setting(rest.pop("labels")))
    if "contamination" in rest:
        words.append(f"{100 * rest.pop('contamination'):g} % contamination")
    if "as_published" in rest:
        words.append("as published" if rest.pop("as_published") else "corrected")
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
