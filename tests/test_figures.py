"""Every figure carries a description, is a picture, and shows the numbers it was given."""

import subprocess
import sys
from itertools import pairwise

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from burned import burned, is_legible
from burned import film as drawn_film
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from lib import ROOT, figures
from lib.figures.films import enlarged, map_scale, opacity
from lib.figures.glance import best_of_families
from lib.figures.style import PALE

RANDOM = np.random.default_rng(0)
FILMS = RANDOM.integers(0, 256, (5, 32, 32), dtype=np.uint8)
LESIONS = np.zeros((5, 32, 32), np.uint8)
LESIONS[1, 4:12, 20:32] = 1
MAPS = RANDOM.random((5, 32, 32))
TITLES = ["wrist", "elbow", "hand", "finger", "shoulder"]
LABELS = np.array([0, 1, 1, 0, np.nan] * 20)
SCORES = np.nan_to_num(LABELS) + RANDOM.normal(size=100)
INDEX = pd.DataFrame(
    {
        "label": LABELS,
        "split": ["train", "train", "validation", "test", "test"] * 20,
        "view": [None] * 100,
        "finding": [f"finding {n % 14}" for n in range(100)],
        "age": RANDOM.normal(50, 9, 100),
        "width": 256,
    }
)
RATES = np.linspace(0, 1, 11)
CURVES = pd.concat(
    pd.DataFrame({"name": name, "fpr": RATES, "tpr": RATES**power, "low": 0.0, "high": 1.0})
    for name, power in (("resnet", 0.2), ("mean grey", 1.0))
)
AUROC = {"resnet": (0.83, 0.79, 0.87), "mean grey": (0.5, 0.44, 0.56)}
#: Twelve methods of two families, and a floor; the better, the larger their number.
MANY_CURVES = pd.concat(
    pd.DataFrame({"name": name, "family": family, "fpr": RATES, "tpr": RATES**power})
    for name, family, power in [
        *((f"method_{n}", ("one_class", "few_labels")[n % 2], 1 - 0.07 * n) for n in range(12)),
        ("floor: knn", "floor", 0.9),
    ]
)
MANY_CURVES["auroc"] = MANY_CURVES.groupby("name")["tpr"].transform("mean")
BANDS = MANY_CURVES.assign(low=MANY_CURVES["tpr"] - 0.1, high=MANY_CURVES["tpr"] + 0.2)
RUNS = [range(2), range(1, 3)]
COSTS = pd.DataFrame(
    [
        ("padim", "features", 0.002, 4.0, 0.6, 0.5, 0.7),
        ("resnet", "supervised", 2.0, 9.0, 0.9, np.nan, np.nan),
        ("vae", "other family", 30.0, 1200.0, 0.7, 0.6, 0.8),
    ],
    columns=["method", "family", "minutes", "milliseconds", "value", "low", "high"],
)
HISTORY = pd.DataFrame(
    {"epoch": [0, 1, 2], "loss": [9.0, 1.0, 0.1], "val_loss": [8.0, 2.0, 1.0], "kl": [3, 2, 1]}
)
RESULTS = pd.DataFrame(
    [
        ("mura", "autoencoder", "reconstruction", 0, 0.60, 0.5, 0.7),
        ("mura", "autoencoder", "reconstruction", 1, 0.64, 0.5, 0.7),
        ("mura", "resnet", "supervised", 0, 0.85, 0.8, 0.9),
        ("mura", "mean grey", "floor", 0, 0.51, np.nan, np.nan),
        ("nih", "resnet", "supervised", 0, 0.80, 0.7, 0.9),
    ],
    columns=["dataset", "method", "family", "seed", "value", "low", "high"],
)
GROUPS = pd.DataFrame(
    {"group": ["all", "wrist"], "value": [0.8, 0.7], "low": [0.7, 0.5], "high": [0.9, 0.8]}
).assign(n=[100, 20])
CELLS = pd.DataFrame(
    [
        ("vae", "view: AP", 0.4, 40, 0.5),
        ("vae", "finding: 2", 0.5, 36, 1 / 3),
        ("resnet", "view: AP", 0.9, 40, 0.5),
        ("resnet", "finding: 2", 0.7, 36, 1 / 3),
        ("resnet", "finding: 2", 0.8, 36, 1 / 3),
        ("padim", "view: AP", 0.6, 40, 0.5),
    ],
    columns=["method", "group", "value", "n", "base_rate"],
)
BINS = pd.DataFrame({"predicted": [0.1, 0.9, 0.5], "observed": [0.2, 0.8, 0.45], "n": [10, 20, 30]})
BINS = BINS.assign(
    low=[0.1, np.nan, 0.3], high=[0.4, np.nan, 0.6], curve=["logistic"] * 2 + ["isotonic"]
)
PERTURBED = pd.DataFrame(
    [
        (method, name, strength, 0.9 - drop * strength)
        for method, drop in (("vae", 0.1), ("resnet", 0.3))
        for name, strengths in (("none", [0]), ("noise", [0.1, 0.2]), ("inversion", [1]))
        for strength in strengths
    ],
    columns=["method", "perturbation", "strength", "value"],
)
STEPS = [{"film": FILMS[0], "body": LESIONS[1]}, {"film": FILMS[1][:, 5:20].astype(np.uint16)}]

