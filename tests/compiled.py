"""Training as on a GPU, for tests on the CPU: XLA compiles updates, networks are in bfloat16."""

import os

import keras
import numpy as np
import pytest
from discs import discs

from lib import methods
from lib.collapse import Collapsed
from lib.feature_detector import FeatureDetector
from lib.feature_statistics import FeatureStatistics
from lib.fits.keywords import keywords

os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")  # compiles sooner

SMALL = {
    **{"image_size": 16, "batch_size": 8, "epochs": 1},
    **{"width": 8, "latent_dim": 4, "blocks": (1, 1), "members": 1, "spheres": 2, "fields": 8},
    **{"pretraining_epochs": 1, "gan_epochs": 1, "warm_up_epochs": 1, "attention": (8,)},
    **{"ascent_steps": 2, "n_critic": 2, "film_size": 32, "drawings": 8},
}
#: The U-Nets: of their gradients in bfloat16 XLA for CPUs says that it disallows mixed precision.
IN_FLOAT32 = {"synthetic_lesions", "lesion_deep_sad", "lesion_logistic"}
OF_METHODS = {"ddad": {"members": 2}}  # of two stages


def train_compiled(name, monkeypatch, **options):
    """Train a small detector of a method, all its stages, for an epoch of one update each.

    Layers of networks on films compute in bfloat16; weights and scores are float32.
    """
    monkeypatch.setattr("lib.engine.XLA", True)
    method = methods.find(name)
    if issubclass(method, FeatureStatistics):
        pytest.skip("has no updates")
    if not issubclass(method, FeatureDetector) and name not in IN_FLOAT32:
        keras.config.set_dtype_policy("mixed_bfloat16")
    small = SMALL | OF_METHODS.get(name, {})
    known = small.keys() & keywords(name).keys()
    x, truth, _ = discs(8, size=16, abnormal=0.5)
    y = np.where(np.arange(8) < 6, truth, np.nan)
    try:
        detector = method(**{key: small[key] for key in known}, **options)
        history = detector.fit(x, y.astype("float32"), verbose=0).history
    except Collapsed as error:  # one update teaches little
        assert "became" not in str(error), "a loss is not finite"
    else:
        assert all(np.isfinite(values).any() for values in history.values())
        assert {weight.dtype for weight in detector.trainable_weights} == {"float32"}
        scores = detector.predict(x, verbose=0)
        assert all(np.isfinite(values).all() for values in scores.values())
        assert scores["score"].dtype == np.float32
    finally:
        keras.config.set_dtype_policy("float32")
        keras.utils.clear_session()  # or each graph slows down the next
