"""Methods that `make test` leaves to `make test ALL=yes` where another has the same parts.

Each method trains on toy films in `make test` (tests/test_methods.py). That XLA compiles its
updates and that it learns on JAX is shown there by one method for each way of training, and by
every method that is not listed here, so that a new one is tested in full.
"""

import pytest

from lib import methods

#: method -> the one whose stages, players and layers it has: they differ in loss, score or sizes.
BY = {
    "ae_u": "vae",
    "alpha_gan": "f_anogan",
    "arae": "autoencoder",
    "bigan": "f_anogan",
    "contrastive_dmsad": "dmsad",
    "deep_sad": "deep_svdd",
    "dmsvdd": "dmsad",
    "drocc": "drocc_lf",
    "feature_autoencoder": "feature_flow",
    "feature_deep_sad": "feature_flow",
    "feature_distance": "padim",
    "joint_deep_svdd": "joint_deep_sad",
    "joint_dmsad": "joint_deep_sad",
    "joint_dmsvdd": "joint_deep_sad",
    "lesion_deep_sad": "synthetic_lesions",
    "lesion_logistic": "synthetic_lesions",
    "lesion_network": "lesion_head",
    "patchcore": "padim",
    "reverse_distillation": "feature_flow",
    "transfer_resnet": "resnet",
    "vae_gan": "f_anogan",
}


def every_method() -> list:
    """Return the names of all methods as parameters of a test; those of BY are marked."""
    marked = {name: pytest.param(name, marks=pytest.mark.extended) for name in BY}
    return [marked.get(name, name) for name in methods.names()]
