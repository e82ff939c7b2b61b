"""The library that the notebooks of the study import."""

import os
from pathlib import Path

# Sums that several threads share round otherwise, and so do the numbers of the study: one thread
# gives the same numbers on every CPU, and small networks are hardly slower. TensorFlow reads this
# when it is imported; whoever sets another number gets numbers of their own.
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")

#: The repository's root, from which all paths of the study start, wherever a notebook runs.
ROOT = Path(__file__).resolve().parent.parent
