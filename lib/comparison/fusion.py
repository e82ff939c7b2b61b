"""Score fusion: is an anomaly more certain if several detectors agree on it?

Rules, each fitted on validation films and applied to test films unchanged:

- `rank average`: the mean of the shares of validation films with a lower score,
- `normalised sum`: the mean of z = (score - m) / s, m and s of the normal validation films,
- `soft maximum`: log mean exp(z), which is near the mean where detectors agree, and follows the
  one that is certain where they do not: different detectors see different disease,
- `logistic`: the log odds of a logistic regression on z; it uses the labels of validation films,
  and is omitted if they are of one class.

Fusions are declared in the grid of params/study.yaml under `fusions`, each with a name and its
parts: `method`, or `method/score` for another of its named scores. A fusion with a `rule` is joined
by this one and is a detector of that name; the others are compared under the first, second and
last rule. A choice of parts by their test results would bias the fusion.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp
from sklearn.linear_model import LogisticRegression

from lib import grid
from lib.comparison.scores import Scored, with_validation_labels
from lib.errors import BadData
from lib.grid import FUSION

#: What a fusion with a declared rule is; it has the mark of lib.comparison.choices if a part has.
FIXED = "a fusion whose parts and rule were fixed before it scored any test film"
COMPARED = ("rank average", "normalised sum", "logistic")  # rules of a fusion that names none
RULES = (*COMPARED, "soft maximum")


class Fused(NamedTuple):
    """A fused score and its parts."""

    scored: Scored
    parts: list[Scored]

    @property
    def is_detector(self) -> bool:
        """Whether it was declared with a rule, and is a detector of its name."""
        return declared_name(self.scored.method) == self.scored.method


def fuse(name: str, fusion: grid.Fusion, detectors: Iterable[Scored]) -> list[Fused]:
    """Return one fused score per rule and per seed with all parts.

    Raises BadData for an unknown rule.
    """
    if fusion.rule not in ("", *RULES):
        raise BadData(
            f"params/study.yaml: the fusion {name} has the rule {fusion.rule!r}: use one of "
            f"{', '.join(RULES)}, or none."
        )
    detectors, fused = list(detectors), []
    for seed in dict.fromkeys(scored.seed for scored in detectors):
        parts = [_part(part, seed, detectors) for part in fusion.parts]
        if all(parts):
            fused += [Fused(scored, parts) for scored in _by_each_rule(name, fusion.rule, parts)]
    return fused


def declared_name(method: str) -> str:
    """Return the name of a fusion as it was declared, without the rule that tables add to it."""
    return method.partition(": ")[0]


def methods_of(name: str) -> list[str]:
    """Return the methods that a fusion, perhaps named with its rule, is made of; [] of others."""
    fusion = grid.fusions().get(declared_name(name), grid.Fusion([]))
    return [_method_and_score(part)[0] for part in fusion.parts]


def joined(rule: str, scores: np.ndarray, validation: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Return one score (n,) of films with scores (n, k), by a rule fitted on validation films.

    `validation` says which films these are, `label` of which class (n,).
    """
    if rule == "rank average":
        return rank_average(scores[validation], scores)
    standardised = normalised(scores[validation & (label == 0)], scores)
    if rule == "normalised sum":
        return standardised.mean(axis=1)
    if rule == "soft maximum":
        return soft_maximum(standardised)
    model = LogisticRegression().fit(standardised[validation], label[validation])
    return model.decision_function(standardised)


def rank_average(validation: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return the mean rank, (n,) in [0, 1], of scores (n, k) among validation films (m, k)."""
    ordered = np.sort(validation, axis=0)
    columns = zip(ordered.T, scores.T, strict=True)
    places = [
        (np.searchsorted(column, score, "left") + np.searchsorted(column, score, "right")) / 2
        for column, score in columns
    ]
    return np.mean(places, axis=0) / len(validation)


def normalised(normals: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return scores (n, k) in standard deviations from the mean of validation normals (m, k)."""
    mean, deviation = mean_and_deviation(normals)
    return (scores - mean) / deviation


def mean_and_deviation(normals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the constants, each (k,), by which `normalised` scales; 1 for a deviation of 0."""
    spread = normals.std(axis=0)
    return normals.mean(axis=0), np.where(spread > 0, spread, 1)


def soft_maximum(standardised: np.ndarray) -> np.ndarray:
    """Return log mean exp, (n,), of standardised scores (n, k)."""
    return logsumexp(standardised, axis=1) - np.log(standardised.shape[1])


def _part(part: str, seed: str, detectors: list[Scored]) -> Scored | None:
    """Return the fit of that name and seed, with its named score as the score."""
    method, name = _method_and_score(part)
    matches = (scored for scored in detectors if (scored.method, scored.seed) == (method, seed))
    scored = next(matches, None)
    if scored is None or name not in scored.films:
        return None
    films = scored.films
    index = films.columns[: films.columns.get_loc("score")]
    return replace(scored, method=part, films=films[index].assign(score=films[name]))


def _method_and_score(part: str) -> tuple[str, str]:
    method, _, name = part.partition("/")
    return method, name or "score"


def _by_each_rule(name: str, only: str, parts: list[Scored]) -> list[Scored]:
    first = parts[0]
    films = first.films
    scores = np.column_stack(
        [part.films.set_index("image_id")["score"][films["image_id"]] for part in parts]
    )
    validation, label = films["split"].eq("validation").to_numpy(), films["label"].to_numpy()
    setting = " and ".join(dict.fromkeys(part.setting for part in parts))
    both_classes = len(np.unique(label[validation])) == 2
    return [
        Scored(
            first.dataset,
            name if only else f"{name}: {rule}",
            FUSION,
            first.seed,
            with_validation_labels(setting) if rule == "logistic" else setting,
            films.assign(score=joined(rule, scores, validation, label)),
            {},
        )
        for rule in ([only] if only else COMPARED)
        if rule != "logistic" or both_classes
    ]
