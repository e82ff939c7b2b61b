"""Whether detectors rank films as well when their networks compute in bfloat16."""

import tempfile
from pathlib import Path

import pandas as pd

from lib import files, metrics, params
from lib.datasets.table import load_index
from lib.grid import Fit

#: Fits of the profile that the study selects, one of each kind of network: they train in a minute.
FITS = (Fit("rsna", "vae"), Fit("mura", "deep_sad"), Fit("rsna", "synthetic_lesions"))
KEPT = files.REPORTS / "precisions.csv"


def test_scores(fit: Fit, precision: str) -> pd.Series:
    """Train a fit in a precision and return the scores of its test films, by image_id.

    Raises BadData if its films are not prepared.
    """
    from lib.fits import films, recipes, score, train

    change = {} if precision == "float32" else {"precision": precision}
    parameters = params.part(fit.method, fit.entry | change)
    index, images = films.index_and_images(fit)
    body, size = recipes.body(fit.dataset), films.size_of_maps(fit)
    with tempfile.TemporaryDirectory() as folder:
        train.train(fit, parameters, body, index, images, size, Path(folder))
        detector = train.build(fit, parameters, body, size, len(index))
        detector.load_weights(Path(folder) / files.WEIGHTS)
    scores = score.score(detector, images, index).set_index("image_id")["score"]
    return scores[index.loc[index["split"] == "test", "image_id"]]


def compare(fit: Fit, scores: dict[str, pd.Series], machine: str) -> dict:
    """Return AUROC in each precision and its difference from float32, with a 95 % interval.

    The interval is that of DeLong's paired test, over patients.
    """
    index = load_index(files.index(fit.dataset)).set_index("image_id")
    reference, other = scores["float32"], scores["mixed_bfloat16"]
    test = index.loc[reference.index]
    difference, _ = metrics.paired_delong(test["label"], other, reference, test["patient_id"])
    return {
        "dataset": fit.dataset,
        "method": fit.method,
        "films": len(test),
        **{f"auroc_{name}": float(metrics.auroc(test["label"], scores[name])) for name in scores},
        "difference": float(difference.value),
        "low": float(difference.low),
        "high": float(difference.high),
        "machine": machine,
    }


def keep(rows: list[dict]) -> None:
    """Add rows to reports/precisions.csv, in the place of earlier ones of their machine."""
    earlier = pd.read_csv(KEPT) if KEPT.exists() else pd.DataFrame()
    table = pd.concat([earlier, pd.DataFrame(rows)], ignore_index=True)
    table = table.drop_duplicates(["dataset", "method", "machine"], keep="last")
    with files.whole_file(KEPT) as unfinished:
        table.round(4).to_csv(unfinished, index=False)
