"""Library of the study, imported by its notebooks.

From a film to its score, in the order of the calls:

1. `lib.films.read_film`: a file becomes grey levels (h, w);
2. `lib.preprocessing.prepare`: these become a picture, uint8 (s, s), which `to_float` scales;
3. `fit` (`lib.engine`) trains a method with its `compute_losses`; `predict` calls its `examine`, or
   its parent's (lib/methods/<name>.py), which `lib.detector` describes: pictures become maps and
   scores, larger is more abnormal;
4. `lib.fits.score.write_scores`: scores of all films but those of training, in scores.csv;
5. `lib.comparison`: scores and labels become measures.

`lib.fits.work` connects 3 and 4 for the study, `lib.reader.Reader` 1 to 3 for a single film.
"""

import os
import sys
from pathlib import Path

#: The repository's root, from which all paths of the study start, wherever a notebook runs.
ROOT = Path(__file__).resolve().parent.parent

# Sums computed by several threads are rounded differently: one thread gives the same results on
# every CPU. Small networks are hardly slower, and parallel processes are faster, since threads of
# OpenMP spin while they wait for a core. TensorFlow, OpenMP (in scikit-learn) and OpenBLAS (in
# numpy) read these variables when they are loaded; other values give slightly different results.
_THREADS = {"TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"}
_UNSET = _THREADS - os.environ.keys()
os.environ.update(dict.fromkeys(_UNSET, "1"))

# Notebooks import numpy before lib. Kernels started by `make lab` or lib.report inherit these
# variables; in the kernel of another editor, libraries that are already loaded are set here.
if "numpy" in sys.modules:
    from threadpoolctl import threadpool_limits

    _LIBRARIES = {"OMP_NUM_THREADS": "openmp", "OPENBLAS_NUM_THREADS": "blas"}
    threadpool_limits({_LIBRARIES[name]: 1 for name in _UNSET & _LIBRARIES.keys()})

# Keras, matplotlib and IPython would read settings of the user's home: another data format or
# precision, a style of figures, start-up code. With these empty folders they use their defaults.
# Workers and kernels inherit them; KERAS_BACKEND can still be chosen.
os.environ["KERAS_HOME"] = str(ROOT / "build/settings/keras")
os.environ["MPLCONFIGDIR"] = str(ROOT / "build/settings/matplotlib")
os.environ["IPYTHONDIR"] = str(ROOT / "build/settings/ipython")

# Similar settings in the environment, including kernels of another Python and shorter fits.
_SHELL_SETTINGS = ["MATPLOTLIBRC", "PYTHONSTARTUP", "JUPYTER_PATH"]
_SHELL_SETTINGS += ["KERAS_MAX_EPOCHS", "KERAS_MAX_STEPS_PER_EPOCH"]
for _name in _SHELL_SETTINGS:
    os.environ.pop(_name, None)
if not os.environ.get("MPLBACKEND", "").startswith("module://"):  # set by a kernel
    os.environ.pop("MPLBACKEND", None)
