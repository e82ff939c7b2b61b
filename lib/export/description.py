"""What detector.json says: everything needed to use the graphs of a detector elsewhere."""

import numpy as np

from lib import params, provenance
from lib.comparison.fusion import mean_and_deviation
from lib.export.graph import FILMS, Written
from lib.fits import store
from lib.reader import gate
from lib.reader.answer import DISCLAIMER, Context
from lib.reader.part import Part
from lib.reader.reading import Reader

FORMAT = 1  # to be raised when the meaning of an entry changes
#: What joins the scores of the parts of a fusion, in Python with numpy. `z` are the scores in
#: deviations of normal validation films, `scores` as they are.
FORMULAS = {
    "rank average": "np.mean([(np.mean(np.less(v, s)) + np.mean(np.less_equal(v, s))) / 2"
    " for v, s in zip(rule['validation'], scores)])",
    "normalised sum": "np.mean(z)",
    "soft maximum": "np.log(np.mean(np.exp(z)))",
    "logistic": "z @ rule['weights'] + rule['offset']",
}


def description(reader: Reader, parts: list[dict], gate_file: str) -> dict:
    """Return the content of detector.json without hashes; `parts` are those of `of_part`."""
    context = reader.context
    validation = reader.scored.split("validation")
    normal, abnormal = (
        sorted(validation.loc[validation["label"].eq(label), "score"].tolist()) for label in (0, 1)
    )
    about = {
        "format": FORMAT,
        "note": DISCLAIMER,
        "detector": context.detector,
        "dataset": reader.choice.dataset,
        "method": reader.choice.method,
        "seed": reader.choice.seed,
        "setting": context.setting,  # the labels that it learned from
        "profile": params.profile_name(),
        "films": provenance.data_source(),
        **provenance.trace(),
        "direction": "larger is more abnormal",
        "thresholds": {one.name: one.score for one in context.thresholds},
        "labels": {one.name: one.labels for one in context.thresholds},  # that set each of them
        "normals": normal,
        "abnormals": abnormal,
        "calibration": calibration(context),
        "gate": of_gate(reader, gate_file),
    }
    if not reader.choice.rule:
        return about | parts[0]
    return about | {"parts": parts, "rule": rule(reader)}


def of_part(part: Part, file: str, written: Written, difference: float) -> dict:
    """Return what is needed to use the graph of a fit: what it reads, what it gives."""
    size = part.settings["size"]
    return {
        "file": file,
        "fit": str(part.fit),
        "score_name": part.score_name,
        "trained": store.record(part.fit)["trace"],
        "preprocessing": part.settings,
        "size": size,
        "input": {
            "name": FILMS,
            "shape": ["n", size, size, 1],
            "range": [-1, 1],
            "scaling": "each film by its own least and largest grey level; a constant film is -1",
        },
        "outputs": written.outputs,
        # The values of a map drawn clear and fully red.
        "map_scale": part.scale if "map" in written.outputs else None,
        "without_map": written.without_map,
        "difference": difference,  # from Keras, as a share of the range of validation scores
    }


def calibration(context: Context) -> dict | None:
    """Return the constants of the probability of being abnormal; None where there is none.

    Its log odds are linear in the score, so that two scores determine them.
    """
    if context.probability is None:
        return None
    scores = np.array([context.normals.min(), context.normals.max() + 1e-6])
    probability = context.probability(scores)
    log_odds = np.log(probability / (1 - probability))
    slope = float(np.diff(log_odds)[0] / np.diff(scores)[0])
    return {
        "formula": "1 / (1 + exp(-(slope * score + intercept)))",
        "slope": slope,
        "intercept": float(log_odds[0] - slope * scores[0]),
        "base_rate": context.base_rate,  # share of abnormal films that it assumes
    }


def of_gate(reader: Reader, file: str) -> dict:
    """Return the constants of the gate: is a film like those that the detector learned from?"""
    return {
        "file": file,
        "preprocessing": reader.settings[0],
        "size": gate.SIDE,
        "resize": "the prepared picture to `size`: by area if larger, otherwise bilinear (OpenCV)",
        "formula": "(score - middle) / spread",
        "middle": float(reader.gate.middle),
        "spread": float(reader.gate.spread),
        "limit": gate.LIMIT,  # a film beyond it is unlike, and its score means nothing
    }


def rule(reader: Reader) -> dict:
    """Return name, formula and constants of the rule of a fusion."""
    name = reader.choice.rule
    validation = [part.scored.split("validation") for part in reader.parts]
    constants: dict = {"name": name, "formula": FORMULAS[name]}
    if name == "rank average":
        return constants | {"validation": [sorted(films["score"]) for films in validation]}
    normals = [films.loc[films["label"].eq(0), "score"] for films in validation]
    mean, deviation = mean_and_deviation(np.column_stack(normals))
    constants |= {"mean": mean.tolist(), "deviation": deviation.tolist()}
    if name == "logistic":  # linear in z
        at_zero, *at_one = reader.fused(mean + np.vstack([0 * mean, np.diag(deviation)]))
        constants |= {"weights": [float(one - at_zero) for one in at_one], "offset": float(at_zero)}
    return constants
