"""A film is decoded once, for its row of the index and for its pictures, which are aligned."""

import json
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
from written_films import smooth_film, write_wavelets

from lib import burned_in, files, processes, provenance
from lib.datasets.index import list_films
from lib.datasets.table import load_index
from lib.errors import BadData
from lib.films import UnreadableFilm, picture, read_film, read_reduced
from lib.preprocessing import one_pass, prepare, warp_mask
from lib.preprocessing.one_pass import write_index_and_arrays

ENTRY = {
    "layout": "folder",
    "folder": "ours",
    "normal": ["z_healthy", "healthy_test"],
    "abnormal": ["broken", "broken_test"],
    "test": ["healthy_test", "broken_test"],
    "patient": r"p(\d+)_",
    "body": "limb",
    "images": {"size": 24, "equalize": "clahe"},
}
DAMAGED, COPIED, MASKED = "broken/p8_b.png", "z_healthy/p0_a.png", "broken/p2_b.png"


@pytest.fixture
def root(tmp_path):
    """72 films of all sizes: one damaged, one copied to the test list, one with a lesion mask."""
    generator = np.random.default_rng(0)
    ours = tmp_path / "data/ours"
    for number in range(72):
        kind = ("healthy_test", "broken_test") if number >= 48 else ("z_healthy", "broken")
        path = ours / kind[number % 2] / f"p{number - number % 2}_{'ab'[number % 2]}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        shape = generator.integers(30, 60, 2)
        cv2.imwrite(str(path), generator.integers(0, 256, shape, np.uint8))
    whole = (ours / DAMAGED).read_bytes()
    (ours / DAMAGED).write_bytes(whole[: len(whole) // 2])
    (ours / "healthy_test/p90_a.png").write_bytes((ours / COPIED).read_bytes())
    mask = np.zeros(read_film(ours / MASKED).shape, np.uint8)
    mask[10:20, 5:25] = 255
    cv2.imwrite(str(mask_of(tmp_path)), mask)
    (tmp_path / "params").mkdir()
    write_entry(tmp_path, ENTRY)
    return tmp_path


def write_entry(root: Path, entry: dict) -> None:
    (root / "params/datasets.yaml").write_text(json.dumps({"datasets": {"ours": entry}}))


def mask_of(root: Path) -> Path:
    return root / "data/ours/broken/p2_b_mask.png"


def arrays_of(root: Path) -> list[np.ndarray]:
    kinds = ("", "body", "lesions")
    return [np.load(files.images("ours", kind, root / "build")) for kind in kinds]


@pytest.mark.parametrize("cores", [1, 2])
def test_a_row_of_the_arrays_is_the_film_of_that_row_of_the_index(root, monkeypatch, cores):
    monkeypatch.setattr(processes, "CORES", cores)
    protocol = write_index_and_arrays("ours", root).set_index("step")["count"]
    index = load_index(files.index("ours", root / "build"))
    paths = [path.removeprefix("ours/") for path in index["path"]]
    listed = list_films("ours", ENTRY, root / "data").films["path"]
    listed = [Path(path).relative_to(root / "data/ours").as_posix() for path in listed]
    assert set(listed) - set(paths) == {DAMAGED, COPIED} and protocol["left out: unreadable"] == 1
    assert [path for path in listed if path in paths] != paths, "the order need not change"

    mask = cv2.imread(str(mask_of(root)), 0)
    for path, image, body, lesions in zip(paths, *arrays_of(root), strict=True):
        film = prepare(read_film(root / "data/ours" / path), size=24)
        assert np.array_equal(image, film.image) and np.array_equal(body, film.body), path
        drawn = warp_mask(mask, film.matrix, 24) if path == MASKED else np.zeros((24, 24))
        assert np.array_equal(lesions, drawn) and lesions.any() == (path == MASKED)
    written = {path.name for path in (root / "build/images").iterdir()}
    assert written == {"ours.npy", "ours.body.npy", "ours.lesions.npy"}


def test_a_film_that_is_read_at_half_its_size_has_its_own_size_and_lesions(root, monkeypatch):
    monkeypatch.setattr(processes, "CORES", 1)
    monkeypatch.setattr(one_pass, "enough", lambda size: 100)
    film, path = smooth_film(300, 244), root / "data/ours" / MASKED
    mask = np.zeros(film.shape, np.uint8)
    mask[60:160, 30:130] = 255
    cv2.imwrite(str(mask_of(root)), mask)
    path.unlink()
    write_wavelets(path.with_suffix(".dcm"), film)
    write_index_and_arrays("ours", root)
    index = load_index(files.index("ours", root / "build"))
    (row,) = np.flatnonzero(index["path"].str.endswith(".dcm"))
    assert index.loc[row, ["height", "width"]].tolist() == [300, 244]
    image, body, lesions = (array[row] for array in arrays_of(root))
    half = read_reduced(path.with_suffix(".dcm"), 100)
    assert half.grey.shape == (150, 122)
    prepared = prepare(half.grey, size=24)
    assert np.array_equal(image, prepared.image) and np.array_equal(body, prepared.body)
    assert np.array_equal(lesions, warp_mask(mask, prepare(film, size=24).matrix, 24))


def test_each_film_is_decoded_once_also_where_text_is_looked_for(root, monkeypatch):
    decoded: Counter[Path] = Counter()
    decode = picture._upright

    def counted(path):
        decoded[path] += 1
        return decode(path)

    monkeypatch.setattr(picture, "_upright", counted)
    monkeypatch.setattr(processes, "CORES", 1)
    monkeypatch.setattr(provenance, "holds_phantoms", lambda root: False)
    monkeypatch.setattr(burned_in, "shows_text", lambda grey: True)
    protocol = write_index_and_arrays("ours", root).set_index("step")["count"]
    assert protocol[burned_in.LOOKED_AT] == protocol[burned_in.SHOWN] == 71
    films = {path for path in (root / "data/ours").rglob("*.png") if path != mask_of(root)}
    assert {path: decoded[path] for path in films} == dict.fromkeys(films, 1) and len(films) == 73


def test_a_damaged_mask_is_named_and_nothing_is_written(root, monkeypatch):
    monkeypatch.setattr(processes, "CORES", 1)
    mask_of(root).write_bytes(mask_of(root).read_bytes()[:-30])
    with pytest.raises(BadData, match=r"p2_b_mask\.png is not a mask of \d+ x \d+ pixels"):
        write_index_and_arrays("ours", root)
    assert not list((root / "build/images").iterdir()) and not (root / "build/index").exists()


def test_a_film_that_cannot_be_prepared_is_named_and_nothing_is_written(root, monkeypatch):
    monkeypatch.setattr(processes, "CORES", 1)
    write_entry(root, ENTRY | {"images": {"size": 24, "equalize": "evenly"}})
    with pytest.raises(UnreadableFilm, match=r"ours/.*\.png: equalize is 'evenly'"):
        write_index_and_arrays("ours", root)
    assert not list((root / "build/images").iterdir()) and not (root / "build/index").exists()
