"""Further training of a pretrained backbone: what of it is trained, and at which learning rate."""

import keras
from keras import layers


def unfreeze(backbone):
    """Make a backbone trainable except for its batch norm, which remains in inference mode."""
    backbone.trainable = True
    for layer in backbone.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.trainable = False  # which also keeps it in inference mode


def rising_and_falling(peak, steps):
    """Return a learning rate: 0 to `peak` in a tenth of the steps, then to 0 along a cosine."""
    warm_up = max(1, steps // 10)
    return keras.optimizers.schedules.CosineDecay(
        0.0, max(1, steps - warm_up), warmup_target=peak, warmup_steps=warm_up
    )
