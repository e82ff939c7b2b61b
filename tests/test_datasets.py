"""The owners' layouts, their pitfalls, bad and hostile input, privacy, splits and training sets."""

import hashlib
import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from test_films import write_dicom

from lib import ROOT
from lib.datasets.entries import load_entries
from lib.datasets.index import build_index, split_films, write_tables
from lib.datasets.listing import age_in_years
from lib.datasets.split import check_split, split_by_patient
from lib.datasets.table import load_index
from lib.datasets.training import training_set
from lib.errors import BadData
from lib.preprocessing.one_pass import write_index_and_arrays

XRAYS = ROOT.parent / "shared/xrays"
MURA = {"layout": "mura", "folder": "MURA-v1.1", "body": "limb"}
NIH = {"layout": "nih", "folder": "nih", "body": "chest", "abnormal": ["Effusion"]}
RSNA = {"layout": "rsna", "folder": "rsna", "body": "chest"}
OURS = {
    "layout": "folder",
    "folder": "ours",
    "normal": "healthy",
    "abnormal": ["broken", "pl*te"],
    "patient": r"^(\w+)_",
    "body": "limb",
}
STUDIES = (("HAND", "study1_positive", 2), ("WRIST", "study2_negative", 1))
NIH_HEADER = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]"
)
SAMPLE_HEADER = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImageWidth,OriginalImageHeight,OriginalImagePixelSpacing_x,OriginalImagePixelSpacing_y"
)


def noise(name, width=32, height=24):
    """Grey levels of a film that no other name has."""
    seed = int.from_bytes(hashlib.sha256(str(name).encode(errors="surrogateescape")).digest()[:8])
    return np.random.default_rng(seed).integers(0, 256, (height, width), np.uint8)


def write_film(path, width=32, height=24):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(noise(path, width, height)).save(path)


