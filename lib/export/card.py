"""README.md of an exported detector, a model card; and score.py, which scores films."""

from lib.comparison import findings
from lib.fits import method_card, model_card
from lib.grid import Fit
from lib.reader.answer import DISCLAIMER

PROGRAM = '''"""Score films: python score.py FILM [FILM ...]. {disclaimer}"""

import json, sys
from pathlib import Path

import cv2, numpy as np, onnxruntime
from lib.films import UnreadableFilm  # of the study: elsewhere, replace these by code that reads
from lib.films.colours import read_with_colours  # a film, says whether it is a picture in colours,
from lib.preprocessing import enough, prepare  # and prepares it by those in `preprocessing`

folder = Path(__file__).parent
about = json.loads((folder / "detector.json").read_text(encoding="utf-8"))
parts = about.get("parts", [about])
gate = about["gate"]
needed = enough(*(one["preprocessing"]["size"] for one in [*parts, gate]))
graphs = [onnxruntime.InferenceSession(folder / part["file"]) for part in [*parts, gate]]


def score_of(graph, picture):
    """Return what a graph gives for a picture (s, s), scaled by its own grey levels."""
    low, high = float(picture.min()), float(picture.max())
    films = (picture.astype(np.float32) - low) * np.float32(2 / max(high - low, 1)) - 1
    return float(graph.run(["score"], {{"films": films[None, ..., None]}})[0][0])


print("{disclaimer}")
for path in sys.argv[1:]:
    try:
        film, coloured = read_with_colours(path, needed)
    except UnreadableFilm as reason:
        print(f"{{path}}: not read: {{reason}}")
        continue
    prepared = [prepare(film.grey, **one["preprocessing"]).image for one in [*parts, gate]]
    scores = [score_of(*pair) for pair in zip(graphs, prepared[:-1])]
    {joined}
    by = cv2.INTER_AREA if len(prepared[-1]) > gate["size"] else cv2.INTER_LINEAR
    seen = cv2.resize(prepared[-1], (gate["size"], gate["size"]), interpolation=by)
    unlikeness = (score_of(graphs[-1], seen) - gate["middle"]) / gate["spread"]
    if coloured or unlikeness > gate["limit"]:
        words = "unlike the films that the detector learned from: its score means nothing"
    else:
        lower = np.mean(np.less(about["normals"], score))
        words = f"percentile among normal films {{100 * lower:.1f}}"
    print(f"{{path}}: score {{score:.6g}}, {{words}}")
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
        "them by functions of the study; all the rest needs `onnxruntime`, `numpy` and OpenCV "
        "alone. "
        "Elsewhere, replace these by code that prepares a film by the settings in "
        "`preprocessing`."
    )