SWEEP = pd.DataFrame(
    {
        "lambda": [250, 250, 250, 100, 500],
        "calls": [250, 10, 2, 10, 10],
        "value": [0.80, 0.78, 0.60, 0.70, 0.65],
        "reference": [True, False, False, False, False],
    }
).assign(low=lambda rows: rows["value"] - 0.1, high=lambda rows: rows["value"] + 0.05)
SWEEP = SWEEP.set_index(["lambda", "calls"])
DRAWN = RANDOM.integers(0, 256, (5, 6, 64, 64), dtype=np.uint8)
EPOCHS = [f"stage 1, epoch {epoch}" for epoch in (1, 7, 13, 19, 25)]

PLANES = {"principal components": RANDOM.normal(size=(100, 2)), "t-SNE": RANDOM.random((100, 2))}
IN_SPHERES = pd.DataFrame({"sphere": [4] * 70 + [0] * 30, "label": LABELS})

TREND = pd.DataFrame(
    {
        "method": ["deep_sad"] * 3 + ["resnet"] * 2,
        "percent": [0.0, 1.0, 20.0, 1.0, 20.0],
        "value": [0.5, 0.6, 0.8, 0.55, 0.9],
    }
).assign(low=lambda rows: rows["value"] - 0.2, high=lambda rows: rows["value"] + 0.3)
TREND_FITS = pd.concat([TREND.assign(value=TREND["value"] + side) for side in (-0.02, 0.02)])
PAIRED = pd.DataFrame(
    {
        "method": ["drocc"] * 4 + ["dmsvdd"],
        "variant": ["corrected", "corrected", "as published", "as published", "as published"],
        "seed": [0, 1, 0, 1, 0],
        "value": [0.7, 0.8, 0.5, 0.55, 0.6],
    }
)
PAIRED_MEANS = PAIRED.groupby(["method", "variant"], sort=False)["value"].mean().reset_index()
VARIANTS = ["corrected", "as published"]

SEEN = {f"method_{n}": MAPS for n in range(7)}
RANKS = {name: np.linspace(0, 1, 5) for name in SEEN}
SCALES = dict.fromkeys(SEEN, (0.0, 1.0))

EVERY_FIGURE = {
    "films": lambda: figures.films(FILMS, TITLES, lesions=LESIONS),
    "preprocessing_steps": lambda: figures.preprocessing_steps(STEPS, ["upright", "fails"]),
    "residual_overlay": lambda: figures.residual_overlay(FILMS, FILMS[::-1], MAPS, TITLES, LESIONS),
    "side_by_side": lambda: figures.side_by_side(FILMS, TITLES, SEEN, RANKS, LESIONS, SCALES),
    "coarse_map": lambda: figures.residual_overlay(FILMS, None, MAPS[:, ::4, ::4], TITLES),
    "counts": lambda: figures.counts(INDEX),
    "distribution": lambda: figures.distribution(INDEX),
    "training_curves": lambda: figures.training_curves(HISTORY),
    "roc": lambda: figures.roc(CURVES, AUROC),
    "roc_by_family": lambda: figures.roc_by_family(MANY_CURVES, "floor: knn"),
    "roc_bands": lambda: figures.roc_bands(BANDS, "few_labels", "floor: knn"),
    "separated": lambda: figures.separated(["resnet", "vae", "padim"], [0.9, 0.7, 0.6], RUNS),
    "costs": lambda: figures.costs(COSTS, {"minutes": ["resnet"], "milliseconds": ["padim"]}),
    "score_histogram": lambda: figures.score_histogram(SCORES, LABELS, {"recall 0.9": 0.2}),
    "distances": lambda: figures.distances(np.abs(SCORES), LABELS, radius=1.5),
    "leaderboard": lambda: figures.leaderboard(RESULTS),
    "glance": lambda: figures.glance(RESULTS),
    "forest": lambda: figures.forest(GROUPS),
    "heat": lambda: figures.heat(CELLS),
    "calibration": lambda: figures.calibration(BINS),
    "robustness": lambda: figures.robustness(PERTURBED),
    "samples": lambda: figures.samples(DRAWN, EPOCHS),
    "chain": lambda: figures.chain(DRAWN[:, :3], TITLES[:3]),
    "sweep": lambda: figures.sweep(SWEEP),
    "trend": lambda: figures.trend(TREND, TREND_FITS, "known films (%)", {"floor: knn": 0.58}),
    "pairs": lambda: figures.pairs(PAIRED, PAIRED_MEANS, VARIANTS, {"floor: knn": 0.58}),
    "planes": lambda: figures.planes(PLANES, LABELS),
    "planes_by_group": lambda: figures.planes_by_group(PLANES, np.arange(100) % 9),
    "spheres": lambda: figures.spheres(IN_SPHERES),
}


@pytest.mark.parametrize("name", EVERY_FIGURE)
def test_every_figure_is_a_described_picture_and_leaves_settings_alone(name):
    before = dict(mpl.rcParams)
    figure = EVERY_FIGURE[name]()
    kind, content = figures.encode(figure)
    assert content.startswith({"image/png": b"\x89PNG", "image/jpeg": b"\xff\xd8"}[kind])
    assert len(figure.get_label()) > 20
    assert figure.get_figwidth() * figure.dpi <= 860
    assert dict(mpl.rcParams) == before


def test_show_stores_the_description_with_the_picture(monkeypatch):
    shown = []
    monkeypatch.setattr(
        "lib.figures.style.display", lambda data, metadata, raw: shown.append((data, metadata))
    )
    figures.show(figures.roc(CURVES, AUROC))
    data, metadata = shown[0]
    assert "0.83 [0.79, 0.87]" in metadata["image/png"]["alt"]
    assert data["text/plain"] == metadata["image/png"]["alt"]
    figures.show(figures.films(FILMS), alt="five films")
    assert shown[1][1] == {"image/jpeg": {"alt": "five films"}}


