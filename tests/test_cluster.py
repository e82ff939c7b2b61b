"""Fits on a cluster: the same scores as on this machine, also when a machine of it dies."""

import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import yaml

from lib import ROOT, files, params
from lib.errors import BadData
from lib.fits import cluster, resources, shipping
from lib.grid import Fit

pytestmark = pytest.mark.seconds(100)
FIT = Fit("toy", "nsa")
MILLION = 10**6


@pytest.fixture
def films(tmp_path, monkeypatch):
    """Return a data set of 100 films of 64 pixels, and params/cluster.yaml as a dictionary."""
    monkeypatch.setattr(files, "BUILD", tmp_path)
    files.images("toy").parent.mkdir()
    np.save(files.images("toy"), np.zeros((100, 64, 64), np.uint8))
    asked: dict = {"default": {"cpus": 2}}
    read = params.read
    monkeypatch.setattr(
        params, "read", lambda name: {"quick": asked} if name == "cluster" else read(name)
    )
    return asked


def test_memory_follows_from_films_unless_it_is_named(films):
    asked = resources.of(FIT)
    assert (asked.cpus, asked.gpus) == (2, 0)
    assert asked.memory == 1e9 + 6 * 4 * 100 * 64 * 64
    films["nsa"] = {"gpus": 0.5, "memory_gb": 24}
    assert resources.of(FIT) == (2, 0.5, 24e9)
    assert resources.of(Fit("toy", "vae")).gpus == 0


@pytest.mark.parametrize("entry", [{"gpu": 1}, {"cpus": "all"}, {"cpus": -1}])
def test_an_entry_that_cannot_be_read_is_one_sentence(films, entry):
    films["nsa"] = entry
    with pytest.raises(BadData, match=r"^params/cluster.yaml asks for .* for nsa: it may name"):
        resources.of(FIT)


def test_more_than_any_machine_has_is_refused(films):
    """Also more than any one machine has: Ray would wait for ever."""
    machine = {"Alive": True, "Resources": {"CPU": 8.0, "memory": 4e9}}
    ray = SimpleNamespace(nodes=lambda: [machine] * 2)
    films["nsa"] = {"gpus": 1}
    with pytest.raises(BadData, match=r"^toy/nsa/0 asks for 1 GPU, and no machine .* more than 0:"):
        cluster.Cluster(ray).submit(print, "train", FIT, False)
    films["nsa"] = {"memory_gb": 5}
    with pytest.raises(BadData, match=r"asks for 5 GB of memory, and .* has more than 4:"):
        cluster.Cluster(ray).submit(print, "train", FIT, False)


def test_no_cluster_is_asked_for_and_an_unknown_one_is_refused():
    with cluster.executor("") as here, cluster.executor("local") as there:
        assert here is there is None
    with pytest.raises(BadData, match=r"ON=slurm is unknown"), cluster.executor("slurm"):
        pass


def test_a_file_is_sent_once_and_again_when_it_has_changed(tmp_path, monkeypatch):
    monkeypatch.setattr(shipping, "ROOT", tmp_path)
    fetched = []

    def content():
        fetched.append(1)
        return np.frombuffer(b"films of now", np.uint8)

    for _ in range(2):
        shipping.lay(Path("build/films.npy"), "a hash", content)
    assert (tmp_path / "build/films.npy").read_bytes() == b"films of now"
    assert len(fetched) == 1
    shipping.lay(Path("build/films.npy"), "another hash", content)
    assert len(fetched) == 2


def test_the_folders_of_a_fit_travel_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "BUILD", tmp_path / "there")
    for folder in (files.trained(FIT), files.scored(FIT)):
        (folder / "deep").mkdir(parents=True)
        (folder / "deep/x.bin").write_bytes(folder.parts[-5].encode())
    archive = shipping.pack(FIT)
    monkeypatch.setattr(files, "BUILD", tmp_path / "here")
    files.trained(FIT).mkdir(parents=True)
    (files.trained(FIT) / "of an earlier attempt").touch()
    shipping.unpack(FIT, archive)
    sent, received = (sorted((tmp_path / side).rglob("*.bin")) for side in ("there", "here"))
    assert [path.read_bytes() for path in sent] == [path.read_bytes() for path in received]
    assert len(received) == 2 and not (files.trained(FIT) / "of an earlier attempt").exists()


def test_the_files_for_schedulers_are_well_formed():
    folder = ROOT / "docs/cluster"
    subprocess.run(["bash", "-n", folder / "slurm.sh"], check=True)
    job = yaml.safe_load((folder / "kubernetes.yaml").read_text())
    assert job["kind"] == "RayJob" and "make study ON=ray" in job["spec"]["entrypoint"]
    pinned = (ROOT / "requirements.txt").read_text()
    assert f"ray=={job['spec']['rayClusterSpec']['rayVersion']} " in pinned


@pytest.fixture
def study_without_fits(small_study):
    """Yield a copy of the small study whose autoencoders are still to be trained; their scores."""
    folder = small_study.folder / "build"
    place = Path("rsna/autoencoder")
    scores = {
        path.relative_to(folder): path.read_bytes()
        for path in (folder / "scores" / place).rglob(files.SCORES)
    }
    assert len(scores) == 4
    for kind in ("fits", "scores"):
        shutil.rmtree(folder / kind / place)
    yield small_study, scores
    assert {path: (folder / path).read_bytes() for path in scores} == scores
    assert not list(folder.rglob("*.partial"))


@pytest.mark.extended
def test_a_cluster_gives_the_same_scores(study_without_fits):
    pytest.importorskip("ray")
    study, _ = study_without_fits
    study.environment |= {"ON": "ray"}
    run = study.run(sys.executable, "-m", "lib.fits", "run", "rsna", "autoencoder")
    assert run.returncode == 0, run.stderr[-3000:]


def test_a_machine_that_sees_no_folder_dies_and_its_fit_runs_on_another(study_without_fits):
    ray_cluster = pytest.importorskip("ray.cluster_utils")
    study, scores = study_without_fits
    small = {"object_store_memory": 80 * MILLION, "memory": 3000 * MILLION}
    machines = ray_cluster.Cluster(True, head_node_args={"num_cpus": 0, **small})
    try:
        dying, _ = (machines.add_node(num_cpus=1, **small) for _ in range(2))
        study.environment |= {"ON": f"ray:{machines.address}", "SHIP": "yes"}
        command = [sys.executable, "-m", "lib.fits", "run", "rsna", "autoencoder"]
        with subprocess.Popen(
            command, cwd=study.folder, env=study.environment, stderr=subprocess.PIPE, text=True
        ) as run:
            first = [study.folder / "build" / path for path in scores]
            while run.poll() is None and not any(path.exists() for path in first):
                time.sleep(0.1)
            machines.remove_node(dying, allow_graceful=False)
            _, errors = run.communicate()
        assert run.returncode == 0, errors[-3000:]
    finally:
        machines.shutdown()
    records = (study.folder / "build/fits/rsna/autoencoder").rglob(files.RECORD)
    commits = {yaml.safe_load(path.read_text())["trace"]["commit"] for path in records}
    assert len(commits) == 1 and "no git" not in commits.pop()
