"""Fits: training, scoring and reading.

`python -m lib.fits train mura` trains the fits that params/ specifies for a data set, `score` in
the place of `train` scores films with their weights, and `run` does both, one fit after the other;
further arguments name a method and a seed. Each fit has its own folder, which is either complete or
absent:

- build/fits/<data set>/<method>/<variant>/<seed>/: `weights.weights.h5`; `history.csv`, one row per
  epoch; `drawn.npz`, images of a generator during training (lib.samples); `record.json`, origin and
  outcome of the fit.
- build/scores/.../: `scores.csv`, image_id and every score of all films except the training films,
  no labels; for a fit without variant also the data of its card (lib.fits.evidence); `record.json`.

`lib.fits.store` reads them, `detector(fit)` returns the trained detector.
"""