def write_lines(path, lines, end="\n"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes((end.join(lines) + end).encode())


def write_mura(data, header=False, end="\n"):
    """Train: 8 patients, each a positive hand (two films) and a negative wrist; valid: two more."""
    for name, patients in (("train", range(1, 9)), ("valid", range(9, 11))):
        paths, studies = [], []
        for patient in patients:
            for part, study, films in STUDIES:
                folder = f"MURA-v1.1/{name}/XR_{part}/patient{patient:05}/{study}/"
                studies.append(f"{folder},{int('positive' in study)}")
                paths += [f"{folder}image{film + 1}.png" for film in range(films)]
        for path in paths:
            write_film(data / path)
        write_lines(data / f"MURA-v1.1/{name}_image_paths.csv", ["Img_Path"] * header + paths, end)
        studies = ["Img_Path,Label"] * header + studies
        write_lines(data / f"MURA-v1.1/{name}_labeled_studies.csv", studies, end)


def nih_rows(ages=("44",)):
    """12 patients, each a normal film, one with Effusion and Mass, and one with another finding."""
    findings = ("No Finding", "Effusion|Mass", "Infiltration")
    return [
        f"{patient:08}_{number:03}.png,{finding},{number},{patient},{ages[patient % len(ages)]},"
        "F,PA,2500,2048,0.168,0.168"
        for patient in range(1, 13)
        for number, finding in enumerate(findings)
    ]


def write_nih(
    data, header=NIH_HEADER, rows=None, films="images", table="Data_Entry_2017.csv", end=""
):
    rows = nih_rows() if rows is None else rows
    write_lines(data / "nih" / table, [line + end for line in (header, *rows)])
    for row in rows:
        write_film(data / "nih" / films / row.split(",")[0], 512, 256)


def write_rsna(data):
    """Five films of each class; opacities have two boxes and so two rows in both tables."""
    classes, labels = ["patientId,class"], ["patientId,x,y,width,height,Target"]
    (data / "rsna/stage_2_train_images").mkdir(parents=True)
    kinds = ("Normal", "No Lung Opacity / Not Normal", "Lung Opacity")
    for number in range(15):
        name, kind = f"id-{number:02}", kinds[number % 3]
        write_dicom(
            data / f"rsna/stage_2_train_images/{name}.dcm",
            noise(name, 40, 30),
            PatientID=name,
            PatientAge="150",
        )
        boxes = [f"{name},512,256,100,50,1", f"{name},10,20,30,40,1"]
        rows = boxes if kind == "Lung Opacity" else [f"{name},,,,,0"]
        labels += rows
        classes += [f"{name},{kind}"] * len(rows)
    write_lines(data / "rsna/stage_2_train_labels.csv", labels)
    write_lines(data / "rsna/stage_2_detailed_class_info.csv", classes)


def write_ours(data, patients=range(12)):
    for patient in patients:
        write_film(data / f"ours/healthy/ada{patient}_1.png")
        write_film(data / f"ours/{'broken' if patient % 2 else 'plate'}/ada{patient}_2.png")


def write_parts(data, **parts):
    """Write folders for parts of the films, each patient with a film of either class."""
    for part, patients in parts.items():
        for patient in patients:
            write_film(data / f"ours/{part}/healthy/p{patient}_1.png")
            write_film(data / f"ours/{part}/broken/p{patient}_2.png")


def index_of(data, entry, **arguments):
    return build_index("films", entry, data, "salt", **arguments)


def counts(tables):
    return tables["protocol"].set_index("step")["count"]


# --- the owners' layouts


@pytest.mark.parametrize(("header", "end"), [(False, "\n"), (True, "\r\n")])
def test_mura(tmp_path, header, end):
    write_mura(tmp_path, header, end)
    (tmp_path / "MURA-v1.1/train/XR_HAND/patient00001/study1_positive/._image1.png").touch()
    index = index_of(tmp_path, MURA)[""].set_index("image_id")
    film = index.loc["train-hand-patient00001-study1-image2"]
    assert film["path"] == "MURA-v1.1/train/XR_HAND/patient00001/study1_positive/image2.png"
    assert (film["patient_id"], film["study_id"]) == ("patient00001", "patient00001/hand/study1")
    assert (film["body_part"], film["label"], film["width"], film["height"]) == ("hand", 1, 32, 24)
    assert len(index) == 30 and index["label"].sum() == 20
    assert (index["split"].eq("test") == index.index.str.startswith("valid-")).all()


def test_mura_of_one_body_part(tmp_path):
    """12 patients with a hand and a wrist each, the hands of six abnormal."""
    studies = [
        f"MURA-v1.1/train/XR_{part}/patient{patient:05}/study1_{sign}"
        for patient in range(12)
        for part in ("HAND", "WRIST")
        for sign in (("positive", "negative")[patient % 2],)
    ]
    for study in studies:
        write_film(tmp_path / study / "image1.png")
    free = MURA | {"official_split": False}
    tables, every = (index_of(tmp_path, free | more) for more in ({"parts": ["hand"]}, {}))
    hands = tables[""]
    assert len(hands) == 12 and set(hands["body_part"]) == {"hand"} and len(every[""]) == 24
    assert counts(tables)["left out: other body parts"] == 12
    assert "left out: other body parts" not in counts(every)
    both = index_of(tmp_path, free | {"parts": ["wrist", "hand"]})
    assert both[""].equals(every[""])
    with pytest.raises(BadData, match=r"MURA-v1\.1 has no film of elbow: correct `parts`"):
        index_of(tmp_path, free | {"parts": ["elbow"]})


def test_mura_apple_double_lines_are_no_films(tmp_path):
    write_mura(tmp_path)
    paths = tmp_path / "MURA-v1.1/train_image_paths.csv"
    folder = "MURA-v1.1/train/XR_HAND/patient00001/study1_positive"
    write_lines(paths, [*paths.read_text().split(), f"{folder}/._image1.png"])
    tables = index_of(tmp_path, MURA)
    assert len(tables[""]) == 30 and tables["problems"].empty


def test_nih_bracketed_headers_and_official_list(tmp_path):
    write_nih(tmp_path)
    test = [f"{patient:08}_{film:03}.png" for patient in (1, 2, 3) for film in range(3)]
    (tmp_path / "nih/test_list.txt").write_text("\n".join(test))  # no newline at the end
    tables = index_of(tmp_path, NIH)
    index = tables[""].set_index("image_id")
    assert counts(tables)["films listed"] == 36
    assert counts(tables)["left out: other findings"] == 12
    film = index.loc["00000004_001"]
    assert (film["label"], film["finding"], film["patient_id"]) == (1, "Effusion|Mass", "4")
    assert (film["sex"], film["view"], film["age"], film["body_part"]) == ("F", "PA", 44, "chest")
    assert set(index.index[index["split"].eq("test")]) == {
        name[:-4] for name in test if name[9:12] != "002"
    }
    free = index_of(tmp_path, NIH | {"official_split": False, "abnormal": "any"})[""]
    assert free["label"].sum() == 24
    assert set(free.loc[free["patient_id"].isin(["1", "2", "3"]), "split"]) != {"test"}


@pytest.mark.parametrize(
    "layout",
    [
        {"end": ","},
        {"table": "Data_Entry_2017_v2020.csv", "films": "images_001/images"},
        {"table": "sample_labels.csv", "header": SAMPLE_HEADER, "films": "sample/sample/images"},
    ],
    ids=["empty twelfth column", "kaggle's folders", "kaggle's sample"],
)
def test_nih_variants(tmp_path, layout):
    write_nih(tmp_path, rows=nih_rows(("058Y", "013M", "411Y")), **layout)
    write_film(tmp_path / "nih" / layout.get("films", "images") / "._00000001_000.png")
    index = index_of(tmp_path, NIH)[""].set_index("image_id")
    assert len(index) == 24
    ages = index.loc[["00000003_000", "00000001_000", "00000002_000"], "age"]
    assert ages.round(2).fillna(-1).tolist() == [58, 1.08, -1]


def test_nih_boxes_are_scaled_and_spelt_as_the_findings(tmp_path):
    write_nih(tmp_path)
    boxes = [
        "00000004_001.png,Infiltrate,512,512,100,200,,,",
        "00000005_001.png,Effusion,8,8,16,16,,,",
        "00000006_002.png,Infiltrate,1,1,1,1,,,",
    ]
    write_lines(
        tmp_path / "nih/BBox_List_2017.csv",
        ["Image Index,Finding Label,Bbox [x,y,w,h],,,", *(box[:-1] + "," for box in boxes)],
    )
    mask = tmp_path / "masks/nih/images/00000005_001.png"
    write_film(mask, 512, 256)
    annotations = index_of(tmp_path, NIH)["annotations"].set_index("image_id")
    assert list(annotations.index) == ["00000004_001", "00000005_001"]
    box = annotations.loc["00000004_001"]
    assert box["finding"] == "Infiltration"
    assert box[["x", "y", "width", "height"]].tolist() == [256, 128, 50, 50]  # film: 512 x 256
    masked = annotations.loc["00000005_001"]
    assert masked["mask"] == "masks/nih/images/00000005_001.png" and np.isnan(masked["x"])
    write_film(mask, 40, 40)
    with pytest.raises(BadData, match="is not a mask of 512 x 256 pixels"):
        index_of(tmp_path, NIH)


def test_rsna_classes_and_rows(tmp_path):
    write_rsna(tmp_path)
    tables = index_of(tmp_path, RSNA)
    index = tables[""]
    assert len(index) == 15 and index["image_id"].is_unique
    assert index.groupby("finding")["label"].unique().map(list).to_dict() == {
        "Normal": [0],
        "No Lung Opacity / Not Normal": [1],
        "Lung Opacity": [1],
    }
    assert set(index["sex"]) == {"F"} and set(index["view"]) == {"PA"}  # from the DICOM headers
    assert index["age"].isna().all()  # nobody is 150
    assert (index["patient_id"] == index["image_id"]).all()
    boxes = tables["annotations"]
    assert len(boxes) == 10 and boxes["mask"].eq("").all()
    assert boxes.iloc[1][["x", "width"]].tolist() == [512 * 40 / 1024, 100 * 40 / 1024]


def test_any_folder(tmp_path):
    write_ours(tmp_path)
    write_film(tmp_path / "ours/doubtful/ada1_3.png")
    write_film(tmp_path / "ours/healthy/__MACOSX/ada1_1.png")
    (tmp_path / "ours/healthy/._ada1_1.png").touch()
    (tmp_path / "ours/healthy/notes.txt").touch()
    tables = index_of(tmp_path, OURS | {"body_part": "Wrist", "view": "ap"})
    index = tables[""]
    assert counts(tables)["left out: neither class"] == 1
    assert len(index) == 24 and index["label"].sum() == 12 and tables["problems"].empty
    assert set(index["finding"]) == {"healthy", "broken", "pl*te"}  # words of the entry alone
    assert set(index["body_part"]) == {"wrist"} and set(index["view"]) == {"AP"}


def test_any_folder_with_a_test_folder(tmp_path):
    write_parts(tmp_path, train=range(8), test=range(8, 12))
    entry = OURS | {"normal": "*/healthy", "abnormal": "*/broken", "test": "test"}
    index = index_of(tmp_path, entry)[""]
    assert (index["split"].eq("test") == index["path"].str.contains("/test/")).all()


@pytest.mark.parametrize(
    ("text", "years"),
    [("058Y", 58), ("44", 44), ("013M", 13 / 12), ("021D", 21 / 365.25), ("63.0", 63)]
    + [(text, None) for text in ("", "411Y", "150", "-3", "unknown")],
)
def test_ages(text, years):
    assert (
        age_in_years(text) == pytest.approx(years, rel=1e-6)
        if years
        else np.isnan(age_in_years(text))
    )


def test_test_patients_replace_the_owners_test_list(tmp_path):
    write_nih(tmp_path)
    (tmp_path / "nih/test_list.txt").write_text("00000001_000.png\n00000001_001.png")
    entry = NIH | {"test_patients": ["2", "11", "12"]}
    for official in ({}, {"official_split": False}):
        index = index_of(tmp_path, entry | official)[""]
        assert set(index.loc[index["split"].eq("test"), "patient_id"]) == {"2", "11", "12"}
        assert set(index["split"]) == {"train", "validation", "test"}
    with pytest.raises(BadData, match=r"2 of its 3 `test_patients` have no film") as raised:
        index_of(tmp_path, NIH | {"test_patients": ["2", "13", "secret"]})
    assert "secret" not in str(raised.value) and "\n" not in str(raised.value)


def test_test_patients_of_the_users_own_films_are_named_as_in_their_names(tmp_path):
    lines = ["\ufeffada3", "", "  ada4 ", "ada11", "ada3"]  # as an editor may leave them
    write_lines(tmp_path / "params/test_patients/ours.txt", lines, end="\r\n")
    entry = OURS | {"test_patients": "params/test_patients/ours.txt"}
    write_lines(tmp_path / "params/datasets.yaml", [json.dumps({"datasets": {"ours": entry}})])
    write_ours(tmp_path / "data")
    write_index_and_arrays("ours", tmp_path)
    index = load_index(tmp_path / "build/index/ours.csv")
    test = index.loc[index["split"].eq("test"), "path"]
    assert set(test.str.extract(r"/(ada\d+)_")[0]) == {"ada3", "ada4", "ada11"} and len(test) == 6
    assert not index["patient_id"].str.contains("ada").any()


def test_a_test_folder_may_hold_every_abnormal_film(tmp_path):
    write_ours(tmp_path, range(8))
    for patient in range(8, 12):
        write_film(tmp_path / f"ours/healthy_test/p{patient}_1.png")
    entry = OURS | {"normal": "healthy*", "test": ["healthy_test", "broken", "plate"]}
    with pytest.raises(BadData, match="8 patients are in the test list and outside it"):
        index_of(tmp_path, entry)
    apart = entry | {"patient": r"(healthy/\w+?(?=_)|\w+(?=_))"}
    with pytest.warns(UserWarning, match="thresholds that need abnormal validation films"):
        tables = index_of(tmp_path, apart)
    assert counts(tables)[["train: normal", "validation: normal"]].sum() == 8
    assert counts(tables)[["train: abnormal", "validation: abnormal"]].sum() == 0
    assert counts(tables)[["test: normal", "test: abnormal"]].tolist() == [4, 8]


# --- bad input


def test_unreadable_films_are_listed_and_left_out(tmp_path):
    write_ours(tmp_path, range(40))  # 80 films, so that they are opened by several processes
    (tmp_path / "ours/healthy/ada0_1.png").write_text("no film")
    (tmp_path / "ours/healthy/ada1_1.png").write_bytes(b"")
    tables = index_of(tmp_path, OURS)
    assert tables["problems"].to_dict("records") == [
        {"number": 1, "reason": "not an image", "path": "ours/healthy/ada0_1.png"},
        {"number": 2, "reason": "empty file", "path": "ours/healthy/ada1_1.png"},
    ]
    assert len(tables[""]) == 78 and counts(tables)["left out: unreadable"] == 2


def test_many_unreadable_films_stop_the_stage(tmp_path):
    write_nih(tmp_path)
    for patient in (1, 2):
        (tmp_path / f"nih/images/{patient:08}_000.png").write_bytes(b"")
    with pytest.raises(BadData, match=r"00000001_000\.png: empty file; 2 of the 24 films .*5 %"):
        index_of(tmp_path, NIH)


@pytest.mark.parametrize(
    ("entry", "write", "table"),
    [
        (NIH, write_nih, "Data_Entry_2017"),
        (RSNA, write_rsna, "stage_2_train_labels.csv"),
        (RSNA, write_rsna, "stage_2_detailed_class_info.csv"),
    ],
)
def test_a_missing_table_stops_the_stage(tmp_path, entry, write, table):
    write(tmp_path)
    next((tmp_path / entry["folder"]).glob(f"{table}*")).unlink()
    with pytest.raises(BadData, match=rf"{table}.* is missing: put the owner's table there\."):
        index_of(tmp_path, entry)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("Finding Labels", "Findings"), "has an unknown column 'Findings'"),
        (("Height]", "Height],Doctor"), "cannot be read as a table|unknown column 'Doctor'"),
        (("Follow-up #", "Doctor"), "has an unknown column 'Doctor'"),
        ((",F,PA", ",X,PA"), "has 'X' in its column 'Patient Gender'"),
        (("Effusion|Mass", "Effusion|Measles"), "has the unknown finding 'Measles'"),
        (
            ("00000002_000.png", "00000001_000.png"),
            "has '00000001_000.png' in its column 'Image Index'",
        ),
    ],
)
def test_an_odd_table_stops_the_stage(tmp_path, change, sentence):
    write_nih(tmp_path)
    table = tmp_path / "nih/Data_Entry_2017.csv"
    table.write_text(table.read_text().replace(*change))
    with pytest.raises(BadData, match=sentence) as raised:
        index_of(tmp_path, NIH)
    assert str(table) in str(raised.value) and "\n" not in str(raised.value)


