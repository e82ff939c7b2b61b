"""Owners' sets as people have them: in part, converted, renamed, saved again; labels in a table."""

import gzip
import os
import shutil
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lib.datasets import label_table, mura
from lib.datasets.entries import load_entries
from lib.datasets.index import build_index
from lib.datasets.listing import files_below
from lib.datasets.owner_tables import read_cells
from lib.errors import BadData

MURA = {"layout": "mura", "folder": "MURA-v1.1", "body": "limb"}
NIH = {"layout": "nih", "folder": "nih", "body": "chest", "abnormal": ["Effusion"]}
RSNA = {"layout": "rsna", "folder": "rsna", "body": "chest"}
NIH_HEADER = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]"
)
BOX_HEADER = "Image Index,Finding Label,Bbox [x,y,w,h],,,"
CLASSES = ("Normal", "No Lung Opacity / Not Normal", "Lung Opacity")
PATIENTS = range(1, 13)


def write_film(path, size=(40, 32)):
    """Write a film of noise, no two alike."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(zlib.crc32(os.fsencode(path))).integers(0, 255, size)
    Image.fromarray(noise.astype(np.uint8)).save(path)


def write_table(path, rows, encode=str.encode):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode("\n".join(rows) + "\n"))


def write_nih(folder, films="images/{}.png", table="Data_Entry_2017.csv", keep=PATIENTS, **options):
    """Write a normal film and one with an effusion of each patient; return the films' names."""
    stems = [f"{patient:08}_{number:03}" for patient in PATIENTS for number in (0, 1)]
    rows = [
        f"{name}.png,{'Effusion|Mass' if name.endswith('1') else 'No Finding'},{name[-1]},"
        f"{int(name[:8])},44,F,PA,2500,2048,0.168,0.168"
        for name in stems
    ]
    write_table(folder / table, [NIH_HEADER, *rows], **options)
    for name in stems:
        if int(name[:8]) in keep:
            write_film(folder / films.format(name))
    return [f"{name}.png" for name in stems]


def write_mura(folder, suffix=".png", keep=None):
    """Write two films each of a wrist and a hand, one positive; patients 9 to 12 are valid."""
    for name, patients in (("train", PATIENTS[:8]), ("valid", PATIENTS[8:])):
        studies = []
        for patient in patients:
            for number, part in enumerate(("WRIST", "HAND")):
                positive = (patient + number) % 2
                study = f"study1_{('negative', 'positive')[positive]}"
                study = f"MURA-v1.1/{name}/XR_{part}/patient{patient:05}/{study}/"
                studies.append((study, positive))
        films = [f"{study}image{number}" for study, _ in studies for number in (1, 2)]
        write_table(folder / f"{name}_image_paths.csv", [f"{film}.png" for film in films])
        write_table(
            folder / f"{name}_labeled_studies.csv", [f"{s},{label}" for s, label in studies]
        )
        for film in filter(keep, films):
            write_film(folder / f"{film.partition('/')[2]}{suffix}")


def write_rsna(folder, films="stage_2_train_images/{}.png", keep=range(18)):
    """Six films of each class; an opacity has a box."""
    details, labels = ["patientId,class"], ["patientId,x,y,width,height,Target"]
    for number in range(18):
        name, kind = f"id-{number:02}", CLASSES[number % 3]
        details.append(f"{name},{kind}")
        labels.append(f"{name},512,256,100,50,1" if number % 3 == 2 else f"{name},,,,,0")
        if number in keep:
            write_film(folder / films.format(name))
    write_table(folder / "stage_2_detailed_class_info.csv", details)
    write_table(folder / "stage_2_train_labels.csv", labels)


def tables_of(data, entry):
    return build_index("films", entry, data, "salt")


def counts(tables):
    return tables["protocol"].set_index("step")["count"].to_dict()


# --- part of a set


@pytest.mark.parametrize(
    ("entry", "write", "there"),
    [
        (
            NIH,
            lambda data: write_nih(data / "nih", "images_001/images/{}.png", keep=range(1, 5)),
            8,
        ),
        (MURA, lambda data: write_mura(data / "MURA-v1.1", keep=lambda s: "WRIST" in s), 24),
        (RSNA, lambda data: write_rsna(data / "rsna", keep=range(9)), 9),
    ],
    ids=["nih", "mura", "rsna"],
)
def test_films_that_are_not_there_are_counted(tmp_path, entry, write, there):
    write(tmp_path)
    tables = tables_of(tmp_path, entry)
    listed = counts(tables)["films listed"]
    assert len(tables[""]) == there and counts(tables)["left out: not there"] == listed - there
    assert tables["problems"].empty


def test_a_whole_set_says_nothing_of_absent_films_or_lists(tmp_path):
    write_mura(tmp_path / "MURA-v1.1")
    assert (
        not {"left out: not there", "in the official test list"}
        & counts(tables_of(tmp_path, MURA)).keys()
    )


