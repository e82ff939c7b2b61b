"""Synthetic lesions in normal films, as training data of a segmentation network.

`drawn` draws them into each batch, in the graph; `pasted` blends patches of normal films into films
before training, with NumPy and SciPy, which solve Poisson's equation. `checks` refuses kinds that
neither has.
"""

from lib.lesions import drawn, pasted

__all__ = ["drawn", "pasted"]