@pytest.mark.parametrize("alt", ["", "  "])
def test_a_figure_without_description_is_refused(alt):
    with pytest.raises(ValueError, match="no description"):
        figures.show(Figure(), alt=alt)


def test_a_film_is_drawn_pixel_by_pixel():
    figure = figures.films(FILMS, TITLES)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    page = np.asarray(canvas.buffer_rgba())[..., 0]
    for axes, film in zip(figure.axes, FILMS, strict=True):
        box = axes.get_window_extent()
        left, width = round(box.x0), round(box.width)
        top = round(len(page) - box.y1)
        zoom = width // 32
        assert zoom == 4
        drawn = page[top : top + width, left : left + width]
        enlarged = np.kron(film, np.ones((zoom, zoom), int))
        assert np.abs(drawn - enlarged).max() <= 1  # the grey of a colour map is rounded


def test_figures_of_an_embedding_say_and_mark_who_is_where():
    assert "40 normal, 40 abnormal, 20 unknown" in figures.planes(PLANES, LABELS).get_label()
    markers = {
        tuple(map(tuple, dots.get_paths()[0].vertices.round(3)))
        for dots in figures.planes(PLANES, LABELS).axes[0].collections
    }
    assert len(markers) == 3, "distinguished by more than colour"
    by_group = figures.planes_by_group(PLANES, np.repeat(np.arange(10), 10)).get_label()
    assert "30 other (3 groups)" in by_group
    text = figures.spheres(IN_SPHERES).get_label()
    assert text.index("sphere 4") < text.index("sphere 0"), "the fullest first"
    assert "sphere 0: 12 abnormal, 12 normal, 6 unknown" in text


def test_a_lesion_at_the_edge_has_a_closed_outline():
    figure = figures.films(FILMS[1:2], lesions=LESIONS[1:2])
    (outline,) = figure.axes[0].collections
    points = outline.get_paths()[0].vertices
    assert points[:, 0].min() == pytest.approx(19.5) and points[:, 0].max() == pytest.approx(31.5)
    assert points[:, 1].min() == pytest.approx(3.5) and points[:, 1].max() == pytest.approx(11.5)
    assert "outlined on 1" in figure.get_label()


def test_red_grows_with_the_map_on_one_scale():
    scale = map_scale(MAPS)
    values = np.linspace(-1, 2, 50)
    red = opacity(values, scale)
    assert (np.diff(red) >= 0).all() and red[0] == 0 and red[-1] == 0.85
    assert opacity(np.array([sum(scale) / 2]), scale) == pytest.approx(0.425)
    assert opacity(np.zeros((2, 2)), map_scale(np.zeros((1, 2, 2)))).max() == 0
    assert map_scale(np.array([[[np.nan, -2.0, -2.0]]]))[0] == -2
    figure = figures.residual_overlay(FILMS, None, MAPS, TITLES)
    overlays = [image.get_array() for axes in figure.axes for image in axes.images[1:]]
    for layer, values in zip(overlays, MAPS, strict=True):
        np.testing.assert_allclose(layer[..., 3], opacity(enlarged(values, (320, 320)), scale))
    assert f"{scale[1]:.3g}" in figure.get_label()


@pytest.mark.parametrize("level", [0.0, 5.0, -3.0])
def test_no_film_is_red_all_over_and_normal_ones_stay_clear(level):
    noise = RANDOM.random((41, 16, 16))
    maps = level + noise  # whatever a map has on healthy tissue
    maps[30:, 4:8, 4:8] += 3  # lesions
    maps[40] += 2  # a film that is unusual everywhere
    scale = map_scale(maps, np.arange(41) < 30)
    half_red = (opacity(maps, scale) > 0.425).mean(axis=(1, 2))
    assert np.median(half_red[:30]) < 0.01 and half_red.max() <= 0.5
    assert np.median(opacity(maps[:30], scale)) == 0
    assert (half_red[30:40] > 0.04).all(), "lesions are seen all the same"


def test_maps_lie_smoothly_over_films_that_are_large_enough_to_see():
    films = np.zeros((2, 64, 64), np.uint8)
    peak = np.zeros((2, 8, 8))
    peak[:, 3, 3] = 1
    for recon, side in ((films, 256), (None, 320)):
        figure = figures.residual_overlay(films, recon, peak, ["one", "two"])
        assert {round(axes.get_window_extent().width) for axes in figure.axes} == {side}
        assert figure.get_figwidth() * figure.dpi <= 860
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    box = figure.axes[1].get_window_extent()
    page = np.asarray(canvas.buffer_rgba())[..., 0].astype(int)
    top = round(len(page) - box.y1)
    row = page[top + round(3.5 * 40), round(box.x0) : round(box.x1)]
    assert np.abs(np.diff(row)).max() < 20 < row.max(), "no edge between the places of a coarse map"
    assert row.argmax() == pytest.approx(3.5 * 40, abs=2)
    side = figures.side_by_side(
        films, ["one", "two"], {"a": peak}, {"a": np.zeros(2)}, films, {"a": (0, 1)}
    )
    assert side.axes[1].get_window_extent().width == pytest.approx(320)