@pytest.mark.parametrize(
    ("part", "films"), [("train/XR", 32), ("XR_WRIST", 24)], ids=["train alone", "wrists alone"]
)
@pytest.mark.parametrize("tables", [True, False])
def test_mura_in_part(tmp_path, part, films, tables):
    folder = tmp_path / "MURA-v1.1"
    write_mura(folder, keep=lambda study: part in study)
    if not tables:
        for table in folder.glob("*.csv"):
            table.unlink()
    read_part = tables_of(tmp_path, MURA)
    assert len(read_part[""]) == films and counts(read_part)["films listed"] == (
        48 if tables else films
    )
    assert ("in the official test list" in counts(read_part)) == (part == "train/XR")


@pytest.mark.parametrize("gone", ["*.csv", "*_studies.csv", "*_paths.csv", "train*.csv"])
def test_mura_without_tables_is_read_from_its_folders(tmp_path, gone):
    write_mura(tmp_path / "whole/MURA-v1.1")
    write_mura(tmp_path / "part/MURA-v1.1")
    for table in (tmp_path / "part/MURA-v1.1").glob(gone):
        table.unlink()
    whole, part = (tables_of(tmp_path / name, MURA)[""] for name in ("whole", "part"))
    assert whole.equals(part)


SAVED_MURA = {
    "semicolons": lambda t: t.replace(",", ";").replace("\n", "\r\n").encode("utf-16"),
    "backslashes": lambda t: t.replace("/", "\\").encode(),
    "another folder, with a header": lambda t: (
        "Path,Label\n" * ("," in t) + "Path\n" * ("," not in t) + t.replace("MURA-v1.1", "x/y")
    ).encode(),
    "quotes": lambda t: (
        t.replace("MURA", '"MURA').replace(".png", '.png"').replace("/,", '/",').encode()
    ),
}


@pytest.mark.parametrize("encode", SAVED_MURA.values(), ids=SAVED_MURA.keys())
def test_muras_tables_saved_again_say_the_same(tmp_path, encode):
    for name in ("owner", "again"):
        write_mura(tmp_path / name / "MURA-v1.1")
    for table in (tmp_path / "again/MURA-v1.1").glob("*.csv"):
        table.write_bytes(encode(table.read_text()))
    owner, again = (tables_of(tmp_path / name, MURA)[""] for name in ("owner", "again"))
    assert owner.equals(again)


def test_mura_without_anything_is_refused(tmp_path):
    write_film(tmp_path / "MURA-v1.1/wrists/1.png")
    with pytest.raises(BadData, match=r"train_image_paths\.csv is missing, and no film is in"):
        tables_of(tmp_path, MURA)


@pytest.mark.parametrize("suffix", [".jpg", ".PNG", ".tiff", ".dcm.png"])
def test_converted_films_are_found_by_their_stem(tmp_path, suffix):
    write_nih(tmp_path / "nih", f"images/{{}}{suffix}")
    write_rsna(tmp_path / "rsna", f"train/{{}}{suffix}")
    write_mura(tmp_path / "MURA-v1.1", suffix)
    for entry, films in ((NIH, 24), (RSNA, 18), (MURA, 48)):
        tables = tables_of(tmp_path, entry)
        assert len(tables[""]) == films and "left out: not there" not in counts(tables)


def test_folders_within_folders_and_names_in_capitals(tmp_path):
    write_nih(tmp_path / "nih/NIH", "IMAGES-224/images-224/{}.PNG", "DATA_ENTRY_2017.CSV")
    write_mura(tmp_path / "MURA-v1.1/mura-V1.1")
    wrists = tmp_path / "MURA-v1.1/mura-V1.1/train/XR_WRIST"
    wrists.rename(wrists.with_name("xr_wrist"))
    write_film(tmp_path / "rsna/Training/Masks/id-00.png")
    write_rsna(tmp_path / "rsna/stage_2", "Training/Images/{}.png")
    for entry, films in ((NIH, 24), (MURA, 48), (RSNA, 18)):
        index = tables_of(tmp_path, entry)[""]
        assert len(index) == films and not index["path"].str.contains("Masks").any()


@pytest.mark.parametrize("ending", ["", "_NIH", " (1)"])
@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_nihs_lists_under_their_other_names(tmp_path, ending, suffix):
    names = write_nih(tmp_path / "nih", table=f"Data_Entry_2017_v2020{ending}.csv")
    test = [name.replace("png", suffix) for name in names[16:]]
    write_table(tmp_path / f"nih/test_list{ending}.txt", test, lambda text: text.encode("utf-16"))
    official = "_Official_NIH" if ending == "_NIH" else ""
    box = "00000009_001.png,Effusion,512,256,102.4,51.2,,,"
    write_table(tmp_path / f"nih/BBox_List_2017{official}.csv", [BOX_HEADER, box])
    tables = tables_of(tmp_path, NIH)
    index = tables[""]
    assert set(index.loc[index["split"].eq("test"), "image_id"]) == {n[:-4] for n in names[16:]}
    assert "in the official test list" not in counts(tables)
    assert tables["annotations"].iloc[0][["x", "height"]].tolist() == [16, pytest.approx(2)]


