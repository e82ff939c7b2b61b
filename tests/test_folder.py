"""A user's own folder: classes, findings, masks, studies, films without a label, normals alone."""

import unicodedata

import numpy as np
import pytest
from PIL import Image
from test_datasets import OURS, counts, index_of, noise, write_film, write_ours, write_parts
from test_films import write_dicom

from lib.datasets import words
from lib.datasets.folder import finding_of
from lib.errors import BadData

PLAIN = {key: OURS[key] for key in ("layout", "folder", "normal", "body")} | {"abnormal": "broken"}


def write_mask(path, width=32, height=24):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.eye(height, width, dtype=np.uint8) * 255).save(path)


# --- classes and findings


@pytest.mark.parametrize(
    ("glob", "finding"),
    [
        ("fracture", "fracture"),
        ("*/PNEUMONIA", "PNEUMONIA"),
        ("[tv]*/2", "2"),
        ("knees/*.png", "knees"),
        ("healthy/*", "healthy"),
        ("healthy/*/*", "healthy"),
        ("healthy/images", "healthy"),
        ("**/implant/**", "implant"),
        ("frac*", "frac*"),
        ("*", "abnormal"),
    ],
)
def test_a_finding_is_a_word_of_the_entry(glob, finding):
    assert finding_of(glob, "abnormal") == finding


@pytest.mark.parametrize("below", ["", "/*", "/*/*"])
def test_no_folder_of_a_patient_becomes_a_finding_or_leaves_the_paths(tmp_path, below):
    for number in range(12):
        for kind in ("healthy", "broken"):
            path = tmp_path / f"ours/{kind}/MUSTERMANN ERIKA{number}/ST01/IM01.dcm"
            path.parent.mkdir(parents=True)
            write_dicom(path, noise(path), PatientID=f"MUSTERMANN^{number}", PatientName="MUSTER")
    entry = PLAIN | {"normal": f"healthy{below}", "abnormal": f"broken{below}"}
    tables = index_of(tmp_path, entry)
    index = tables[""]
    assert set(index["finding"]) == {"healthy", "broken"}
    assert index["patient_id"].nunique() == 12 and not index["split"].isna().any()
    shown = "".join(
        table.drop(columns="path", errors="ignore").to_csv() for table in tables.values()
    )
    assert "MUSTER" not in shown


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"normal": "Healthy"},
            r"`normal: Healthy` matches no film below .*: its folders are apart, bro",
        ),
        ({"abnormal": "implant"}, "leave `abnormal` out to study only normal films"),
        ({"test": "Test"}, "`test: Test` matches no film"),
        ({"unlabelled": "new"}, "`unlabelled: new` matches no film"),
        ({"test": "apart"}, "`test: apart` has no film of a class below"),
        ({"abnormal": "apart/none"}, "`abnormal: apart/none` (holds|matches) no film"),
        ({"normal": "a**b"}, r"`normal: a\*\*b` (is not a glob|matches no film)"),
        ({"abnormal": "healthy/ada1*"}, r"both normal and abnormal.*`normal: healthy/\*\.png`"),
    ],
)
def test_globs_that_match_nothing_or_too_much_are_named(tmp_path, change, sentence):
    write_ours(tmp_path)
    write_film(tmp_path / "ours/apart/x.png")
    (tmp_path / "ours/apart/none").mkdir()
    with pytest.raises(BadData, match=sentence) as raised:
        index_of(tmp_path, PLAIN | change)
    assert "\n" not in str(raised.value)


def test_one_glob_of_several_may_match_nothing_and_is_named(tmp_path):
    write_ours(tmp_path)
    with pytest.warns(UserWarning, match="`abnormal: implant` matches no film"):
        index = index_of(tmp_path, OURS | {"abnormal": ["broken", "plate", "implant"]})[""]
    assert len(index) == 24


def test_what_is_no_film_is_counted_by_kind(tmp_path):
    write_ours(tmp_path)
    for name in ("a.npy", "b.NII.gz", "c.heic", "README", "DICOMDIR", "notes.MUSTERMANN", "x.csv"):
        (tmp_path / "ours/healthy" / name).write_bytes(b"x")
    counted = counts(index_of(tmp_path, OURS))
    assert counted["films listed"] == 24 and counted["left out: files that are not films"] == 4
    assert counted["left out: .npy files, which are not read"] == 1
    assert counted["left out: .heic files, which are not read"] == 1
    assert not counted.index.str.contains("muster", case=False).any()


# --- masks