def test_an_enlarged_map_is_smooth_and_within_its_range():
    places = (np.arange(8) + 0.5) / 8
    wave = np.sin(2 * np.pi * places)[:, None] + np.zeros(8)
    large = enlarged(wave, (320, 320))
    finer = np.sin(2 * np.pi * (np.arange(320) + 0.5) / 320)
    inside = slice(60, -60)
    error = np.abs(large[inside, 160] - finer.clip(wave.min(), wave.max())[inside])
    linear = np.abs(np.interp((np.arange(320) + 0.5) / 320, places, wave[:, 0]) - finer)
    assert error.max() < 0.03 < linear[inside].max(), "lines between places are further off"
    spike = np.eye(8)
    assert enlarged(spike, (320, 320)).min() == 0 and enlarged(spike, (320, 320)).max() == 1
    assert np.array_equal(enlarged(wave, (4, 4)), wave), "a finer map stays as it is"
    assert np.isfinite(enlarged(np.full((8, 8), np.nan), (16, 16))).all()


def test_films_at_the_head_of_a_page_are_described_pictures_in_a_row(monkeypatch):
    displayed = []
    monkeypatch.setattr("lib.figures.style.display", displayed.append)
    drawn = figures.overlays(FILMS[:2], ["Hit & more", "Miss"], LESIONS, MAPS, (0.0, 2.0))
    figures.show_row(drawn, ["Hit & more", "Miss"])
    page = BeautifulSoup(displayed[0].data, "html.parser")
    assert [caption.text for caption in page("figcaption")] == ["Hit & more", "Miss"]
    first, second = (image["alt"] for image in page("img"))
    assert first.startswith("A test film. Hit & more. Its map") and "strongest from 2;" in first
    assert "lesion" in second and "lesion" not in first
    assert all(image["src"].startswith("data:image/jpeg;base64,/9j/") for image in page("img"))
    for figure in drawn:
        (axes,) = figure.axes
        assert axes.get_window_extent().width == pytest.approx(320) and len(axes.images) == 2
        assert axes.get_xlim() == (-0.5, 31.5), "an outline leaves the film where it was"
    plain = figures.overlays(FILMS, TITLES, LESIONS)
    assert [len(figure.axes[0].images) for figure in plain] == [1] * 5
    figures.show_row([], [])
    assert len(displayed) == 1


def test_large_films_keep_within_the_page_and_no_films_are_refused():
    large = np.zeros((3, 256, 256), np.uint8)
    for figure in (figures.films(large), figures.residual_overlay(large, large, large, "abc")):
        assert figure.get_figwidth() * figure.dpi <= 860
        assert figure.axes[0].get_window_extent().width == pytest.approx(256)
    with pytest.raises(ValueError, match="no film"):
        figures.films([])


def test_counts_are_bars_of_the_tables_numbers():
    figure = figures.counts(INDEX)
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "split",
        "finding",
    ]  # no view is known
    split, finding = figure.axes
    names = [text.get_text() for text in split.get_yticklabels()]
    widths = {bars.get_label(): [bar.get_width() for bar in bars] for bars in split.containers}
    drawn = pd.DataFrame(widths, index=names)
    assert drawn.loc["train", ["normal", "abnormal"]].tolist() == [20, 20]
    assert drawn.loc["test", ["normal", "unknown"]].tolist() == [20, 20]
    others = [text.get_text() for text in finding.get_yticklabels()]
    assert len(others) == 11 and "other (4 groups)" in others
    assert "train 20 normal, 20 abnormal" in figure.get_label()


def test_each_loss_has_a_panel_and_a_scale_that_suits_it():
    loss, kl = figures.training_curves(HISTORY).axes
    training, validation = loss.get_lines()
    assert training.get_ydata().tolist() == [9, 1, 0.1]
    assert validation.get_ydata().tolist() == [8, 2, 1]
    assert training.get_linestyle() != validation.get_linestyle()
    assert (loss.get_yscale(), kl.get_yscale()) == ("log", "linear")


def test_roc_draws_the_given_curves_and_intervals():
    (axes,) = figures.roc(CURVES, AUROC).axes
    _chance, resnet, grey = axes.get_lines()
    np.testing.assert_allclose(resnet.get_xydata(), CURVES[["fpr", "tpr"]][:11])
    np.testing.assert_allclose(grey.get_xydata(), CURVES[["fpr", "tpr"]][11:])
    texts = [text.get_text() for text in axes.get_legend().get_texts()]
    assert "resnet 0.83 [0.79, 0.87]" in texts and "mean grey 0.50 [0.44, 0.56]" in texts
    assert resnet.get_linestyle() != grey.get_linestyle()


def test_histograms_share_bins_and_name_their_thresholds():
    (axes,) = figures.score_histogram(SCORES, LABELS, {"recall 0.9": 0.2}).axes
    heights = [np.unique(patch.get_xy()[:, 0]) for patch in axes.patches]
    assert len(heights) == 3 and all(np.array_equal(heights[0], edges) for edges in heights)
    assert axes.get_lines()[0].get_xdata() == [0.2, 0.2]
    assert "recall 0.9: 0.2" in [text.get_text() for text in axes.texts]


def test_leaderboard_ranks_methods_and_marks_floors():
    mura, nih = figures.leaderboard(RESULTS).axes
    names = [text.get_text() for text in mura.get_yticklabels()]
    assert names == ["resnet", "autoencoder", "mean grey"]
    dots = [bars.lines[0] for bars in mura.containers]
    assert [dot.get_xdata().tolist() for dot in dots] == [[0.85], [0.60, 0.64], [0.51]]
    assert [dot.get_markerfacecolor() == "white" for dot in dots] == [False, False, True]
    for axes in (mura, nih):
        assert [0.5, 0.5] in [list(line.get_xdata()) for line in axes.get_lines()]