def test_the_protocol_says_that_no_official_list_was_used(tmp_path):
    write_nih(tmp_path / "nih")
    assert counts(tables_of(tmp_path, NIH))["in the official test list"] == 0


def test_rsna_with_both_tables_in_one(tmp_path):
    write_rsna(tmp_path / "rsna", "Training/Images/{}.png")
    for table in (tmp_path / "rsna").glob("*.csv"):
        table.unlink()
    rows = [f"id-{n:02},,,,,0,{CLASSES[n % 3]},58,M,CR,PA" for n in range(18)]
    header = "patientId,x,y,width,height,Target,class,age,sex,modality,position"
    write_table(tmp_path / "rsna/stage2_train_metadata.csv", [header, *rows])
    assert len(tables_of(tmp_path, RSNA)[""]) == 18


@pytest.mark.parametrize(
    ("entry", "write"),
    [
        (NIH, lambda data: write_nih(data / "nih", keep=())),
        (MURA, lambda data: write_mura(data / "MURA-v1.1", keep=lambda study: False)),
        (RSNA, lambda data: write_rsna(data / "rsna", keep=())),
    ],
)
def test_a_table_of_other_films_is_named_with_what_is_there(tmp_path, entry, write):
    write(tmp_path)
    with pytest.raises(
        BadData, match=r"\.csv lists .* but .* contains no film: put the films there"
    ):
        tables_of(tmp_path, entry)
    write_film(tmp_path / entry["folder"] / "scans/other.jpg")
    with pytest.raises(BadData, match=r"\.csv lists .* contains scans/other\.jpg and no film that"):
        tables_of(tmp_path, entry)


@pytest.mark.parametrize("list_folder", ["train", "XR"])
def test_mura_reads_a_lists_own_folder_alike_wherever_it_lies(tmp_path, list_folder):
    """`make data` reads it where it is, the index where it was copied to."""
    write_mura(tmp_path / "MURA-v1.1")
    there, copied = tmp_path / "MURA-v1.1/train", tmp_path / "data" / list_folder / "MURA-v1.1"
    copied.parent.mkdir(parents=True)
    shutil.copytree(there, copied)
    listings = [mura.read(folder, MURA) for folder in (there, copied)]
    one, other = (listing.films.drop(columns="path") for listing in listings)
    assert len(one) == 32 and one.equals(other) and listings[0].counts == listings[1].counts


# --- tables that another program saved again


def semicolons(text):
    return text.replace(".168", "§168").replace(",", ";").replace("§", ",")


SAVED = {
    "European Excel": lambda t: b"\xef\xbb\xbf" + semicolons(t).replace("\n", "\r\n").encode(),
    "Excel's Unicode text": lambda t: t.replace(",", "\t").encode("utf-16"),
    "Western Windows": lambda t: t.replace(",PA,", ",PA\xa0,").encode("cp1252"),
    "a line for Excel": lambda t: ("sep=;\n" + semicolons(t)).encode(),
    "empty rows": lambda t: (t + "\n,,,,,,,,,,\n\n").encode(),
    "a column of row numbers": lambda t: "\n".join(
        f"{n or ''},{line}" for n, line in enumerate(t.split("\n")[:-1])
    ).encode(),
    "spaces and capitals": lambda t: (
        t.replace("Image Index", " image index ").replace(".png,", ".png ,").encode()
    ),
    "line ends in cells": lambda t: t.replace("Effusion|Mass", '"Effusion|\nMass"').encode(),
    "whole numbers as fractions": lambda t: t.replace(",44,F", ".0,44.0,F").encode(),
    "quotes": lambda t: (
        "\n".join(",".join(f'"{cell}"' for cell in line.split(",")) for line in t.splitlines())
    ).encode(),
}


@pytest.mark.parametrize("encode", SAVED.values(), ids=SAVED.keys())
def test_a_table_saved_again_says_the_same(tmp_path, encode):
    write_nih(tmp_path / "owner/nih")
    write_nih(tmp_path / "again/nih", encode=encode)
    owner, again = (tables_of(tmp_path / name, NIH)[""] for name in ("owner", "again"))
    assert owner.equals(again)


def test_boxes_with_decimal_commas(tmp_path):
    write_nih(tmp_path / "nih")
    rows = [BOX_HEADER, "00000009_001.png,Effusion,512§5,256,102§4,51,,,"]
    write_table(
        tmp_path / "nih/BBox_List_2017.csv",
        rows,
        lambda text: text.replace(",", ";").replace("§", ",").encode(),
    )
    assert tables_of(tmp_path, NIH)["annotations"]["x"].tolist() == [512.5 * 32 / 1024]


