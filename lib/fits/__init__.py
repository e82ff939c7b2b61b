"""Fits: how they are trained, scored and read back.

`python -m lib.fits train mura` trains the fits that params/ asks for on a data set, `python -m
lib.fits score mura` scores films with their weights; further words name a method and a seed. Each
fit has a folder of its own, which is there whole or not at all:

- build/fits/<data set>/<method>/<variant>/<seed>/: `weights.weights.h5`; `history.csv`, one row per
  epoch; `drawn.npz`, what a generator drew as it learnt (lib.samples); `record.json`,
  what made the fit and what came of it.
- build/scores/.../: `scores.csv`, image_id and every score of all films but the training films, no
  labels; of a fit without variant also what its card shows (lib.fits.evidence); `record.json`.

`lib.fits.store` reads them back, `detector(fit)` gives the trained detector.
"""