@pytest.mark.parametrize("name", ["leaderboard", "forest", "glance"])
def test_intervals_are_legible_on_a_phone(name):
    long = [f"joint_deep_sad_with_a_long_name_{n} †" for n in range(40)]
    table = RESULTS.loc[[0] * 40].assign(method=long, group=long, n=20, low=0.5, high=0.9)
    figure = getattr(figures, name)(table)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    assert figure.get_figwidth() * figure.dpi <= 520
    words = figure.findobj(lambda one: isinstance(one, Text) and one.get_text().strip())
    on_a_phone = 368 / (figure.get_figwidth() * figure.dpi)  # 400 pixels but for margins
    assert min(text.get_fontsize() for text in words) * figure.dpi / 72 * on_a_phone >= 8
    (axes,) = figure.axes
    assert axes.get_window_extent().width > 200, "names leave room for intervals"
    boxes = [label.get_window_extent() for label in axes.get_yticklabels()]
    assert all(above.y0 >= below.y1 for above, below in pairwise(boxes)), "lines do not overlap"


@pytest.mark.parametrize(
    "name", ["counts", "distribution", "roc_by_family", "roc_bands", "separated", "costs", "heat"]
)
def test_words_of_large_figures_are_legible_on_a_phone(name):
    figure = EVERY_FIGURE[name]()
    width = figure.get_figwidth() * figure.dpi
    words = figure.findobj(lambda one: isinstance(one, Text) and one.get_text().strip())
    assert min(text.get_fontsize() for text in words) * figure.dpi / 72 * 368 / width >= 8


def of_one_set(**methods):
    """Return runs of a data set: {method: (family, AUROC of each seed)}."""
    rows = [
        ("mura", name, family, value, value - 0.1, value + 0.1)
        for name, (family, *values) in methods.items()
        for value in values
    ]
    return pd.DataFrame(rows, columns=["dataset", "method", "family", "value", "low", "high"])


def test_a_glance_has_the_best_three_of_each_family_and_of_several_seeds_the_median():
    few = {f"few {k}": ("few_labels", 0.9 - k / 100) for k in range(5)}
    runs = of_one_set(**few, vae=("reconstruction", 0.8, 0.6, 0.64), svdd=("one_class", 0.61, 0.65))
    best = best_of_families(runs)
    assert list(best["method"]) == ["few 0", "few 1", "few 2", "vae", "svdd"]
    assert list(best["value"]) == [0.90, 0.89, 0.88, 0.64, 0.61]
    many = of_one_set(**{f"{k}": (f"family {k // 4}", k / 100) for k in range(40)})
    assert len(best_of_families(many)) == 15


@pytest.mark.parametrize("draw", [figures.glance, figures.leaderboard])
def test_the_band_of_floors_reaches_from_the_best_shortcut_to_the_best_simple_detector(draw):
    floors = {"floor: knn": 0.62, "floor: mean grey": 0.51, "floor: shortcut view": 0.55}
    floors |= {"floor: shortcut age": 0.54}
    named = {name: ("floor", value) for name, value in floors.items()}
    figure = draw(of_one_set(vae=("reconstruction", 0.7), **named))
    (axes,) = figure.axes
    (band,) = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
    np.testing.assert_allclose([band.get_x(), band.get_x() + band.get_width()], [0.55, 0.62])
    names = [text.get_text() for text in axes.get_yticklabels()]
    assert names == ["vae"] or draw is figures.leaderboard
    assert "best shortcut 0.55; best simple detector 0.62" in figure.get_label()
    assert "best floors" in [text.get_text() for text in figure.legends[0].get_texts()]


def test_bands_are_those_of_each_method_of_a_family_the_best_first():
    figure = figures.roc_bands(BANDS, "few_labels", "floor: knn")
    first, *_ = figure.axes
    best = BANDS[BANDS["name"].eq("method_11")]
    (band,) = first.collections
    low, high = (best[["fpr", end]].to_numpy() for end in ("low", "high"))
    points = {tuple(point) for point in band.get_paths()[0].vertices}
    assert {tuple(point) for point in np.concatenate([low, high])} <= points
    titles = [axes.get_title(loc="left").split()[0] for axes in figure.axes]
    assert titles == [f"method_{n}" for n in (11, 9, 7, 5, 3, 1)]
    recall = np.interp(0.1, best["fpr"], best["tpr"])
    words = f"recall at 90 % specificity [{recall - 0.1:.2f}, {recall + 0.2:.2f}]"
    assert words in figure.get_label()


def test_bars_over_runs_with_a_place_in_common_are_next_to_one_another():
    runs = [range(2), range(1, 4), range(2, 5), range(4, 6)]
    figure = figures.separated(list("abcdef"), np.linspace(0.9, 0.4, 6), runs)
    (axes,) = figure.axes
    _, *bars = axes.get_lines()
    at, rows = zip(*((bar.get_xdata()[0], bar.get_ydata()) for bar in bars), strict=True)
    assert [[round(low + 0.25), round(high - 0.25)] for low, high in rows] == [
        [run[0], run[-1]] for run in runs
    ]
    assert at[0] == at[2] and at[1] == at[3] and at[0] < at[1]
    assert min(at) > 0.9 and "a to b; b to d; c to e; e to f." in figure.get_label()