def test_what_is_no_table_is_refused_in_one_sentence(tmp_path):
    for name, content in {
        "a.csv": bytes(range(256)),
        "b.csv": b"\x89PNG\r\n" + b"a" * 200_000 + b"\0",
        "c.csv": "path,label\n".encode("utf-16-le"),
        "d.csv.gz": b"no archive",
        "e.csv": b"",
        "f.xlsx": b"PK\3\4\0\0",
    }.items():
        (tmp_path / name).write_bytes(content)
        remedy = "save it as CSV" if name == "f.xlsx" else "get the owner's file again"
        with pytest.raises(BadData, match=f"{name} cannot be read as a table: {remedy}") as raised:
            read_cells(tmp_path / name)
        assert "\n" not in str(raised.value)


def test_pipes_separate_cells_where_nothing_else_does(tmp_path):
    write_table(tmp_path / "pipes.csv", ["File|Diagnosis", "p1.png|a, b; c"])
    assert read_cells(tmp_path / "pipes.csv").to_numpy().tolist() == [["p1.png", "a, b; c"]]
    write_table(tmp_path / "commas.csv", ["File,left|right", "p1.png,a|b"])
    assert list(read_cells(tmp_path / "commas.csv")) == ["File", "left|right"]


# --- links and names


def test_links_are_followed_and_do_not_go_round_in_circles(tmp_path):
    write_film(tmp_path / "store/a/1.png")
    folder = tmp_path / "films"
    (folder / "b").mkdir(parents=True)
    (folder / "a").symlink_to(tmp_path / "store/a")
    (folder / "b/2.png").symlink_to(tmp_path / "store/a/1.png")
    (folder / "b/self").symlink_to(folder / "b")
    (folder / "up").symlink_to(tmp_path)
    (tmp_path / "store/a/back").symlink_to(folder)
    assert [path.relative_to(folder).as_posix() for path in files_below(folder)] == [
        "a/1.png",
        "b/2.png",
    ]


def test_a_folder_that_cannot_be_opened_is_named(tmp_path, monkeypatch):
    write_film(tmp_path / "films/a/1.png")
    write_film(tmp_path / "films/closed/2.png")
    scandir = os.scandir

    def closed(path):
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", closed)
    with pytest.raises(BadData, match="films/closed: the folder cannot be opened"):
        files_below(tmp_path / "films")
    assert files_below(tmp_path / "absent") == []


def test_an_owners_films_may_be_links(tmp_path):
    write_nih(tmp_path / "data/store/nih")
    (tmp_path / "data/nih").mkdir()
    for path in (tmp_path / "data/store/nih").iterdir():
        (tmp_path / "data/nih" / path.name).symlink_to(path)
    entry = NIH | {"folder": "."}
    assert len(tables_of(tmp_path / "data", entry)[""]) == 24


# --- labels in a table

OURS = {"layout": "table", "folder": "ours", "body": "chest", "table": "labels.csv", "path": "File"}
BY_WORD = OURS | {"label": "Diagnosis", "normal": "normal", "abnormal": "any", "patient": "Patient"}
BY_COLUMN = OURS | {"normal": "Healthy", "abnormal": "Fracture", "patient": r"p(\d+)_"}


def write_ours(folder, header, row, films="films/p{}_{}.png", **options):
    """Write two films of each patient; row(patient, film) -> the cells of its row."""
    lines = [header, *(row(patient, film) for patient in PATIENTS for film in (0, 1))]
    write_table(folder / "labels.csv", lines, **options)
    for patient in PATIENTS:
        for film in (0, 1):
            write_film(folder / films.format(patient, film))


def by_word(patient, film):
    word = ("Normal", "pneumonia", "Normal|old fracture")[(patient + film) % 3]
    return f"p{patient}_{film}.png,{word},ada{patient},w,4{film},{'AP' if film else ''},PA"


WORD_HEADER = "File,Diagnosis,Patient,Sex,Age,View,Other view"


def test_words_of_one_column(tmp_path):
    write_ours(tmp_path / "ours", WORD_HEADER, by_word)
    entry = BY_WORD | {"age": "age", "view": ["View", "Other view"], "study": "View"}
    tables = tables_of(tmp_path, entry)
    index = tables[""]
    assert index["finding"].value_counts().to_dict() == {
        "normal": 8,
        "pneumonia": 8,
        "old fracture": 8,
    }
    assert (index["label"].eq(1) == index["finding"].ne("normal")).all()
    assert set(index["view"]) == {"AP", "PA"} and set(index["age"]) == {40, 41}
    assert index["patient_id"].nunique() == 12 and index["study_id"].nunique() == 24
    everything = index.drop(columns="path").to_csv()
    assert "ada" not in everything and "p1_0" not in everything


def test_words_that_are_no_class_are_left_out(tmp_path):
    write_ours(tmp_path / "ours", WORD_HEADER, by_word)
    listing = label_table.read(tmp_path / "ours", BY_WORD | {"abnormal": "Pneumonia"})
    assert len(listing.films) == 16 and listing.counts["left out: neither class"] == 8
    assert set(listing.films["finding"]) == {"normal", "Pneumonia"}


