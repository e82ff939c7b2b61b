"""DMSAD: its losses by hand, which films teach what, and what a few labels change."""

import numpy as np
import pytest
from by_hand import array
from discs import discs
from small_spheres import AT_8_PIXELS

from lib.methods.autoencoder import Autoencoder
from lib.methods.dmsad import DMSAD

TINY = AT_8_PIXELS | {"spheres": 3}
CENTERS = np.array([[1, 1], [2, 1], [1, 3]], "float32")


def films_and_labels():
    """Twelve films: six of unknown label, three known normal, three known abnormal."""
    x = discs(12, size=8)[0]
    return x, np.array([np.nan] * 6 + [0.0] * 3 + [1.0] * 3, "float32")


def by_hand(sphere_loss, d, y, eta):
    """Return the mean loss, film by film."""
    power = {"quadratic": 1, "linear": 0.5, "square_root": 0.25, "sigmoid": 1}[sphere_loss]
    values = []
    for squared, label in zip(d.astype(float), y, strict=True):
        f = squared**power
        if np.isnan(label):
            values.append(f)
        elif label == 0:
            values.append(eta * f)
        else:
            values.append(eta * (-np.log(1 - np.exp(-f)) if sphere_loss == "sigmoid" else 1 / f))
    return np.mean(values)


@pytest.mark.parametrize("sphere_loss", ["quadratic", "linear", "square_root", "sigmoid"])
def test_losses_are_their_formulas(sphere_loss):
    detector = DMSAD(**TINY, sphere_loss=sphere_loss, eta=3.0)
    detector.centers.assign(CENTERS)
    x, y = films_and_labels()
    d = np.square(detector.embed(x)[:, None] - CENTERS).sum(axis=2).min(axis=1)
    loss = float(detector.compute_losses(x, y)["loss"])
    assert loss == pytest.approx(by_hand(sphere_loss, d, y, 3.0), rel=1e-3)
    unlabelled = float(detector.compute_losses(x)["loss"])
    assert unlabelled == pytest.approx(by_hand(sphere_loss, d, np.full(12, np.nan), 3.0), rel=1e-3)


def test_films_known_to_be_abnormal_place_no_sphere(monkeypatch):
    x, y = films_and_labels()
    seen = {}
    for name in ("start", "after_epoch"):
        kept = getattr(DMSAD, name)

        def remember(self, normal, *more, name=name, kept=kept):
            seen[name] = normal
            return kept(self, normal, *more)

        monkeypatch.setattr(DMSAD, name, remember)
    DMSAD(**TINY).fit(x, y, verbose=0)
    for name in ("start", "after_epoch"):
        np.testing.assert_array_equal(seen[name], x[:9])


def taught(monkeypatch, **options):
    """Return the films that the autoencoder is trained on."""
    trained_on = []
    fit = Autoencoder.fit

    def remember(self, x, *arguments, **more):
        trained_on.append(x)
        return fit(self, x, *arguments, **more)

    monkeypatch.setattr(Autoencoder, "fit", remember)
    x, y = films_and_labels()
    DMSAD(**TINY, **options).pretrain(x, y, (x, y), verbose=0)
    return x, trained_on[0]


def test_the_autoencoder_sees_no_known_anomaly(monkeypatch):
    x, trained_on = taught(monkeypatch)
    np.testing.assert_array_equal(trained_on, x[:9])


def test_as_published_it_sees_all_films(monkeypatch):
    x, trained_on = taught(monkeypatch, as_published=True)
    np.testing.assert_array_equal(trained_on, x)


def test_gamma_is_the_share_for_pruning_and_the_radius():
    detector = DMSAD(**TINY, gamma=0.3)
    detector.centers.assign(CENTERS)
    z = np.repeat(CENTERS, [10, 2, 4], axis=0)
    z = z + np.random.default_rng(0).uniform(-0.3, 0.3, z.shape).astype("float32")
    detector.prune(z)
    np.testing.assert_array_equal(array(detector.alive), [1, 0, 1])
    detector.set_radii(z)
    d = np.square(z[12:] - CENTERS[2]).sum(axis=1)
    assert array(detector.squared_radii)[2] == pytest.approx(np.quantile(d, 0.7), rel=1e-4)


def test_without_labels_it_is_its_label_free_twin():
    x, _ = films_and_labels()
    unknown, none = DMSAD(**TINY), DMSAD(**TINY)
    unknown.fit(x, np.full(12, np.nan), verbose=0)
    none.fit(x, verbose=0)
    for a, b in zip(unknown.get_weights(), none.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_known_anomalies_are_pushed_out_of_the_spheres():
    x, y, _ = discs(64, size=8, abnormal=0.25)
    options = TINY | {"latent_dim": 4, "width": 4, "blocks": (1, 1)}
    options |= {"epochs": 40, "learning_rate": 5e-3, "pretraining_epochs": 3}
    ratios = []
    for labels in (np.where(y == 1, 1, np.nan), None):
        detector = DMSAD(**options)
        detector.fit(x, labels, verbose=0)
        distance = detector.predict(x, verbose=0)["distance"]
        ratios.append(np.median(distance[y == 1]) / np.median(distance[y == 0]))
    assert ratios[0] > 3 * ratios[1]


def test_what_it_cannot_work_with_is_refused():
    with pytest.raises(ValueError, match="linear, square_root, sigmoid, not sphere_loss='cubic'"):
        DMSAD(sphere_loss="cubic")
    with pytest.raises(ValueError, match="DMSAD needs at least one sphere and a share"):
        DMSAD(gamma=1.5)