def test_costs_are_on_logarithmic_axes_and_name_the_given_methods():
    names = {"minutes": ["padim", "resnet"], "milliseconds": ["padim"]}
    figure = figures.costs(COSTS, names)
    for axes, shown in zip(figure.axes, names.values(), strict=True):
        assert axes.get_xscale() == "log"
        assert [text.get_text() for text in axes.texts] == shown
    assert "resnet 0.90 [no interval], 2 min, 9 ms" in figure.get_label()
    assert "vae 0.70 [0.60, 0.80], 30 min, 1,200 ms" in figure.get_label()
    close = COSTS.assign(value=[0.600, 0.601, 0.8])
    first, *_ = figures.costs(close, names).axes
    assert [text.get_text() for text in first.texts] == ["padim"], "the other would overlap it"


def test_forest_draws_each_groups_interval():
    (axes,) = figures.forest(GROUPS).axes
    (bars,) = axes.containers
    assert bars.lines[0].get_xdata().tolist() == [0.8, 0.7]
    ends = [segment[:, 0].tolist() for segment in bars.lines[2][0].get_segments()]
    np.testing.assert_allclose(ends, [[0.7, 0.9], [0.5, 0.8]])
    assert [text.get_text() for text in axes.get_yticklabels()] == [
        "all (n = 100)",
        "wrist (n = 20)",
    ]


def test_a_cell_has_the_value_of_its_method_and_group_and_the_best_method_is_first():
    figure = figures.heat(CELLS)
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.get_yticklabels()] == ["resnet", "padim", "vae"]
    names = [text.get_text() for text in axes.get_xticklabels()]
    assert names == ["AP (20)", "finding 2 (12)"]
    shown = {text.get_position(): text.get_text() for text in axes.texts}
    empty = (1, 1)  # padim was not measured over that finding
    assert empty not in shown and shown == {
        (0, 0): "90",
        (1, 0): "75",
        (0, 1): "60",
        (0, 2): "40",
        (1, 2): "50",
    }
    assert figure.get_figwidth() * figure.dpi <= 520
    assert "view: AP resnet 0.90" in figure.get_label()


def test_an_earlier_stage_is_described_by_the_epochs_it_had():
    nan = np.nan
    stages = {"epoch": [0, 1, 2], "gan_critic": [3.0, 2.0, nan], "gan_val_critic": [4.0, 5.0, nan]}
    history = pd.DataFrame({**stages, "loss": [nan, nan, 1.0]})
    figure = figures.training_curves(history)
    assert len(figures.training_curves(history[history.columns[::-1]]).axes) == 2, "in any order"
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["gan critic", "loss"]
    assert figure.axes[0].get_lines()[1].get_ydata().tolist()[:2] == [4, 5]
    text = figure.get_label()
    assert "gan_critic training from 3 to 2; gan_critic validation from 4 to 5" in text
    assert "loss training from 1 to 1" in text


def test_samples_have_a_row_a_time_drawn_pixel_by_pixel():
    figure = figures.samples(DRAWN, EPOCHS)
    assert len(figure.axes) == 30 and figure.axes[6].get_ylabel() == "stage 1, epoch 7"
    np.testing.assert_array_equal(figure.axes[6].images[0].get_array(), DRAWN[1, 0])
    np.testing.assert_array_equal(figure.axes[29].images[0].get_array(), DRAWN[4, 5])
    assert {round(axes.get_window_extent().width, 6) for axes in figure.axes} == {128}
    assert "6 images" in figure.get_label() and "epoch 25" in figure.get_label()


def test_a_chain_runs_from_the_film_to_its_reconstruction():
    figure = figures.chain(DRAWN[:, :3], TITLES[:3])
    rows = np.array(figure.axes).reshape(3, 5)
    names = [axes.get_title(loc="left") for axes in rows[0]]
    assert names == ["film", "with noise", "", "", "reconstruction"]
    assert [row[0].get_ylabel() for row in rows] == TITLES[:3]
    np.testing.assert_array_equal(rows[2, 4].images[0].get_array(), DRAWN[4, 2])
    assert "2 denoised images" in figure.get_label()
    short = figures.chain(DRAWN[:2, :1], ["wrist"])
    assert [axes.get_title(loc="left") for axes in short.axes] == ["film", "reconstruction"]
    assert "noise" not in short.get_label()


def test_large_pictures_in_many_steps_keep_within_the_page():
    figure = figures.chain(np.zeros((9, 2, 256, 256), np.uint8), ["a", "b"])
    assert figure.get_figwidth() * figure.dpi <= 860


def test_a_sweep_changes_one_setting_a_panel_and_marks_the_reference():
    noise, calls = figures.sweep(SWEEP).axes
    line, square, chance = calls.get_lines()
    assert line.get_xdata().tolist() == [2, 10, 250]
    assert line.get_ydata().tolist() == [0.60, 0.78, 0.80]
    assert square.get_xydata().tolist() == [[250, 0.80]] and square.get_marker() == "s"
    assert set(chance.get_ydata()) == {0.5}
    segments = calls.containers[0].lines[2][0].get_segments()
    np.testing.assert_allclose(segments[0][:, 1], [0.50, 0.65])
    assert (calls.get_xscale(), calls.get_title(loc="left")) == ("log", "lambda 250")
    assert noise.get_lines()[0].get_xdata().tolist() == [100, 250, 500]
    assert (noise.get_xscale(), noise.get_xlabel()) == ("linear", "lambda")
    text = figures.sweep(SWEEP).get_label()
    assert "Over calls (lambda 250): 2 0.60 [0.50, 0.65]; 10 0.78" in text
    alone = SWEEP.droplevel("lambda").iloc[[0, 2]]
    assert [axes.get_xlabel() for axes in figures.sweep(alone).axes] == ["calls"]