def test_lists_and_codes_in_a_cell(tmp_path):
    several = "['COPD signs', 'old fracture']"
    cells = ("['normal']", several, "1 2 " * 99, "[]", several, "")
    write_ours(
        tmp_path / "ours",
        "File,Diagnosis,Patient",
        lambda patient, film: f'p{patient}_{film},"{cells[(2 * patient + film) % 6]}",{patient}',
    )
    listing = label_table.read(tmp_path / "ours", BY_WORD)
    assert listing.films["finding"].value_counts().to_dict() == {
        "normal": 4,
        "COPD signs|old fracture": 8,
        "abnormal": 4,
    }
    assert listing.counts["left out: neither class"] == 8


def test_numbers_may_be_the_words(tmp_path):
    write_ours(tmp_path / "ours", "File,Target", lambda p, f: f"p{p}_{f},{f}.0")
    entry = OURS | {"label": "target", "normal": 0, "abnormal": 1, "patient": r"p(\d+)_"}
    index = tables_of(tmp_path, entry)[""]
    assert (index["label"].eq(1) == index["path"].str.contains("_1.png")).all()


STATES = (("1", "0"), ("", "1.0"), ("", "-1.0"), ("1", "-1"), ("", ""), ("0", "TRUE"))


def by_column(patient, film):
    healthy, fracture = STATES[(2 * patient + film) % 6]
    return f"p{patient}_{film}.png,{healthy},{fracture},{film}"


@pytest.mark.parametrize(
    ("uncertain", "normal", "abnormal"),
    [("leave_out", 4, 8), ("normal", 12, 8), ("abnormal", 4, 16)],
)
def test_a_column_a_label(tmp_path, uncertain, normal, abnormal):
    write_ours(tmp_path / "ours", "File,Healthy,Fracture,Second", by_column)
    tables = tables_of(tmp_path, BY_COLUMN | {"uncertain": uncertain})
    assert tables[""]["label"].value_counts().to_dict() == {0: normal, 1: abnormal}
    assert counts(tables)["left out: neither class"] == 4
    assert counts(tables).get("left out: uncertain", 0) == 20 - normal - abnormal
    everything = tables_of(tmp_path, BY_COLUMN | {"abnormal": "any"})[""]["finding"]
    assert set(everything) == {"Healthy", "Fracture", "Second", "Fracture|Second"} & set(everything)
    assert everything.str.contains("Second").any()


def test_several_rows_of_a_film_are_joined(tmp_path):
    write_ours(tmp_path / "ours", "File,Diagnosis,Patient", lambda p, f: f"p{p}_{f},normal,{p}")
    table = tmp_path / "ours/labels.csv"
    again = [f"p{p}_1.png,mass,{p}" for p in PATIENTS]
    table.write_text(table.read_text() + "\n".join(again))
    tables = tables_of(tmp_path, BY_WORD)
    assert counts(tables)["films listed"] == 24
    assert tables[""]["finding"].value_counts().to_dict() == {"normal": 12, "mass": 12}
    assert counts(tables)["of these, rows disagree: counted as abnormal"] == 12
    table.write_text(table.read_text() + "\np1_1,mass,2\n")
    with pytest.raises(BadData, match=r"labels\.csv assigns two patients to one film"):
        tables_of(tmp_path, BY_WORD)


@pytest.mark.parametrize(
    ("written", "films"),
    [
        ("{}", "{}.png"),
        ("{}.dcm", "films/deep/{}.jpg"),
        ("/media/export/{}.png", "{}.png"),
        ("C:\\export\\{}.png", "films/{}.png"),
        ("Set-small/train/{}.png", "train/{}.png"),
        ("train/{}", "Set/train/{}.tif"),
        ("export/M\xfcller {}.png", "M\udcfcller {}.png"),
        ("Mu\u0308ller {}.png", "M\xfcller {}.png"),
    ],
)
def test_paths_are_found_whatever_precedes_or_follows_them(tmp_path, written, films):
    write_ours(
        tmp_path / "ours",
        "File,Diagnosis,Patient",
        lambda p, f: f"{written.format(f'p{p}_{f}')},{('normal', 'mass')[f]},{p}",
        films.format("p{}_{}"),
    )
    index = tables_of(tmp_path, BY_WORD)[""]
    assert len(index) == 24 and index["path"].map(os.fsencode).nunique() == 24


def test_names_that_fit_two_films_are_refused(tmp_path):
    write_ours(tmp_path / "ours", WORD_HEADER, by_word)
    write_film(tmp_path / "ours/copy/films/p1_0.png")  # of the same path, so a copy
    assert len(tables_of(tmp_path, BY_WORD)[""]) == 24
    write_film(tmp_path / "ours/other/p1_0.png")
    with pytest.raises(BadData, match=r"'p1_0\.png', which matches films/p1_0\.png and other/p1_0"):
        tables_of(tmp_path, BY_WORD)


