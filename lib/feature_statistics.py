"""What methods share that take statistics of the features of normal films, without gradients."""

from lib.feature_detector import FeatureDetector


class FeatureStatistics(FeatureDetector):
    """A method without gradients: statistics of normal features, computed at once.

    It defines `estimate(normal)`, which sets its weights.

    - `epochs`: 0, as there is nothing to train
    """

    def __init__(self, *, epochs=0, **common):
        super().__init__(epochs=epochs, **common)
        if epochs:
            raise ValueError(f"{self.title} is not trained in epochs: leave `epochs` out.")

    def fixed_weight(self, name, *shape):
        """Return a weight without gradient, for a statistic."""
        return self.add_weight(shape=shape, name=name, initializer="zeros", trainable=False)

    def before_training(self, x, y=None, validation_data=None, **options):
        """Estimate the statistics of the films not labelled abnormal.

        Raises ValueError if they are fewer than two.
        """
        normal = self.normal_features(x, y)
        if len(normal) < 2:
            raise ValueError(
                f"{self.title} needs two films or more that are not labelled abnormal, not "
                f"{len(normal)}."
            )
        self.estimate(normal)
        return {}

    def estimate(self, normal):
        """Set the weights from features (n, ...) of normal films."""
        raise NotImplementedError(f"{self.title} has no estimate.")
