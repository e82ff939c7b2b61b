"""AUROC of trained detectors on test films that are perturbed as films of real life are.

`python -m lib.robustness rsna` writes build/robustness/rsna.csv (columns in lib.robustness.table).
A film is perturbed as its file gives it, and then prepared as every film is, so that what the
preparation corrects costs nothing. Nothing is trained, and no threshold is set. Fits, films and
strengths are given in params/robustness.yaml.
"""