def test_an_absent_film_is_not_taken_for_one_of_its_name(tmp_path):
    """Half of the patients' folders are there, and all have the same names in them."""
    write_ours(
        tmp_path / "ours",
        "File,Diagnosis",
        lambda p, f: f"Set/p{p}_{f}/study1/view1.png,{('normal', 'mass')[f]}",
        "p{}_{}/study1/view1.png",
    )
    for patient in PATIENTS[6:]:
        for film in (0, 1):
            (tmp_path / f"ours/p{patient}_{film}/study1/view1.png").unlink()
    tables = tables_of(tmp_path, BY_WORD | {"patient": r"p(\d+)_"})
    assert len(tables[""]) == 12 and counts(tables)["left out: not there"] == 12


def test_a_column_or_a_path_may_name_the_test_films(tmp_path):
    def row(patient, film):
        part = "test" if patient > 9 else "train"
        return f"{part}/p{patient}_{film}.png,{('normal', 'mass')[film]},{patient},{part.upper()}"

    write_ours(tmp_path / "ours", "File,Diagnosis,Patient,Fold", row, films="p{}_{}.png")
    for split in ("Fold", r"^(\w+)/"):
        tables = tables_of(tmp_path, BY_WORD | {"split": split})
        assert counts(tables)["test: patients"] == 3 and len(tables[""]) == 24
    with pytest.raises(BadData, match="has no film whose `Fold` is holdout"):
        tables_of(tmp_path, BY_WORD | {"split": "Fold", "test": "holdout"})


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"table": "lables.csv"},
            "No file below .* matches `table: lables.csv`: put the table there",
        ),
        ({"path": "Image"}, "has no column 'Image', which params/datasets.yaml names; it has File"),
        ({"label": "Class"}, "has no column 'Class'"),
        ({"abnormal": "pneumonja"}, "never has 'pneumonja' in its column 'Diagnosis'"),
        ({"abnormal": "normal"}, "'normal' is both normal and abnormal"),
        ({"patient": "MRN"}, "has no column 'MRN'"),
        (
            {"patient": r"(x\d+)"},
            "is not a column of .* and does not match the paths of some films",
        ),
        ({"patient": r"(x\d+"}, "is neither a column of .* nor a regular expression"),
        (
            {"label": None, "normal": "Diagnosis"},
            "has 'pneumonia' in its column 'Diagnosis': write 1",
        ),
    ],
)
def test_slips_in_an_entry_are_answered_in_one_sentence(tmp_path, change, sentence):
    write_ours(tmp_path / "ours", WORD_HEADER, by_word)
    entry = {key: value for key, value in (BY_WORD | change).items() if value is not None}
    with pytest.raises(BadData, match=sentence) as raised:
        tables_of(tmp_path, entry)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("layout", ["table", "chexpert", "mimic", "vindr"])
def test_entries_of_these_layouts_are_read(tmp_path, layout):
    keys = {"table": "a.csv", "path": "File", "normal": "x"} if layout == "table" else {}
    entry = {"layout": layout, "folder": "x", "body": "chest", "uncertain": "normal", **keys}
    write_table(tmp_path / "params/datasets.yaml", [f"datasets: {{films: {entry}}}"])
    assert load_entries(tmp_path)["films"]["layout"] == layout
    write_table(
        tmp_path / "params/datasets.yaml", [f"datasets: {{films: {entry | {'uncertain': 0}}}}"]
    )
    with pytest.raises(BadData, match="`uncertain: 0`: write leave_out, normal, abnormal"):
        load_entries(tmp_path)


def test_each_of_several_tables_has_the_paths(tmp_path):
    write_ours(tmp_path / "ours", WORD_HEADER, by_word)
    header, *rows = (tmp_path / "ours/labels.csv").read_text().splitlines()
    entry = BY_WORD | {"table": "labels*.csv"}
    for name, some in (("labels.csv", rows[:12]), ("labels2.csv", rows[12:])):
        write_table(tmp_path / "ours" / name, [header.replace("File", "FILE"), *some])
    assert len(label_table.read(tmp_path / "ours", entry).films) == 24
    write_table(tmp_path / "ours/labels2.csv", [header.replace("File", "Image"), *rows[12:]])
    with pytest.raises(BadData, match=r"labels2\.csv has no column 'File', .* it has Image, Diag"):
        label_table.read(tmp_path / "ours", entry)
    with pytest.raises(BadData, match="has no column 'Class'") as raised:
        label_table.read(tmp_path / "ours", BY_WORD | {"label": "Class"})
    assert label_table.ITS_TABLE not in str(raised.value)


def test_rows_without_a_path_are_films_that_are_not_there(tmp_path):
    write_ours(tmp_path / "ours", WORD_HEADER, by_word)
    with (tmp_path / "ours/labels.csv").open("a") as table:
        table.write(",Normal,ada1,w,1,AP,PA\n,mass,ada2,w,1,AP,PA\n")
    assert label_table.read(tmp_path / "ours", BY_WORD).counts["left out: not there"] == 2


