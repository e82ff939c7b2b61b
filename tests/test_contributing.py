"""What CONTRIBUTING.md promises: a method is one file and one entry, an ablation one entry."""

import pytest
from conftest import Study, copy_of_working_tree

from lib import ROOT

TOY = '''"""A film is abnormal where it differs from the mean of its neighbourhood."""

import keras
from keras import ops

from lib.detector import Detector


class Toy(Detector):
    """One convolution that predicts a film from a blurred film."""

    players = {"loss": ["network"]}

    def __init__(self, *, width=5, epochs=20, learning_rate=0.01, **common):
        super().__init__(epochs=epochs, learning_rate=learning_rate, **common)
        film = keras.Input((self.image_size, self.image_size, 1))
        blurred = keras.layers.AveragePooling2D(width, strides=1, padding="same")(film)
        self.network = keras.Model(film, keras.layers.Conv2D(1, width, padding="same")(blurred))

    def compute_losses(self, x, y=None, training=False):
        return {"loss": ops.mean(self.examine(x)["map"])}

    def examine(self, x):
        return {"map": ops.square(x - self.network(x))[..., 0]}
'''

MINE = """      widths: # an ablation is one entry
        question: How wide?
        datasets: [rsna]
        methods: [toy]
        seeds: [0]
        variants: [{width: 3}, {width: 5}]
      contamination: &contamination"""

FIT_ON_DISCS = """
import sys
sys.path.append("tests")
from discs import discs
from lib import methods, params
from sklearn.metrics import roc_auc_score

assert "toy" in methods.names()
normals, _, _ = discs(64, abnormal=0.0, seed=0)
films, labels, _ = discs(64, abnormal=0.5, seed=1)
detector = methods.find("toy")(image_size=32, **params.profile()["toy"])
detector.fit(normals, verbose=0)
print(roc_auc_score(labels, detector.anomaly_score(films)))
"""


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Study:
    """Return a copy of the repository with the two steps done, and an ablation declared."""
    study = Study(copy_of_working_tree(tmp_path_factory.mktemp("contributing")))
    (study.folder / "lib/methods/toy.py").write_text(TOY)
    study.edit("params/study.yaml", "methods: [anoddpm, syn", "methods: [toy, anoddpm, syn")
    study.edit("params/study.yaml", "      contamination: &contamination", MINE)
    return study


def test_the_new_method_is_found_and_detects(study):
    run = study.run("python", "-c", FIT_ON_DISCS)
    assert run.returncode == 0, run.stderr[-2000:]
    assert float(run.stdout.split()[-1]) > 0.8


def test_the_study_asks_for_its_fits_and_for_those_of_an_ablation(study):
    asked = "from lib import ablations; print(*map(str, ablations.every_fit('rsna')), sep='\\n')"
    fits = study.run("python", "-c", asked).stdout.splitlines()
    assert {"rsna/toy/0", "rsna/toy/width 3/0"} <= set(fits)
    assert "rsna/toy/width 5/0" in fits, "a class default is not known without the class"
    stages = study.dvc("stage", "list", "--all", "--name-only")
    assert stages.returncode == 0, stages.stderr
    assert {"fits@rsna", "ablation@widths"} <= set(stages.stdout.split())


def test_the_guide_is_short():
    guide = (ROOT / "CONTRIBUTING.md").read_text()
    assert len(guide.splitlines()) <= 17
    for place in ("lib/methods/<name>.py", "params/study.yaml", "params/quick.yaml"):
        assert place in guide