def test_a_trend_has_a_line_a_method_at_evenly_spaced_steps():
    figure = EVERY_FIGURE["trend"]()
    (axes,) = figure.axes
    lines = {line.get_label(): line for line in axes.get_lines()}
    assert lines["deep_sad"].get_ydata().tolist() == [0.5, 0.6, 0.8]
    assert lines["resnet"].get_ydata().tolist() == [0.55, 0.9]
    np.testing.assert_allclose(lines["resnet"].get_xdata(), [1, 2], atol=0.1)
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["0", "1", "20"]
    looks = [(lines[m].get_marker(), lines[m].get_linestyle()) for m in ("deep_sad", "resnet")]
    assert len(set(looks[0]) & set(looks[1])) == 0, "distinguished without colour"
    bars = [collection.get_segments() for collection in axes.collections]
    assert bars[0][0][:, 1].tolist() == pytest.approx([0.3, 0.8])
    assert set(lines["floor: knn 0.58"].get_ydata()) == {0.58}
    assert axes.get_ylim()[1] <= 1, "an interval over seeds may reach beyond 1, an AUROC may not"
    text = figure.get_label()
    assert "deep_sad: 0 % 0.50 [0.30, 0.80]; 1 % 0.60" in text and "floor: knn 0.58" in text


def test_a_trend_of_one_seed_has_no_intervals():
    alone = TREND.assign(low=np.nan, high=np.nan)
    (axes,) = figures.trend(alone, TREND_FITS, "known films (%)").axes
    for collection in axes.collections:
        assert all(np.ptp(segment[:, 1]) == 0 for segment in collection.get_segments())


def test_pairs_join_the_fits_of_a_seed():
    figure = EVERY_FIGURE["pairs"]()
    (axes,) = figure.axes
    lines = {line.get_label(): line for line in axes.get_lines()}
    joined = [line.get_xdata().tolist() for line in axes.get_lines()[:3]]
    assert sorted(joined) == [[0.6], [0.7, 0.5], [0.8, 0.55]]
    assert lines["corrected"].get_xdata().tolist() == [0.7, 0.8]
    assert lines["as published"].get_xdata().tolist() == [0.5, 0.55, 0.6]
    assert lines["as published"].get_markerfacecolor() == "white"
    assert lines["corrected"].get_markerfacecolor() != "white"
    np.testing.assert_allclose(lines["mean over seeds"].get_xdata(), [0.75, 0.525, 0.6])
    assert [text.get_text() for text in axes.get_yticklabels()] == ["drocc", "dmsvdd"]
    assert "drocc corrected 0.75; drocc as published 0.53" in figure.get_label()


def test_a_group_of_a_few_films_is_no_group_of_a_page():
    parts = ["hand"] * 12 + ["wrist"] * 5 + ["elbow"] * 4 + ["MUSTER ERIKA", "foot"]
    splits = ["train"] * 20 + ["validation"] * 2 + ["test"]
    index = pd.DataFrame({"split": splits, "body_part": parts, "label": 0.0})
    figure = figures.counts(index)
    split, part = ([text.get_text() for text in axes.get_yticklabels()] for axes in figure.axes)
    assert part == ["hand", "other (3 groups)", "wrist"]
    assert split == ["train", "validation", "test"]
    assert "MUSTER" not in figure.get_label()


ODD = ["$x_1$", "a$b^c", "<b>_|*#`", "\\alpha $", "😀 шея", "\u202eיד", "z" * 300, "\udce9"]
#: Each figure that shows words of the data, made of one of them.
OF_WORDS = {
    "films": lambda word: figures.films(FILMS[:1], [word]),
    "preprocessing_steps": lambda word: figures.preprocessing_steps(STEPS, [word, word]),
    "residual_overlay": lambda word: figures.residual_overlay(FILMS, None, MAPS, [word] * 5),
    "chain": lambda word: figures.chain(DRAWN[:, :1], [word]),
    "counts": lambda word: figures.counts(INDEX.assign(finding=[word] * 50 + ["other"] * 50)),
    "planes_by_group": lambda word: figures.planes_by_group(PLANES, np.array([word] * 100)),
    "forest": lambda word: figures.forest(GROUPS.assign(group=["all", word])),
    "leaderboard": lambda word: figures.leaderboard(RESULTS.assign(dataset=word)),
    "glance": lambda word: figures.glance(RESULTS.assign(dataset=word)),
}


@pytest.mark.filterwarnings("ignore:Glyph")
@pytest.mark.parametrize("name", OF_WORDS)
def test_words_of_the_data_are_drawn_to_the_letter(name):
    for word in ODD:
        figure = OF_WORDS[name](word)
        figures.encode(figure)
        drawn = [text for axes in figure.axes for text in axes.findobj(Text)]
        assert not any(text.get_parse_math() for text in drawn)
        assert len(word) > 100 or not word.isprintable() or word in figure.get_label()
        assert all(axes.get_window_extent().width > 60 for axes in figure.axes)


def test_long_names_that_begin_alike_keep_their_own_bars():
    index = pd.DataFrame({"finding": ["z" * 300 + "1"] * 6 + ["z" * 300 + "2"] * 7, "label": 1.0})
    (axes,) = figures.counts(index).axes
    assert [bar.get_width() for bar in axes.patches] == [7, 6]


