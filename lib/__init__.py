"""The library that the notebooks of the study import."""

import os
import sys
from pathlib import Path

#: The repository's root, from which all paths of the study start, wherever a notebook runs.
ROOT = Path(__file__).resolve().parent.parent

# Sums that several threads share round otherwise, and so do the numbers of the study: one thread
# gives the same numbers on every CPU. Small networks are hardly slower with it, and what runs
# beside something else is faster, as OpenMP's threads spin while they wait for a core. TensorFlow,
# OpenMP (in scikit-learn) and OpenBLAS (in numpy) read these when they are loaded; whoever sets
# other numbers gets numbers of their own.
_THREADS = {"TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"}
_UNSET = _THREADS - os.environ.keys()
os.environ.update(dict.fromkeys(_UNSET, "1"))

# Notebooks import numpy before lib. Their kernels have the numbers from the start where `make lab`
# or lib.report started them; in a kernel of another editor what is loaded already is set here.
if "numpy" in sys.modules:
    from threadpoolctl import threadpool_limits

    _LOADED = {"OMP_NUM_THREADS": "openmp", "OPENBLAS_NUM_THREADS": "blas"}
    threadpool_limits({_LOADED[name]: 1 for name in _UNSET & _LOADED.keys()})

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
