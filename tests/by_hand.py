"""What tests of methods compute without the network: plain numbers, no loss of keras."""

import numpy as np
from keras import ops


def array(tensor):
    """Return a tensor as a numpy array."""
    return ops.convert_to_numpy(tensor)


def cross_entropy(logit, target):
    """Return the mean over films, from probabilities."""
    probability = 1 / (1 + np.exp(-array(logit).astype(float)))
    return -np.log(probability if target else 1 - probability).mean()