NAMED = np.stack([burned(drawn_film(128), share=0.07), drawn_film(128)])
#: Each figure of films, made of films of which the first has a name burned in.
OF_FILMS = {
    "films": lambda: figures.films(NAMED),
    "preprocessing_steps": lambda: figures.preprocessing_steps(
        [{"normalised": NAMED[0], "body": NAMED[0] * (NAMED[0] > 60)}]
    ),
    "samples": lambda: figures.samples(NAMED[None], ["epoch 1"]),
    "chain": lambda: figures.chain(NAMED[:, None][[0, 1, 0]], ["wrist"]),
    "residual_overlay": lambda: figures.residual_overlay(
        NAMED, NAMED[::-1], np.abs(NAMED - NAMED[::-1].astype(float)), ["one", "two"]
    ),
    "overlays": lambda: figures.overlays(NAMED[:1], ["one"], 0 * NAMED, NAMED / 255.0, (0, 1))[0],
    "side_by_side": lambda: figures.side_by_side(
        NAMED[:1],
        ["one"],
        {"a": NAMED[:1] / 255.0},
        {"a": np.zeros(1)},
        0 * NAMED[:1],
        {"a": (0, 1)},
    ),
}


@pytest.mark.parametrize("name", OF_FILMS)
def test_no_figure_of_real_films_shows_a_burned_in_name(name, monkeypatch):
    monkeypatch.setattr("lib.provenance.holds_phantoms", lambda: False)
    for layer in (image.get_array() for axes in OF_FILMS[name]().axes for image in axes.images):
        assert not is_legible(np.uint8(255 * layer[..., 3] if layer.ndim == 3 else layer))


def test_phantoms_are_drawn_as_they_are():
    (image,) = figures.films(NAMED[:1]).axes[0].images
    assert is_legible(image.get_array())


def test_figures_and_report_need_no_tensorflow():
    code = "import sys, lib.figures, lib.report; print({'tensorflow', 'keras'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert run.stdout.strip() == "set()", run.stderr


def test_methods_are_compared_film_by_film_on_scales_of_their_own():
    maps = {"weak": MAPS / 1000, "strong": MAPS, "third_one": MAPS}
    ranks = {name: np.array([0, 0.25, 0.5, 0.75, 1]) for name in [*maps, "without"]}
    scales = {name: map_scale(of_method) for name, of_method in maps.items()}
    figure = figures.side_by_side(FILMS, TITLES, maps, ranks, LESIONS, scales, columns=2)
    rows = [figure.axes[start : start + 3] for start in range(0, 15, 3)]
    assert [axes.get_title("left") for axes in rows[0]] == ["film", "weak 0%", "strong 0%"]
    assert [axes.get_title("left") for axes in rows[3]] == ["", "75%", "75%"]
    assert [axes.get_title("left") for axes in figure.axes[15:17]] == ["film", "third one 0%"]
    weak, strong = (axes.images[1].get_array()[..., 3] for axes in rows[2][1:])
    np.testing.assert_allclose(weak, strong, rtol=1e-2, atol=1e-3)
    assert all(len(axes.images) == 2 for row in rows for axes in row[1:]), "a map in each place"
    assert rows[1][0].collections and not rows[0][0].collections, "the lesion is outlined"
    assert "shoulder: weak 100%, strong 100%, third_one 100%, without 100%" in figure.get_label()
    alone = figures.side_by_side(FILMS, TITLES, {}, ranks, LESIONS, {})
    assert [len(axes.images) for axes in alone.axes] == [1] * 5, "without a map the films alone"


def test_each_family_has_a_panel_with_its_methods_best_first_and_the_others_behind():
    figure = figures.roc_by_family(MANY_CURVES, "floor: knn")
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["few labels", "one class"]
    for axes, odd in zip(figure.axes, (1, 0), strict=True):
        pale = [line for line in axes.lines if line.get_color() == PALE]
        assert len(pale) == 6 and len(axes.lines) == 6 + 6 + 2, "own, others, chance and the floor"
        names = [text.get_text().split()[0] for text in axes.get_legend().get_texts()]
        assert names == [*(f"method_{n}" for n in range(10 + odd, -1, -2)), "floor:"]
        of_methods = [line for line in axes.lines if str(line.get_label()).startswith("method")]
        assert len({(line.get_color(), line.get_linestyle()) for line in of_methods}) == 6
        best = of_methods[0].get_ydata()
        assert all((best >= line.get_ydata()).all() for line in of_methods)
    words = figure.get_label()
    assert (
        "few labels: method_11 0.77, method_9 0.70" in words and words.count("floor: knn 0.5") == 2
    )


def test_no_colour_of_a_panel_is_used_twice():
    """Of fifteen methods of one family the best are in colours, and the others grey."""
    many = pd.concat(
        pd.DataFrame({"name": f"m{n}", "family": "few", "fpr": RATES, "tpr": RATES ** (1 - n / 20)})
        for n in range(15)
    )
    many["auroc"] = many.groupby("name")["tpr"].transform("mean")
    figure = figures.roc_by_family(many)
    (axes,) = figure.axes
    named = [line for line in axes.lines if str(line.get_label()).startswith("m")]
    assert [line.get_label().split()[0] for line in named] == [f"m{n}" for n in range(14, 7, -1)]
    assert len({line.get_color() for line in named}) == len(named) == 7
    legend = [text.get_text() for text in axes.get_legend().get_texts()]
    assert legend[-1] == "8 others, lower" and len(legend) == 8
    assert "m0 0." in figure.get_label(), "the description has all of them"