@pytest.mark.parametrize(
    ("mask", "entry"),
    [
        ("ours/broken/ada{}_2_mask.png", {}),
        ("ours/broken/ada{}_2-Mask_1.tif", {}),
        ("ours/broken/ada{}_2_seg.png", {}),
        ("ours/ground_truth/broken/ada{}_2_mask.png", {}),
        ("ours/masks/ada{}_2.png", {}),
        ("ours/Masks/ada{}_2.png", {}),
        ("ours/broken/masks/ada{}_2.png", {}),
        ("ours/broken/labels/ada{}_2.png", {}),
        ("ours/broken/mask_ada{}_2.png", {}),
        ("ours/broken/ada{}_2.png.mask.png", {}),
        ("ours/broken/ada{}_2mask.png", {}),
        ("ours/broken/ada{}_2_roi.png", {}),
        ("ours/outlines/broken/ada{}_2.png", {"masks": "outlines"}),
        ("masks/ours/broken/ada{}_2.png", {}),
    ],
)
def test_masks_are_masks_and_no_films(tmp_path, mask, entry):
    write_ours(tmp_path)
    for patient in (1, 3, 5):
        write_mask(tmp_path / mask.format(patient))
    tables = index_of(tmp_path, OURS | entry)
    assert len(tables[""]) == 24
    drawn = tables["annotations"]
    assert sorted(drawn["mask"]) == [mask.format(patient) for patient in (1, 3, 5)]
    films = tables[""].set_index("image_id")["path"]
    assert sorted(films[drawn["image_id"]]) == [f"ours/broken/ada{n}_2.png" for n in (1, 3, 5)]


def test_several_masks_of_one_film_and_masks_of_none(tmp_path):
    write_ours(tmp_path)
    for name in ("ada1_2_mask", "ada1_2_mask_1", "nobody_mask"):
        write_mask(tmp_path / f"ours/broken/{name}.png")
    tables = index_of(tmp_path, OURS)
    assert len(tables["annotations"]) == 2 and tables["annotations"]["image_id"].nunique() == 1
    assert counts(tables)["left out: masks without a film"] == 1
    write_mask(tmp_path / "ours/broken/ada3_2_mask.png", 40, 40)
    with pytest.raises(BadData, match=r"ada3_2_mask.png is not a mask of 32 x 24 pixels"):
        index_of(tmp_path, OURS)


def test_films_and_masks_in_folders_of_each_class(tmp_path):
    for number in range(12):
        for kind in ("healthy", "broken"):
            write_film(tmp_path / f"ours/{kind}/images/{number:03}.png")
            write_mask(tmp_path / f"ours/{kind}/masks/{number:03}.png")
    tables = index_of(tmp_path, PLAIN)
    assert len(tables[""]) == 24 and set(tables[""]["finding"]) == {"healthy", "broken"}
    films = tables[""].set_index("image_id")["path"]
    drawn = tables["annotations"].set_index("image_id")["mask"]
    assert len(drawn) == 24 and drawn.index.is_unique
    assert all(films[i].replace("images", "masks") == mask for i, mask in drawn.items())


def test_a_folder_for_validation_is_split_with_the_rest_and_counted(tmp_path):
    write_parts(tmp_path, train=range(10), val=range(10, 14))
    counted = counts(index_of(tmp_path, PLAIN | {"normal": "*/healthy", "abnormal": "*/broken"}))
    assert counted["in a folder for validation, split with the others"] == 8


def test_umlauts_are_found_in_either_form(tmp_path):
    for number in range(12):
        write_film(tmp_path / unicodedata.normalize("NFD", f"ours/gesünd/{number}.png"))
        write_film(tmp_path / f"ours/broken/{number}.png")
    entry = PLAIN | {"normal": unicodedata.normalize("NFC", "gesünd")}
    assert len(index_of(tmp_path, entry)[""]) == 24


def test_masks_of_films_of_one_name_follow_their_folders(tmp_path):
    for number in range(12):
        write_film(tmp_path / f"ours/train/good/{number:03}.png")
        for kind in ("crack", "plate"):
            write_film(tmp_path / f"ours/test/{kind}/{number:03}.png")
            write_mask(tmp_path / f"ours/ground_truth/{kind}/{number:03}_mask.png")
        write_film(tmp_path / f"ours/test/good/{number:03}.png")
    entry = {**PLAIN, "normal": "*/good", "abnormal": ["test/crack", "test/plate"], "test": "test"}
    with pytest.warns(UserWarning, match="every abnormal film is in the test list"):
        tables = index_of(tmp_path, entry)
    films = tables[""].set_index("image_id")["path"]
    drawn = tables["annotations"].set_index("image_id")["mask"]
    assert len(drawn) == 24 and drawn.index.is_unique
    assert all(
        films[i].split("/")[2:] == m.replace("_mask", "").split("/")[2:] for i, m in drawn.items()
    )