def test_a_table_that_is_no_text_stops_the_stage(tmp_path):
    write_nih(tmp_path)
    (tmp_path / "nih/Data_Entry_2017.csv").write_bytes(bytes(range(256)))
    with pytest.raises(BadData, match="cannot be read as a table"):
        index_of(tmp_path, NIH)


def test_a_missing_column_stops_the_stage(tmp_path):
    write_rsna(tmp_path)
    table = tmp_path / "rsna/stage_2_train_labels.csv"
    write_lines(table, [line.rsplit(",", 1)[0] for line in table.read_text().splitlines()])
    with pytest.raises(BadData, match=r"labels\.csv lacks the column 'Target': get the owner's"):
        index_of(tmp_path, RSNA)


def test_an_unknown_class_or_two_classes_of_one_film_stop_the_stage(tmp_path):
    write_rsna(tmp_path)
    table = tmp_path / "rsna/stage_2_detailed_class_info.csv"
    whole = table.read_text()
    table.write_text(whole.replace("id-00,Normal", "id-00,Fine"))
    with pytest.raises(BadData, match="'Fine' in its column 'class'"):
        index_of(tmp_path, RSNA)
    table.write_text(whole + "id-00,Lung Opacity\n")
    with pytest.raises(BadData, match="assigns two classes to one film"):
        index_of(tmp_path, RSNA)


