"""DDAD: its scores by hand, who trains which module, and what a pool with anomalies teaches."""

import numpy as np
import pytest
from discs import discs
from sklearn.metrics import roc_auc_score

from lib.methods.ddad import DDAD

TINY = {"image_size": 8, "width": 2, "latent_dim": 2, "batch_size": 8, "epochs": 2, "members": 2}


def known_and_pool():
    """Six known normal films, then ten of a pool, and their labels."""
    x = discs(16, size=8, abnormal=0.5)[0]
    return x, np.array([0.0] * 6 + [np.nan] * 10, "float32")


def weights_after(x, y=None):
    """Return {module: its weights, batch norm's averages among them} after a fit."""
    detector = DDAD(**TINY)
    detector.fit(x, y, verbose=0)
    return {name: getattr(detector, name).get_weights() for name in ("module_a", "module_b")}


@pytest.fixture(scope="module")
def trained():
    """Return the weights after a fit with known normal films and a pool."""
    return weights_after(*known_and_pool())


def same(some, others):
    """Return whether two lists of weights are equal in each number."""
    return all(np.array_equal(a, b) for a, b in zip(some, others, strict=True))


def test_scores_are_their_formulas():
    x = discs(5, size=8)[0]
    detector = DDAD(**TINY | {"members": 3, "score_name": "intra"})
    a, b = (
        np.stack([module.get_layer(f"autoencoder_{k}")(x)[..., 0] for k in range(3)])
        for module in (detector.module_a, detector.module_b)
    )
    by_hand = {
        "inter": np.abs(a.mean(0) - b.mean(0)),
        "intra": np.std(b, axis=0),
        "residual": np.square(x[..., 0] - b.mean(0)),
    }
    outputs = detector.predict(x, verbose=0)
    for name, expected in by_hand.items():
        np.testing.assert_allclose(outputs[name], expected.mean((1, 2)), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(outputs["map"], by_hand["intra"], rtol=1e-3, atol=1e-5)
    np.testing.assert_array_equal(outputs["score"], outputs["intra"])
    np.testing.assert_allclose(detector.reconstruction(x)[..., 0], b.mean(0), atol=1e-5)
    loss = detector.compute_losses(x)["module_a_loss"]
    assert float(loss) == pytest.approx(np.square(x[..., 0] - a).mean(), rel=1e-4)


def test_modules_of_equal_weights_do_not_differ():
    x, detector = discs(5, size=8)[0], DDAD(**TINY)
    assert detector.predict(x, verbose=0)["inter"].min() > 0
    detector.module_b.set_weights(detector.module_a.get_weights())
    np.testing.assert_array_equal(detector.predict(x, verbose=0)["inter"], 0)


def test_members_differ_before_and_after_training():
    x, detector = discs(16, size=8)[0], DDAD(**TINY)
    for _ in range(2):
        for module in (detector.module_a, detector.module_b):
            redrawn = np.asarray(module(x))
            assert np.abs(redrawn[..., 0] - redrawn[..., 1]).mean() > 1e-3
        detector.fit(x, verbose=0)


def test_the_pool_teaches_module_a_and_leaves_no_trace_in_module_b(trained):
    x, y = known_and_pool()
    other = np.where(np.isnan(y)[:, None, None, None], -x, x)  # the same known films, another pool
    with_other = weights_after(other, y)
    assert same(trained["module_b"], with_other["module_b"])
    assert not same(trained["module_a"], with_other["module_a"])


def test_films_known_to_be_abnormal_teach_neither_module(trained):
    x, y = known_and_pool()
    with_abnormal = weights_after(np.concatenate([x, -x[:4]]), np.append(y, np.ones(4)))
    assert same(trained["module_a"], with_abnormal["module_a"])
    assert same(trained["module_b"], with_abnormal["module_b"])


def test_without_known_normals_both_modules_see_all_films():
    x, y = known_and_pool()
    all_normal = weights_after(x, np.zeros_like(y))
    for labels in (None, np.full_like(y, np.nan)):
        unlabelled = weights_after(x, labels)
        assert same(unlabelled["module_a"], all_normal["module_a"])
        assert same(unlabelled["module_b"], all_normal["module_b"])


def test_both_modules_are_validated_on_films_not_known_to_be_abnormal():
    x, y = known_and_pool()
    check = np.concatenate([x[:4], np.full_like(x[:1], np.nan)]), np.array([0, 0, np.nan, 0, 1])
    history = DDAD(**TINY).fit(x, y, check, verbose=0).history
    for name in ("module_b_loss", "module_b_val_loss"):
        assert np.isfinite(history[name]).tolist() == [True, True, False, False]
    for name in ("module_a_loss", "val_module_a_loss"):
        assert np.isfinite(history[name]).tolist() == [False, False, True, True]


def test_what_it_cannot_work_with_is_refused():
    with pytest.raises(ValueError, match="two members or more in a module, not 1"):
        DDAD(members=1)
    with pytest.raises(ValueError, match="all are abnormal"):
        DDAD(**TINY).fit(discs(4, size=8)[0], np.ones(4))


def test_a_pool_teaches_a_to_redraw_anomalies_where_noise_hides_them_from_the_residual():
    def noisy(n, seed):
        films, labels, squares = discs(n, abnormal=0.5, seed=seed)
        random = np.random.default_rng(seed)
        noise = random.uniform(0, 0.6, (n, 1, 1, 1)) * random.normal(size=films.shape)
        return np.clip(films + noise, -1, 1).astype("float32"), labels, squares

    x, y, _ = noisy(160, seed=0)
    detector = DDAD(image_size=32, members=2, width=8, epochs=20, batch_size=16, learning_rate=5e-3)
    detector.fit(x, np.where(y == 1, np.nan, 0), verbose=0)
    films, labels, squares = noisy(80, seed=1)
    a, b = (
        np.square(films[..., 0] - np.asarray(module(films)).mean(-1))[squares].mean()
        for module in (detector.module_a, detector.module_b)
    )
    assert a < 0.95 * b
    scores = detector.predict(films, verbose=0)
    inter, residual = (roc_auc_score(labels, scores[name]) for name in ("inter", "residual"))
    assert inter > residual
