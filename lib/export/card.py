"""README.md of an exported detector, a model card; and score.py, which scores films."""

from lib.comparison import findings
from lib.fits import method_card, model_card
from lib.grid import Fit
from lib.reader.answer import DISCLAIMER

PROGRAM = '''"""Score films: python score.py FILM [FILM ...]. {disclaimer}"""

import json, sys
from pathlib import Path

import numpy as np, onnxruntime
from lib.films import read_film  # of the study: elsewhere, replace both by code that
from lib.preprocessing import prepare  # prepares a film by the settings in `preprocessing`

folder = Path(__file__).parent
about = json.loads((folder / "detector.json").read_text(encoding="utf-8"))
parts = about.get("parts", [about])
graphs = [onnxruntime.InferenceSession(folder / part["file"]) for part in parts]
print("{disclaimer}")
for path in sys.argv[1:]:
    film, scores = read_film(path), []
    for part, graph in zip(parts, graphs):
        picture = prepare(film, **part["preprocessing"]).image.astype(np.float32)
        low, high = picture.min(), picture.max()
        films = ((picture - low) * (2 / max(high - low, 1)) - 1)[None, ..., None]
        scores.append(float(graph.run(["score"], {{"films": films}})[0][0]))
    {joined}
    print(score, "percentile among normal films:", 100 * np.mean(np.less(about["normals"], score)))
'''
STANDARDISED = 'z = (np.array(scores) - rule["mean"]) / rule["deviation"]'


def program(about: dict) -> str:
    """Return a program that scores films with the graphs in its folder, by onnxruntime."""
    joined = ["score = scores[0]"]
    if "rule" in about:
        joined = ['rule = about["rule"]']
        joined += [STANDARDISED] if "mean" in about["rule"] else []
        joined.append(f"score = {about['rule']['formula']}")
    return PROGRAM.format(disclaimer=DISCLAIMER, joined="\n    ".join(joined))


def card(about: dict, program_file: str) -> str:
    """Return the README of a detector as detector.json describes it, in Markdown."""
    parts = about.get("parts", [about])
    methods = [part["fit"].split("/")[1] for part in parts]
    sections = [
        f"# Detector {about['detector']}",
        f"**{DISCLAIMER}**",
        "\n".join(_method(name) for name in dict.fromkeys(methods)),
        _fusion(about),
        model_card.lines(about["dataset"], methods, about["setting"]),
        f"Data: {about['dataset']} ({about['films']}), split by patient. Commit "
        f"{about['commit']}, profile {about['profile']}, seed {about['seed']}.",
        "## Results",
        _results(about),
        "## Scores",
        "Larger is more abnormal. A score has no unit of its own: compare it with `normals`, the "
        f"scores of {len(about['normals'])} normal validation films in `detector.json`.",
        "\n".join(
            f"- Threshold “{name}”: {score:.6g}, set with labels of {about['labels'][name]}."
            for name, score in about["thresholds"].items()
        ),
        _probability(about["calibration"]),
        _maps(parts),
        "A film whose unlikeness (`gate`) is beyond the limit is unlike those that the detector "
        "learned from: another part of the body, another device, a photograph. Its score means "
        "nothing.",
        "## Use",
        _use(program_file),
        "## Limits",
        "A low score does not mean that a film is normal, and a high one does not say what is "
        "abnormal. Thresholds, percentiles and probabilities are those of the validation films of "
        "this data set; other devices, patients and base rates change them. Graph and detector "
        "agree on validation films to "
        f"{max(part['difference'] for part in parts):.1e} of the range of their scores.",
    ]
    return "\n\n".join(filter(None, sections)) + "\n"


def _method(name: str) -> str:
    known = method_card.docstring(name)
    return f"- {method_card.name_of(name)}: {known.claim}. {method_card.paper(name)}"


def _fusion(about: dict) -> str:
    if "rule" not in about:
        return ""
    return (
        f"Their scores are joined by the rule “{about['rule']['name']}”, whose constants are in "
        "`detector.json`. The map shown is that of the part that is most deviations above its "
        "normal validation films."
    )


def _results(about: dict) -> str:
    measures, reason = findings.measured(Fit(about["dataset"], about["method"], seed=about["seed"]))
    info = {name: about[name] for name in ("dataset", "method", "setting")}
    return reason or findings.result(info, measures)


def _probability(constants: dict | None) -> str:
    if constants is None:
        return "Scores are not calibrated, since validation films are of one class."
    return (
        f"The probability in `calibration` assumes that {constants['base_rate']:.0%} of the films "
        "are abnormal; with fewer it is lower."
    )


def _maps(parts: list[dict]) -> str:
    reasons = dict.fromkeys(part["without_map"] for part in parts if part["without_map"])
    return " ".join(reasons)


def _use(program_file: str) -> str:
    return (
        "In the environment of the study, with films of your own:\n\n"
        f"```sh\npython {program_file} film.dcm\n```\n\n"
        f"The graphs take films as the study prepares them. `{program_file}` reads and prepares "
        "them by two functions of the study; all the rest needs `onnxruntime` and `numpy` alone. "
        "Elsewhere, replace these two by code that prepares a film by the settings in "
        "`preprocessing`."
    )