def test_a_class_without_films_stops_the_stage(tmp_path):
    write_nih(tmp_path)
    (tmp_path / "nih/test_list.txt").write_text("00000001_000.png\n00000002_000.png")
    with pytest.raises(BadData, match="patients are in the test list and outside it"):
        index_of(tmp_path, NIH)
    rows = [row for row in nih_rows() if not row.startswith(("00000001_001", "00000002_001"))]
    write_nih(tmp_path, rows=rows)
    with pytest.raises(BadData, match="no abnormal film is in test"):
        index_of(tmp_path, NIH)
    write_nih(tmp_path, rows=[row for row in nih_rows() if "No Finding" not in row])
    with pytest.raises(BadData, match="0 patients with normal films"):
        index_of(tmp_path, NIH)


def test_two_lines_for_one_film_stop_the_stage(tmp_path):
    write_mura(tmp_path)
    paths = tmp_path / "MURA-v1.1/train_image_paths.csv"
    paths.write_text(paths.read_text() * 2)
    with pytest.raises(BadData, match="is listed twice"):
        index_of(tmp_path, MURA)


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ({"layout": "padchest"}, "needs a `layout`"),
        ({**NIH, "abnormall": "any"}, "unknown key `abnormall`"),
        ({**OURS, "body": "leg"}, "write chest or limb"),
        ({**OURS, "upright": "often"}, "upright: often`: write true or false"),
        ({**OURS, "normal": "../others"}, "outside the data folder"),
        ({**OURS, "folder": "/etc"}, "outside the data folder"),
        ({"layout": "folder", "folder": "x", "body": "limb", "abnormal": "a"}, "lacks `normal`"),
    ],
)
def test_odd_entries_are_refused(tmp_path, entry, sentence):
    write_lines(tmp_path / "params/datasets.yaml", [json.dumps({"datasets": {"x": entry}})])
    with pytest.raises(BadData, match=sentence):
        load_entries(tmp_path)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({}, "half.txt is missing: create it, with one patient id per line"),
        ({"test_patients": "params/test_patients"}, "is missing"),
        ({"test_patients": "params/test_patients/empty.txt"}, "contains no patient id"),
        ({"test_patients": "params/test_patients/../../secret.txt"}, "a file outside params/test"),
        ({"test_patients": "/etc/hostname"}, "a file outside params/test_patients/"),
        (
            {"test_patients": "params/test_patients/link.txt"},
            "a file outside params/test_patients/",
        ),
        ({"test": "test"}, "both `test` and `test_patients`"),
        ({"patient": None}, "lacks `patient`, which `test_patients` needs"),
    ],
)
def test_odd_lists_of_test_patients_are_refused(tmp_path, change, sentence):
    write_lines(tmp_path / "secret.txt", ["ada1"])
    write_lines(tmp_path / "params/test_patients/empty.txt", ["", " "])
    (tmp_path / "params/test_patients/link.txt").symlink_to(tmp_path / "secret.txt")
    entry = OURS | {"test_patients": "params/test_patients/half.txt"} | change
    entry = {key: value for key, value in entry.items() if value is not None}
    write_lines(tmp_path / "params/datasets.yaml", [json.dumps({"datasets": {"x": entry}})])
    with pytest.raises(BadData, match=sentence) as raised:
        load_entries(tmp_path)
    assert "\n" not in str(raised.value) and "ada1" not in str(raised.value)


