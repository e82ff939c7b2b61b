"""Opens the notebooks in JupyterLab: `make lab`.

Kernels inherit what `import lib` sets, the number of threads above all: a notebook imports pandas
before lib, and its numeric libraries read their settings when they are loaded.
"""

import os
import sys

from lib import ROOT

if __name__ == "__main__":
    jupyterlab = [sys.executable, "-m", "jupyterlab", *sys.argv[1:], str(ROOT / "notebooks")]
    os.execv(sys.executable, jupyterlab)
