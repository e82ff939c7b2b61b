"""The library that the notebooks of the study import."""

import os
from pathlib import Path

# Sums that several threads share round otherwise, and so do the numbers of the study: one thread
# gives the same numbers on every CPU. Small networks are hardly slower with it, and what runs
# beside something else is faster, as OpenMP's threads spin while they wait for a core. TensorFlow,
# OpenMP (in scikit-learn) and OpenBLAS (in numpy) read these when they are imported; whoever sets
# other numbers gets numbers of their own.
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

#: The repository's root, from which all paths of the study start, wherever a notebook runs.
ROOT = Path(__file__).resolve().parent.parent
