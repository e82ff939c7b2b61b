"""Toy films: a normal film holds one grey disc, an abnormal one has a bright square in it."""

import numpy as np


def discs(n, size=32, abnormal=0.0, seed=0):
    """Return films (n, size, size, 1) in [-1, 1], labels (n,), masks (n, size, size)."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:size, :size]
    labels = (np.arange(n) < round(abnormal * n)).astype("float32")
    films = np.full((n, size, size), -1.0)
    masks = np.zeros((n, size, size), bool)
    for film, mask, label in zip(films, masks, labels, strict=True):
        row, column = random.uniform(0.42, 0.58, 2) * size
        film[np.hypot(rows - row, columns - column) < random.uniform(0.3, 0.36) * size] = 0.0
        if label:
            top, left = (np.array([row, column]) + random.uniform(-0.2, 0.05, 2) * size).astype(int)
            mask[top : top + size // 6, left : left + size // 6] = True
            film[mask] = 1.0
    films += random.normal(0.0, 0.05, films.shape)
    order = random.permutation(n)
    return np.clip(films, -1, 1).astype("float32")[order, ..., None], labels[order], masks[order]
