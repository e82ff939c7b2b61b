"""Perturbations against their definitions, and detectors whose losses are known."""

from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

from lib import figures, metrics
from lib.comparison.rows import enough
from lib.errors import BadData
from lib.robustness import page
from lib.robustness.measure import conditions, scores_of, some_films
from lib.robustness.perturbations import perturb
from lib.robustness.table import AUROC, DIFFERENCE, UNPERTURBED, Condition, rows_of_conditions

SIDE = 48
AT = [UNPERTURBED, Condition("brightness", 0.2), Condition("gamma", 2), Condition("inversion", 1)]


class Toy(NamedTuple):
    """A detector whose score is a function of each picture."""

    score: object

    def outputs(self, images):
        return Toy.Outputs(np.array([self.score(image) for image in images]))

    class Outputs(NamedTuple):
        scores: np.ndarray


def reads_the_mean(image):
    return image.mean()


def reads_the_place_of_the_darkest(image):
    """Return the place of the darkest pixel, which no rising curve of grey levels moves."""
    return image.argmin() // SIDE


@pytest.fixture(scope="module")
def perturbed():
    """Sixty films, the abnormal ones brighter and darkest further down, and their pictures."""
    rng = np.random.default_rng(0)
    label = np.repeat([0.0, 1.0], 30)
    films = rng.integers(40, 120, (60, SIDE, SIDE), dtype=np.uint8)
    films[:, 0, 0] = 255  # so that all have one range
    films[:, :, 1] += (20 * label + rng.integers(0, 30, 60)).astype(np.uint8)[:, None]
    films[np.arange(60), (10 * label + rng.integers(5, 30, 60)).astype(int), 20] = 0
    pictures = np.array(
        [
            [film if at == UNPERTURBED else np.rint(perturb(film, *at)) for at in AT]
            for film in films
        ]
    )
    return pd.DataFrame({"label": label, "patient_id": np.arange(60) // 2}), pictures


def auroc_of(perturbed, score):
    films, pictures = perturbed
    rows = pd.DataFrame(rows_of_conditions(films, scores_of(Toy(score), pictures, AT), 50))
    return rows.set_index(["perturbation", "metric"])


def test_a_detector_of_what_stays_loses_nothing(perturbed):
    rows = auroc_of(perturbed, reads_the_place_of_the_darkest)
    whole = rows.loc[("none", AUROC), "value"]
    assert whole > 0.7
    for name in ("brightness", "gamma"):
        assert rows.loc[(name, AUROC), "value"] == whole
        assert rows.loc[(name, DIFFERENCE), "value"] == 0
    # Inverted, the darkest pixel is the one that was brightest: the same of all films.
    assert rows.loc[("inversion", AUROC), "value"] == 0.5


def test_a_detector_of_the_mean_is_turned_round_by_inversion(perturbed):
    rows = auroc_of(perturbed, reads_the_mean)
    films, pictures = perturbed
    whole = metrics.auroc(films["label"], pictures[:, 0].mean(axis=(1, 2)))
    assert rows.loc[("none", AUROC), "value"] == whole > 0.6
    assert rows.loc[("inversion", AUROC), "value"] == pytest.approx(1 - whole)
    loss = rows.loc[("inversion", DIFFERENCE)]
    assert loss["value"] == pytest.approx(1 - 2 * whole)
    assert loss["low"] < loss["value"] < loss["high"] < 0


@pytest.fixture
def film():
    """Return a 12-bit film with a smooth middle."""
    y, x = np.mgrid[-1:1:200j, -1:1:160j]
    return (4000 * np.exp(-(x**2) - y**2)).astype(np.uint16)


def level(film):
    """Return its grey levels from 0 to 1."""
    return (film.astype(float) - film.min()) / np.ptp(film.astype(float))


@pytest.mark.parametrize(
    ("name", "strength", "expected"),
    [
        ("brightness", 0.2, lambda film: np.minimum(film + 0.2, 1)),
        ("gamma", 2, lambda film: film**2),
        ("inversion", 1, lambda film: 1 - film),
        ("rotation", 180, lambda film: film[::-1, ::-1]),
    ],
)
def test_a_perturbation_is_what_it_is_called(film, name, strength, expected):
    changed = perturb(film, name, strength)
    assert changed.dtype == np.float32 and changed.shape == film.shape
    assert np.abs(changed / 255 - expected(level(film))).max() < 1e-4


def test_noise_has_its_standard_deviation_and_depends_on_its_seed(film):
    middle = np.s_[80:120, 60:100]
    flat = np.full((200, 160), 0.5)
    flat[0, 0], flat[0, 1] = 0, 1
    first, again, other = (perturb(flat, "noise", 0.05, seed) for seed in (1, 1, 2))
    assert (first[middle] / 255).std() == pytest.approx(0.05, rel=0.1)
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_jpeg_of_lower_quality_is_further_from_the_film(film):
    errors = [
        np.abs(perturb(film, "JPEG", quality) / 255 - level(film)).mean() for quality in (90, 20, 5)
    ]
    assert 0 < errors[0] < errors[1] < errors[2] < 0.05


def test_a_marker_is_a_bright_letter_at_the_upper_right_and_grows(film):
    areas = []
    for strength in (0.05, 0.2):
        changed = perturb(film, "marker", strength) / 255
        different = np.abs(changed - level(film)) > 1e-5
        rows, columns = np.nonzero(different)
        assert rows.max() < 0.35 * 200 and columns.min() > 0.6 * 160
        assert np.ptp(rows) + 1 == pytest.approx(strength * 160, abs=1)
        assert changed[different].max() == 1
        areas.append(different.sum())
    assert areas[1] > 4 * areas[0]


def test_films_are_of_either_label_and_of_the_test_alone():
    index = pd.DataFrame({"label": [0.0] * 70 + [1.0] * 20 + [np.nan] * 10, "split": "test"})
    index.loc[::7, "split"] = "validation"
    few, most = some_films(index, 24), some_films(index, 60)
    assert few["label"].value_counts().to_dict() == {0: 12, 1: 12}
    abnormal = (index["split"].eq("test") & index["label"].eq(1)).sum()
    assert len(most) == 60 and most["label"].sum() == abnormal
    assert set(most["split"]) == {"test"} and enough(most["label"])


def test_an_unknown_perturbation_is_named():
    with pytest.raises(BadData, match=r"robustness\.yaml: there is no perturbation 'fog': write"):
        conditions({"noise": [0.1], "fog": [1]})


def test_the_page_says_what_falls(perturbed):
    films, pictures = perturbed
    rows = pd.DataFrame(rows_of_conditions(films, scores_of(Toy(reads_the_mean), pictures, AT), 50))
    rows = rows.assign(dataset="rsna", method="toy_mean", seed="0")
    assert "lies below 0 for inversion (-0." in page.of_losses(rows)
    shown = page.strongest(rows)
    assert list(shown["perturbation"]) == ["brightness 0.2", "gamma 2", "inversion 1"]
    assert shown.iloc[2, 1].startswith("-0.")
    text = figures.robustness(rows.query("metric == 'auroc'")).get_label()
    assert "inversion, toy_mean: 0." in text


def test_a_choice_in_sight_of_test_films_is_marked(perturbed):
    films, pictures = perturbed
    rows = pd.DataFrame(rows_of_conditions(films, scores_of(Toy(reads_the_mean), pictures, AT), 50))
    rows = rows.assign(dataset="rsna", method="synthetic_lesions", seed="0")
    assert "synthetic&#95;lesions †: AUROC" in page.of_losses(rows)
    assert page.strongest(rows).columns[1] == "synthetic&#95;lesions †"