def test_an_unknown_finding_or_a_patient_pattern_without_match_is_refused(tmp_path):
    write_nih(tmp_path)
    with pytest.raises(BadData, match="'Efusion', which NIH does not have"):
        index_of(tmp_path, NIH | {"abnormal": "Efusion"})
    write_ours(tmp_path)
    with pytest.raises(BadData, match="does not match the names of some films"):
        index_of(tmp_path, OURS | {"patient": r"(\d{9})"})
    with pytest.raises(BadData, match="both normal and abnormal"):
        index_of(tmp_path, OURS | {"abnormal": "*"})


def test_the_command_says_one_sentence_and_leaves_nothing(tmp_path):
    write_lines(
        tmp_path / "params/datasets.yaml", ["datasets:", f"  ours: {OURS | {'patient': '(x)'}}"]
    )
    write_ours(tmp_path / "data")
    with pytest.raises(BadData):
        write_index_and_arrays("ours", tmp_path)
    assert not (tmp_path / "build/index").exists()
    assert not list((tmp_path / "build/images").iterdir())
    command = [sys.executable, "-m", "lib.preprocessing", "no-such-films"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1 and not done.stdout
    assert done.stderr.startswith("no-such-films is not a data set of params/datasets.yaml")
    assert done.stderr.count("\n") == 1


# --- hostile input and privacy


@pytest.mark.parametrize(
    "name", ["../../secret.png", "/etc/hostname", "images/../../../secret.png"]
)
def test_a_path_that_leaves_the_data_folder_is_no_film_of_it(tmp_path, name):
    write_film(tmp_path / "secret.png")
    data = tmp_path / "a/data"
    write_nih(data, rows=[*nih_rows(), *(row.replace("0000", "1111") for row in nih_rows())])
    table = data / "nih/Data_Entry_2017.csv"
    table.write_text(table.read_text().replace("00000001_000.png", name))
    tables = index_of(data, NIH)
    assert counts(tables)["left out: not there"] == 1 and tables["problems"].empty
    assert not tables[""]["path"].str.contains("secret").any()


def test_a_mura_path_that_leaves_the_data_folder_is_refused(tmp_path):
    write_mura(tmp_path)
    paths = tmp_path / "MURA-v1.1/train_image_paths.csv"
    whole = paths.read_text()
    for line in ("../../../etc/hostname", "MURA-v1.1/train/XR_HAND/patient1/../../../secret.png"):
        paths.write_text(f"{whole}{line}\n")
        with pytest.raises(
            BadData, match=r"lists '.*\.\./.*', which is not a film of MURA v1\.1: remove it"
        ):
            index_of(tmp_path, MURA)


def test_a_mura_study_without_label_stops_the_stage(tmp_path):
    write_mura(tmp_path)
    table = tmp_path / "MURA-v1.1/valid_labeled_studies.csv"
    table.write_text("".join(table.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(
        BadData, match="has no label for valid/XR_WRIST/patient00010/study2_negative"
    ):
        index_of(tmp_path, MURA)


def test_films_that_are_links_are_read_as_the_films_themselves(tmp_path):
    write_ours(tmp_path / "films")
    write_ours(tmp_path / "linked")
    for film in (tmp_path / "linked").rglob("*.png"):
        film.unlink()
        film.symlink_to(tmp_path / "films" / film.relative_to(tmp_path / "linked"))
    tables = [index_of(tmp_path / folder, OURS) for folder in ("films", "linked")]
    assert len(tables[0][""]) and not len(tables[1]["problems"])
    pd.testing.assert_frame_equal(*(table[""] for table in tables))


def test_markup_and_odd_bytes_in_names_survive_as_data(tmp_path):
    write_ours(tmp_path)
    odd = ['<img src=x onerror="alert(1)">, a\nb_3.png', "NA_4.png", "caf\udce9_5.png"]
    for name in odd:
        write_film(tmp_path / "ours/healthy" / name)
    write_tables(index_of(tmp_path, OURS | {"patient": r"^([^_]+)_"}), "ours", tmp_path / "index")
    paths = load_index(tmp_path / "index/ours.csv")["path"]
    assert {f"ours/healthy/{name}" for name in odd} <= set(paths)


def test_patients_of_the_users_own_films_are_hashed(tmp_path):
    write_ours(tmp_path)
    first, other = (build_index("x", OURS, tmp_path, salt) for salt in ("salt", "pepper"))
    ids = first[""]["patient_id"]
    assert not ids.str.contains("ada").any() and ids.nunique() == 12
    assert (first[""].groupby("patient_id").size() == 2).all()
    assert not set(ids) & set(other[""]["patient_id"])
    assert not set(ids) & {hashlib.sha256(f"ada{n}".encode()).hexdigest()[:12] for n in range(12)}
    rest = [column for column in first[""] if column != "patient_id"]
    pd.testing.assert_frame_equal(first[""][rest], other[""][rest])  # the split too


def test_a_dicoms_patient_is_hashed_and_nothing_else_of_the_person_leaves_it(tmp_path):
    for number in range(12):
        kind = ("healthy", "broken")[number % 2]
        (tmp_path / "data/ours" / kind).mkdir(parents=True, exist_ok=True)
        path = tmp_path / f"data/ours/{kind}/{number}.dcm"
        write_dicom(path, noise(number), PatientID=f"secret-{number // 4}", PatientAge="013M")
    entry = {key: value for key, value in OURS.items() if key != "patient"}
    write_lines(tmp_path / "params/datasets.yaml", [f"datasets: {{ours: {entry}}}"])
    write_index_and_arrays("ours", tmp_path)
    index = load_index(tmp_path / "build/index/ours.csv")
    assert index["patient_id"].nunique() == 3 and set(index["sex"]) == {"F"}
    assert set(index["body_part"]) == {"wrist"} and index["age"].round(2).eq(1.08).all()
    everything = b"".join(path.read_bytes() for path in (tmp_path / "build/index").iterdir())
    assert not any(word in everything for word in (b"Doe", b"secret", b"19010203", b"A-77"))
    salt = (tmp_path / "build/salt").read_text()
    write_index_and_arrays("ours", tmp_path)
    assert (tmp_path / "build/salt").read_text() == salt and len(salt) == 32


# --- the index as others read it


def test_load_index_gives_types_and_refuses_what_is_no_index(tmp_path):
    write_nih(tmp_path)
    write_tables(index_of(tmp_path, NIH), "nih", tmp_path / "index")
    path = tmp_path / "index/nih.csv"
    index = load_index(path)
    assert index["image_id"].iloc[0] == "00000001_000" and index["patient_id"].iloc[0] == "1"
    assert index["label"].dtype == float and index["width"].dtype == int
    assert sorted(p.name for p in path.parent.iterdir()) == [
        "nih.annotations.csv",
        "nih.csv",
        "nih.problems.csv",
        "nih.protocol.csv",
    ]
    path.write_text(path.read_text().replace(",train,", ",holdout,"))
    with pytest.raises(BadData, match=r"is not an index .*`python -m lib\.preprocessing nih`"):
        load_index(path)
    with pytest.raises(BadData, match="is missing"):
        load_index(tmp_path / "none.csv")


# --- splits and training sets


def films(patients=300, seed=0):
    """Return patients with one to six films over three body parts, some with both labels."""
    rng = np.random.default_rng(seed)
    patient = np.repeat(np.arange(patients), rng.integers(1, 7, patients))
    number = len(patient)
    return pd.DataFrame(
        {
            "image_id": [f"film{n:05}" for n in range(number)],
            "dataset": "films",
            "patient_id": [f"patient{n}" for n in patient],
            "body_part": rng.choice(["hand", "wrist", "elbow"], number, p=[0.6, 0.3, 0.1]),
            "label": (rng.random(number) < 0.4).astype(float),
        }
    )


def test_split_by_patient():
    table = films()
    split = split_by_patient(table, seed=3)
    assert table.assign(split=split).groupby("patient_id")["split"].nunique().max() == 1
    shares = split.value_counts(normalize=True)
    assert shares["test"] == pytest.approx(0.3, abs=0.03)
    assert shares["validation"] == pytest.approx(0.15, abs=0.03)
    for column in (table["label"], table["body_part"].eq("elbow")):
        assert np.ptp(column.groupby(split).mean()) < 0.05
    shuffled = table.sample(frac=1, random_state=1)
    assert split_by_patient(shuffled, seed=3).sort_index().equals(split)
    assert not split_by_patient(table, seed=4).equals(split)


def test_the_entry_of_a_data_set_may_change_the_shares_of_its_splits():
    """As in the studies on RSNA: 70 % of the normals for training, 1:2 for validation and test."""
    table = films(2000).assign(dataset="rsna", body_part="chest")
    table["patient_id"] = table["image_id"]
    table = table.assign(view="", sex="", age="", in_test_list=False)
    entry = load_entries()["rsna_peers"]
    usual, theirs = (
        split_films(table, "rsna", one, {"validation": 0.15, "test": 0.3}) for one in (RSNA, entry)
    )
    normal = theirs[theirs["label"].eq(0)]["split"].value_counts(normalize=True)
    assert normal["train"] == pytest.approx(0.7, abs=0.02)
    assert normal["test"] / normal["validation"] == pytest.approx(2, rel=0.15)
    assert usual[usual["label"].eq(0)]["split"].eq("train").mean() == pytest.approx(0.54, abs=0.02)


def test_films_of_a_test_list_are_the_test_films():
    table = films()
    listed = table["patient_id"].isin(table["patient_id"].unique()[:50])
    split = split_by_patient(table, test_list=listed)
    assert split.eq("test").equals(listed)
    share = split.eq("validation").sum() / (~listed).sum()
    assert share == pytest.approx(0.15, abs=0.03)


def test_a_test_list_may_take_every_abnormal_film():
    table = films().assign(patient_id=lambda table: table["image_id"])
    listed = table["label"].eq(1) | (table.index < 200)
    table["split"] = split_by_patient(table, test_list=listed)
    assert table["split"].eq("test").equals(listed)
    share = table["split"].eq("validation").sum() / (~listed).sum()
    assert share == pytest.approx(0.15, abs=0.03)
    with pytest.warns(UserWarning, match="films: every abnormal film is in the test list"):
        check_split(table, "films")
    with pytest.raises(BadData, match="0 patients with abnormal films"):
        split_by_patient(table[~listed])  # without a list it is an error
    table.loc[(~listed).idxmax(), "label"] = 1.0  # one alone, which the list forgot
    with pytest.raises(BadData, match="Only 1 patients with abnormal films"):
        split_by_patient(table, test_list=listed)


@pytest.fixture(scope="module")
def index():
    table = films()
    return table.assign(split=split_by_patient(table))


def test_training_on_normals_only(index):
    selected = training_set(index)
    assert selected["y"].isna().all()
    assert index["label"].iloc[selected["row"]].eq(0).all()
    assert len(selected) == (index["split"].eq("train") & index["label"].eq(0)).sum()


def test_training_with_all_labels(index):
    selected = training_set(index, "all")
    assert (index["split"].iloc[selected["row"]] == "train").all()
    assert (index["label"].iloc[selected["row"]].to_numpy() == selected["y"]).all()
    assert len(selected) == index["split"].eq("train").sum()


def test_training_with_few_labels_and_contamination(index):
    labels = {"normal": 0.05, "abnormal": 0.1}
    selected = training_set(index, labels, seed=1, contamination=0.08)
    truth = index["label"].iloc[selected["row"]].to_numpy()
    number, unknown = len(selected), selected["y"].isna()
    assert selected["row"].is_unique and (index["split"].iloc[selected["row"]] == "train").all()
    assert (truth[~unknown] == selected["y"][~unknown]).all()
    assert selected["y"].eq(0).sum() == pytest.approx(0.05 * number, abs=1)
    assert selected["y"].eq(1).sum() == pytest.approx(0.1 * number, abs=1)
    assert (truth[unknown] == 1).mean() == pytest.approx(0.08, abs=0.005)
    normals = index["split"].eq("train") & index["label"].eq(0)
    assert (truth == 0).sum() == normals.sum()  # no normal film is lost
    known = index.iloc[selected["row"][selected["y"].eq(1)]]["body_part"].value_counts(
        normalize=True
    )
    train = index[index["split"].eq("train") & index["label"].eq(1)]
    expected = train["body_part"].value_counts(normalize=True)
    assert (known - expected).abs().max() < 0.06
    assert training_set(index, labels, 1, 0.08).equals(selected)
    assert not training_set(index, labels, 2, 0.08).equals(selected)
    shuffled_ids = index.assign(patient_id="x" + index["patient_id"].str[::-1])
    assert training_set(shuffled_ids, labels, 1, 0.08).equals(selected)  # salted ids change nothing


def test_contamination_of_unlabelled_normals(index):
    selected = training_set(index, contamination=0.1)
    assert selected["y"].isna().all()
    assert index["label"].iloc[selected["row"]].mean() == pytest.approx(0.1, abs=0.005)


def test_impossible_training_sets(index):
    with pytest.raises(BadData, match="are needed: lower"):
        training_set(index, {"normal": 0.0, "abnormal": 0.9})
    for arguments in (("some",), ("all", 0, 0.1), ({"normal": 0.6, "abnormal": 0.5},)):
        with pytest.raises(ValueError):
            training_set(index, *arguments)


def test_methods_that_need_abnormal_films_are_refused_where_there_is_none(index):
    normals = index[index["split"].ne("train") | index["label"].eq(0)]
    assert len(training_set(normals)) == (normals["split"] == "train").sum()
    with pytest.raises(BadData, match=r"no abnormal training film, and `labels: all` needs some"):
        training_set(normals, "all")
    for arguments in (({"normal": 0.05, "abnormal": 0.05},), ("none", 0, 0.1)):
        with pytest.raises(BadData, match=r"0 abnormal training films, but .* are needed"):
            training_set(normals, *arguments)


# --- real films


@pytest.mark.real
@pytest.mark.skipif(not XRAYS.is_dir(), reason="no real films next to the repository")
@pytest.mark.parametrize(
    ("name", "normal", "abnormal"),
    [("nih_any", 250, 250), ("kermany", 202, 582), ("knee_oa", 370, 280)],
)
def test_real_films(name, normal, abnormal):
    tables = build_index(name, load_entries()[name], XRAYS, "salt")
    assert tables[""]["label"].value_counts().to_dict() == {0: normal, 1: abnormal}
    assert tables["problems"].empty
    manifest = pd.read_csv(XRAYS / "manifest.csv").set_index("path")
    patients = manifest["patient"].reindex(tables[""]["path"]).to_numpy()
    assert tables[""].groupby(patients)["split"].nunique().max() == 1


@pytest.mark.real
@pytest.mark.skipif(not XRAYS.is_dir(), reason="no real films next to the repository")
@pytest.mark.filterwarnings("ignore:.*every abnormal film is in the test list")
@pytest.mark.parametrize(
    ("name", "outside", "test"),
    [
        ("nih_peers", (137, 118), (113, 132)),
        ("kermany224_peers", (469, 1356), (117, 195)),
        ("knee_oa_peers", (258, 0), (112, 280)),
        ("knee_oa_peers_labels", (258, 195), (112, 85)),
    ],
)
def test_real_films_on_the_protocols_of_the_reference_codes(name, outside, test):
    tables = build_index(name, load_entries()[name], XRAYS, "salt")
    counted = counts(tables)
    for label, known, tested in zip(("normal", "abnormal"), outside, test, strict=True):
        assert counted[f"train: {label}"] + counted[f"validation: {label}"] == known
        assert counted[f"test: {label}"] == tested
    assert tables["problems"].empty
