"""Test films that pages show: chosen by rank, with the maps that belong to them."""

import numpy as np
import pandas as pd
import pytest

from lib import files
from lib.fits import examples
from lib.fits.store import Finished
from lib.grid import Fit

FILMS = 20
LABEL = np.array([0.0] * 10 + [1.0] * 10)


def finished(score, kept, method="vae"):
    """Return a fit whose map of film n is n everywhere, kept for some films."""
    scores = pd.DataFrame(
        {"image_id": [f"i{n}" for n in range(FILMS)], "split": "test", "label": LABEL}
    ).assign(score=score, body_part="hand")
    maps = {"image_id": np.array([f"i{n}" for n in kept])}
    maps["map"] = np.array([np.full((4, 4), float(n)) for n in kept])
    nothing = pd.DataFrame()
    return Finished(Fit("limbs", method), {}, scores, nothing, {}, maps, {}, {}, nothing)


@pytest.fixture(autouse=True)
def images(tmp_path, monkeypatch):
    """Film n is n everywhere, and its lesion is n % 2."""
    numbers = np.arange(FILMS, dtype=np.uint8)[:, None, None]
    (tmp_path / "images").mkdir()
    np.save(tmp_path / "images/limbs.npy", numbers + np.zeros((FILMS, 4, 4), np.uint8))
    np.save(tmp_path / "images/limbs.lesions.npy", numbers % 2 + np.zeros((FILMS, 4, 4), np.uint8))
    monkeypatch.setattr(
        files,
        "images",
        lambda dataset, kind="": tmp_path / f"images/{'.'.join(filter(None, (dataset, kind)))}.npy",
    )


def test_the_same_films_are_compared_with_the_maps_and_ranks_of_each_fit():
    up, noisy = np.arange(FILMS), np.arange(FILMS) + np.array([0, 0.5] * 10)
    fits = {"one": finished(up, range(FILMS)), "other": finished(100 * noisy, range(0, FILMS, 2))}
    shown = examples.compared(fits)
    assert shown.titles == ["normal"] * 2 + ["detected by most"] * 2 + ["missed by most"] * 2
    numbers = shown.films[:, 0, 0].tolist()
    assert set(numbers[:2]) <= {2, 4, 6}, "normal films near the median, with both maps"
    assert numbers[2:] == [18, 16, 10, 12], "abnormal films of which both kept a map"
    assert (shown.lesions[:, 0, 0] == shown.films[:, 0, 0] % 2).all()
    for name in fits:
        assert [one[0, 0] for one in shown.maps[name]] == numbers
    assert shown.ranks["one"].tolist() == pytest.approx([n / 19 for n in numbers])
    assert shown.ranks["other"].tolist() == pytest.approx([n / 19 for n in numbers])


def test_a_film_without_a_map_is_not_shown_nor_a_fit_without_maps():
    one, other = finished(np.arange(FILMS), [*range(10), 17, 18, 10, 19]), finished(0, range(19))
    shown = examples.compared(
        {"one": one, "other": other, "no map": finished(0, [])._replace(maps={})}
    )
    assert shown.films[:, 0, 0].tolist()[2:] == [18, 17, 10, 17], "19 has no map of the other"
    assert list(shown.maps) == ["one", "other"] and list(shown.ranks) == ["one", "other", "no map"]
    assert (shown.ranks["no map"] == 0).all(), "films of the same score rank alike"


def test_the_scale_of_maps_is_that_of_normal_films():
    fit = finished(np.arange(FILMS), range(5, FILMS))
    low, high = examples.scale_of_maps(fit)
    assert low == 9 and high == 2 * 19 - 9, "9 is the largest normal map; 19 is everywhere 19"


def test_a_fit_alone_is_not_most_of_them():
    shown = examples.compared({"one": finished(np.arange(FILMS), range(FILMS))}, each=1)
    assert shown.titles == ["normal", "detected", "missed"]
    assert shown.films[1:, 0, 0].tolist() == [19, 10]


def test_examples_are_quiet_and_loud_of_each_label_and_not_those_of_the_head():
    shown = examples.examples(finished(np.arange(FILMS), range(1, FILMS)))
    assert shown.films[:, 0, 0].tolist() == [1, 2, 7, 8, 18, 17, 11, 12]
    assert (shown.maps[:, 0, 0] == shown.films[:, 0, 0]).all()
    assert shown.titles[0] == "normal: 1" and shown.titles[-1] == "miss: 12"


def test_telling_films_are_found_missed_and_falsely_flagged_with_their_ranks():
    shown = examples.telling(finished(np.arange(FILMS), [*range(9), 12, 18]))
    assert shown.films[:, 0, 0].tolist() == [18, 12, 8], "of the films with maps"
    assert (shown.maps[:, 0, 0] == shown.films[:, 0, 0]).all()
    assert (shown.lesions[:, 0, 0] == shown.films[:, 0, 0] % 2).all()
    assert shown.captions == [
        "Abnormal, highest score: above 95% of the other test films",
        "Abnormal, lowest score: above 63% of the other test films",
        "Normal, highest score: above 42% of the other test films",
    ]


def test_telling_films_without_maps_are_of_all_test_films():
    fit = finished(np.arange(FILMS), [])._replace(maps={})
    fit.scores.loc[19, "split"] = "validation"
    shown = examples.telling(fit)
    assert shown.films[:, 0, 0].tolist() == [18, 10, 9]
    assert shown.maps is None and shown.scale is None


@pytest.mark.parametrize(("abnormal", "shown"), [(0, ["Normal"]), (1, ["Abnormal", "Normal"])])
def test_no_film_is_telling_twice(abnormal, shown):
    fit = finished(np.arange(FILMS), range(FILMS))
    fit.scores["label"] = (np.arange(FILMS) < abnormal).astype(float)
    captions = examples.telling(fit).captions
    assert [caption.split(",")[0] for caption in captions] == shown


def test_films_are_compared_without_any_map():
    fit = finished(np.arange(FILMS), range(FILMS))
    shown = examples.compared({"one": fit._replace(maps={})})
    assert not shown.maps and len(shown.films) == 6
    assert shown.titles == ["normal"] * 2 + ["detected"] * 2 + ["missed"] * 2
    assert shown.films[2:, 0, 0].tolist() == [19, 18, 10, 11]
