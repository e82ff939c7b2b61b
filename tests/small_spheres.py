"""Networks of the SVDD family that a test can train in seconds, and what labels do to them."""

import numpy as np
from discs import discs

AT_8_PIXELS = {
    "image_size": 8,
    "width": 2,
    "blocks": (1, 1),
    "latent_dim": 2,
    "batch_size": 8,
    "epochs": 2,
    "batches_before_center": 4,
}
AT_32_PIXELS = AT_8_PIXELS | {"image_size": 32, "width": 4, "blocks": (1, 1, 1), "latent_dim": 4}
DROCC_AT_8_PIXELS = {
    "image_size": 8,
    "width": 2,
    "latent_dim": 4,
    "batch_size": 8,
    "warm_up_epochs": 1,
}


def gain_by_labels(method, score, **options) -> float:
    """Return how far labels push anomalies: the ratio of mean scores, with and without."""
    x, y, _ = discs(48, abnormal=0.25)
    ratio = {}
    for given, labels in {"true": y, "none": np.full_like(y, np.nan)}.items():
        detector = method(**options | {"epochs": 12}, learning_rate=5e-3)
        detector.fit(x, labels, verbose=0)
        values = detector.predict(x, verbose=0)[score]
        ratio[given] = values[y == 1].mean() / values[y == 0].mean()
    return ratio["true"] / ratio["none"]