# --- patients, studies, films without a label


def test_views_of_one_study_are_one_study(tmp_path):
    for patient in range(12):
        kind = ("healthy", "broken")[patient % 2]
        for view in ("AP", "LAT", "OBL"):
            write_film(tmp_path / f"ours/P{patient:04}/2021-03-{patient + 1:02}/{kind}/{view}.png")
    entry = PLAIN | {
        "normal": "*/*/healthy",
        "abnormal": "*/*/broken",
        "patient": r"^(P\d+)/",
        "study": r"^P\d+/([^/]+)/",
    }
    index = index_of(tmp_path, entry)[""]
    assert index["patient_id"].nunique() == index["study_id"].nunique() == 12
    assert (
        index.groupby("study_id")["path"].agg(lambda paths: len({p[:9] for p in paths})).eq(1).all()
    )
    assert not index["study_id"].str.contains("2021|P00").any()


def test_an_expression_without_a_group_finds_the_whole_match(tmp_path):
    write_ours(tmp_path)
    assert index_of(tmp_path, OURS | {"patient": r"^ada\d+"})[""]["patient_id"].nunique() == 12


def test_films_that_state_one_patient_are_refused_without_his_name(tmp_path):
    for number in range(24):
        path = tmp_path / f"ours/{('healthy', 'broken')[number % 2]}/{number}.dcm"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_dicom(path, noise(path), PatientID="REMOVED" if number > 3 else f"id{number}")
    with pytest.raises(BadData, match=r"20 of the 24 films state one and the same") as raised:
        index_of(tmp_path, PLAIN)
    assert "REMOVED" not in str(raised.value)
    named = index_of(tmp_path, PLAIN | {"patient": r"(\d+)\.dcm"})[""]
    assert named["patient_id"].nunique() == 24


def test_films_without_a_label_are_of_no_split_and_no_class(tmp_path):
    write_ours(tmp_path)
    for number in range(5):
        write_film(tmp_path / f"ours/new/q{number}.png")
    tables = index_of(tmp_path, OURS | {"unlabelled": "new"})
    index = tables[""]
    new = index[index["split"].eq("unlabelled")]
    assert len(new) == 5 and new["label"].isna().all() and set(new["finding"]) == {"new"}
    assert counts(tables)["without a label: scored only"] == 5
    rest = index.drop(new.index).set_index("image_id")["split"]
    assert rest.equals(index_of(tmp_path, OURS)[""].set_index("image_id")["split"])


def test_normal_films_alone_are_split(tmp_path):
    for number in range(30):
        write_film(tmp_path / f"ours/healthy/{number}.png")
    entry = {key: value for key, value in PLAIN.items() if key != "abnormal"}
    with pytest.warns(UserWarning, match="has only normal films: .* nothing can be measured"):
        index = index_of(tmp_path, entry)[""]
    assert set(index["split"]) == {"train", "validation", "test"} and index["label"].eq(0).all()


# --- words


@pytest.mark.parametrize(
    ("part", "texts"),
    [
        ("hand", ["HAND", "Hand ", "hand", "HAND_L", "LHAND", "MAIN"]),
        ("wrist", ["HANDGELENK", "Left wrist"]),
        ("spine", ["C-SPINE"]),
        ("chest", ["THORAX", "LUNG"]),
        ("", ["['HAND', 'WRIST']", "EXTREMITY", "UNKNOWN", ""]),
    ],
)
def test_body_parts_in_many_spellings(part, texts):
    assert {words.body_part(text) for text in texts} == {part}


def test_views_and_sexes_in_many_spellings():
    views = ["PA", "AP ", "Lateral", "LL", "PA\\AP", "", "?"]
    assert [words.view(text) for text in views] == ["PA", "AP", "LATERAL", "LATERAL", "", "", ""]
    sexes = ["M", "female", "w", "O", "", " Male"]
    assert [words.sex(text) for text in sexes] == ["M", "F", "F", "", "", "M"]


def test_odd_body_parts_become_few_groups(tmp_path):
    parts = ["HAND", "Hand ", "hand", "HAND_L", "MAIN", "", "WRIST", "Poignet", "X", "UNKNOWN"]
    for number in range(30):
        path = tmp_path / f"ours/{('healthy', 'broken')[number % 2]}/{number}.dcm"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_dicom(path, noise(path), PatientID=str(number), BodyPartExamined=parts[number % 10])
    index = index_of(tmp_path, PLAIN)[""]
    assert index["body_part"].value_counts().to_dict() == {"hand": 15, "limb": 9, "wrist": 6}
