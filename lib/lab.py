"""Open the notebooks in JupyterLab: `make lab`.

Kernels inherit the settings made by `import lib`, in particular the number of threads: notebooks
import pandas before lib, and numeric libraries read their settings when they are loaded.
"""

import os
import sys

from lib import ROOT

if __name__ == "__main__":
    jupyterlab = [sys.executable, "-m", "jupyterlab", *sys.argv[1:], str(ROOT / "notebooks")]
    os.execv(sys.executable, jupyterlab)