def test_films_that_no_table_lists_are_counted(tmp_path):
    write_ours(tmp_path / "ours", WORD_HEADER, by_word)
    assert "left out: not in the table" not in label_table.read(tmp_path / "ours", BY_WORD).counts
    for name in ("films/p1_0.jpg", "films/new.png", "more/new.dcm.png"):
        write_film(tmp_path / "ours" / name)
    assert label_table.read(tmp_path / "ours", BY_WORD).counts["left out: not in the table"] == 3


def test_free_text_makes_no_group_of_films(tmp_path):
    def row(patient, film):
        return f"p{patient}_{film}.png,{('normal', 'mass')[film]},{patient},PA view,Hand of Ada,m"

    write_ours(tmp_path / "ours", "File,Diagnosis,Patient,View,Part,Sex", row)
    entry = BY_WORD | {"view": "View", "body_part": "Part", "sex": "Sex"}
    films = label_table.read(tmp_path / "ours", entry).films
    assert set(films["view"]) == {"PA"} and set(films["sex"]) == {"M"}
    assert set(films["body_part"]) == {"hand"}
    films = label_table.read(
        tmp_path / "ours", entry | dict.fromkeys(("view", "sex"), "File")
    ).films
    assert set(films["view"]) == {""} and set(films["sex"]) == {""}


@pytest.mark.parametrize(("abnormal", "rare"), [("any", "abnormal"), (["mass", "Ada"], "Ada")])
def test_a_word_of_few_films_is_no_finding_unless_the_entry_names_it(tmp_path, abnormal, rare):
    def row(patient, film):
        word = "normal" if film else {1: "Ada", 2: "Ada|mass"}.get(patient, "mass")
        return f"p{patient}_{film}.png,{word},{patient}"

    write_ours(tmp_path / "ours", "File,Diagnosis,Patient", row)
    listing = label_table.read(tmp_path / "ours", BY_WORD | {"abnormal": abnormal})
    findings = listing.films["finding"].value_counts().to_dict()
    both = "|".join(sorted([rare, "mass"]))
    assert findings == {"normal": 12, "mass": 10, rare: 1, both: 1}
    assert "of these, rows disagree: counted as abnormal" not in listing.counts


# --- presets

CHEXPERT = {"layout": "chexpert", "folder": "CheXpert", "body": "chest"}
CHEXPERT_HEADER = "Path,Sex,Age,Frontal/Lateral,AP/PA,No Finding,Edema,Fracture,Support Devices"
BATCHES = {"train": "CheXpert-v1.0 batch 2 (train 1)", "valid": "batch 1 (validate & csv)/valid"}


def write_chexpert(folder, prefix, places):
    """Write two films per study of 24 patients, six in valid.csv; every 4th is uncertain."""
    tables = {"train": [CHEXPERT_HEADER], "valid": [CHEXPERT_HEADER]}
    for patient in range(1, 25):
        name = "valid" if patient > 18 else "train"
        labels = ("1.0,,,1.0", ",1.0,,", ",-1.0,,", ",,1.0,")[patient % 4]
        for view, position in (("1_frontal", "Frontal,AP"), ("2_lateral", "Lateral,")):
            film = f"patient{patient:05}/study1/view{view}.jpg"
            tables[name].append(f"{prefix}/{name}/{film},Female,68,{position},{labels}")
            write_film(folder / places[name] / film)
    for name, rows in tables.items():
        write_table(folder / f"{name}.csv", rows)


@pytest.mark.parametrize(
    ("prefix", "places"),
    [
        ("CheXpert-v1.0-small", {"train": "train", "valid": "valid"}),
        ("CheXpert-v1.0", {"train": "CheXpert-v1.0/train", "valid": "CheXpert-v1.0/valid"}),
        ("CheXpert-v1.0", BATCHES),
    ],
    ids=["small", "nested", "batches"],
)
def test_chexpert(tmp_path, prefix, places):
    write_chexpert(tmp_path / "CheXpert", prefix, places)
    tables = tables_of(tmp_path, CHEXPERT)
    index = tables[""]
    assert len(index) == 36 and counts(tables)["left out: uncertain"] == 12
    assert index["finding"].value_counts().to_dict() == {
        "No Finding": 12,
        "Edema": 12,
        "Fracture": 12,
    }
    assert (
        index["split"].eq("test").equals(index["path"].str.contains("patient0001[9]|patient0002"))
    )
    assert set(index["view"]) == {"AP", "LATERAL"} and set(index["sex"]) == {"F"}
    assert index["patient_id"].nunique() == index["study_id"].nunique() == 18
    assert not index["patient_id"].str.contains("patient").any()
    fractures = tables_of(tmp_path, CHEXPERT | {"abnormal": "Fracture"})
    assert counts(fractures)["left out: neither class"] == 24
    (tmp_path / "CheXpert/valid.csv").unlink()
    assert counts(tables_of(tmp_path, CHEXPERT))["in the official test list"] == 0


