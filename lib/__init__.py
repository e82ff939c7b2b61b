"""The library that the notebooks of the study import."""

import os
from pathlib import Path

#: The repository's root, from which all paths of the study start, wherever a notebook runs.
ROOT = Path(__file__).resolve().parent.parent

# Sums that several threads share round otherwise, and so do the numbers of the study: one thread
# gives the same numbers on every CPU. Small networks are hardly slower with it, and what runs
# beside something else is faster, as OpenMP's threads spin while they wait for a core. TensorFlow,
# OpenMP (in scikit-learn) and OpenBLAS (in numpy) read these when they are imported; whoever sets
# other numbers gets numbers of their own.
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# Keras, matplotlib and IPython would read what earlier work has left at home: another data format
# or precision, a style of figures, code that runs first. From these folders, which hold nothing,
# they take their defaults. Workers and kernels inherit them; KERAS_BACKEND stays a choice.
os.environ["KERAS_HOME"] = str(ROOT / "build/settings/keras")
os.environ["MPLCONFIGDIR"] = str(ROOT / "build/settings/matplotlib")
os.environ["IPYTHONDIR"] = str(ROOT / "build/settings/ipython")

# What a shell may still hold of the kind, down to kernels of another Python and shorter fits.
_OF_A_SHELL = ["MATPLOTLIBRC", "PYTHONSTARTUP", "JUPYTER_PATH"]
_OF_A_SHELL += ["KERAS_MAX_EPOCHS", "KERAS_MAX_STEPS_PER_EPOCH"]
for _name in _OF_A_SHELL:
    os.environ.pop(_name, None)
if not os.environ.get("MPLBACKEND", "").startswith("module://"):  # which is a kernel's own
    os.environ.pop("MPLBACKEND", None)