MIMIC = {"layout": "mimic", "folder": "mimic", "body": "chest"}


@pytest.mark.parametrize(
    ("ending", "films"), [(".csv", "files/p10/p{}/s{}/{}.jpg"), (".csv.gz", "resized/{2}.png")]
)
def test_mimic(tmp_path, ending, films):
    labels = ["subject_id,study_id,Edema,No Finding"]
    metadata, split = (
        ["dicom_id,subject_id,study_id,ViewPosition,Rows"],
        ["dicom_id,study_id,split"],
    )
    for n in range(24):
        subject, study = 10000032 + n // 2, 50414267 + n
        labels.append(f"{subject},{study},{('', '1.0')[n % 2]},{('1.0', '')[n % 2]}")
        for view, position in enumerate(("PA", "LATERAL")):
            name = f"{n:08x}-{view}"
            metadata.append(f"{name},{subject},{study},{position},3056")
            split.append(f"{name},{study},{'test' if n >= 18 else 'train'}")
            write_film(tmp_path / "mimic" / films.format(subject, study, name))
    encode = gzip.compress if ending.endswith("gz") else bytes
    for name, rows in (("chexpert", labels), ("metadata", metadata), ("split", split)):
        path = tmp_path / f"mimic/mimic-cxr-2.0.0-{name}{ending}"
        write_table(path, rows, lambda text: encode(text.encode()))
    tables = tables_of(tmp_path, MIMIC)
    index = tables[""]
    assert len(index) == 48 and index["study_id"].nunique() == 24
    assert index["patient_id"].nunique() == 12 and set(index["view"]) == {"PA", "LATERAL"}
    assert counts(tables)["test: patients"] == 3 and index["label"].sum() == 24
    path.unlink()
    assert counts(tables_of(tmp_path, MIMIC))["in the official test list"] == 0
    (tmp_path / f"mimic/mimic-cxr-2.0.0-metadata{ending}").unlink()
    with pytest.raises(BadData, match=r"mimic-cxr-2\.0\.0-metadata\.csv is missing"):
        tables_of(tmp_path, MIMIC)


VINDR = {"layout": "vindr", "folder": "vindr", "body": "chest"}
BOX = "Nodule/Mass,8,R{},4,8,14,28"
NO_BOX = "No finding,14,R{},,,,"


def test_vindr_of_kaggle(tmp_path):
    rows = ["image_id,class_name,class_id,rad_id,x_min,y_min,x_max,y_max"]
    for n in range(24):
        readings = [BOX, NO_BOX, BOX] if n % 2 else [NO_BOX] * 3
        rows += [f"{n:032x},{reading.format(r)}" for r, reading in enumerate(readings)]
        write_film(tmp_path / f"vindr/train/{n:032x}.png")
    write_table(tmp_path / "vindr/train.csv", rows)
    tables = tables_of(tmp_path, VINDR)
    assert tables[""]["finding"].value_counts().to_dict() == {"No finding": 12, "Nodule/Mass": 12}
    boxes = tables["annotations"]
    assert len(boxes) == 24  # in pixels of the film as it is stored
    assert boxes.iloc[0][["x", "y", "width", "height"]].tolist() == [4, 8, 10, 20]
    rows[-1] = f"{23:032x},{BOX.format(2).replace('14,28', '33,60')}"
    write_table(tmp_path / "vindr/train.csv", rows)
    with pytest.warns(
        UserWarning, match="1 boxes exceed their films, .* none of the boxes is used"
    ):
        assert tables_of(tmp_path, VINDR)["annotations"].empty


def test_vindr_of_physionet(tmp_path):
    folder = tmp_path / "vindr"
    labels = {"train": ["image_id,rad_id,Nodule/Mass,Other diseases,No finding"]}
    labels["test"] = ["image_id,Nodule/Mass,Other disease,No finding"]
    boxes = ["image_id,rad_id,class_name,x_min,y_min,x_max,y_max"]
    for n in range(24):
        name = "test" if n >= 18 else "train"
        for reader in range(1 if name == "test" else 3):
            cells = "1,0,0" if n % 2 and reader == 0 else "0,0,1"
            labels[name].append(f"{n:032x},{'' if name == 'test' else f'R{reader},'}{cells}")
        if n % 2:
            boxes.append(f"{n:032x},R0,Nodule/Mass,4,8,14,28")
        write_film(folder / name / f"{n:032x}.png")
    for name, rows in labels.items():
        write_table(folder / f"annotations/image_labels_{name}.csv", rows)
    write_table(folder / "annotations/annotations_train.csv", boxes)
    tables = tables_of(tmp_path, VINDR)
    index = tables[""]
    assert index["label"].sum() == 12 and len(tables["annotations"]) == 12
    assert index["split"].eq("test").equals(index["path"].str.contains("/test/"))
