"""Write files and tables in the formats of MURA, NIH ChestX-ray14 and RSNA."""

import csv
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
import pydicom
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    ExplicitVRLittleEndian,
    JPEGBaseline8Bit,
    SecondaryCaptureImageStorage,
    generate_uid,
)

from lib.phantoms.cohorts import OPACITIES, Film, Twins, generator

Boxes = dict[str, list[tuple[int, int, int, int]]]

NIH_HEADER = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]"
)
NIH_BOX_HEADER = "Image Index,Finding Label,Bbox [x,y,w,h],,,"
SPACING = 0.168  # mm per pixel of a 1024-pixel film, as in most films of RSNA


def write_png(path: Path, image: np.ndarray) -> None:
    """Write a uint8 image (h, w)."""
    if not cv2.imwrite(str(path), image, [cv2.IMWRITE_PNG_COMPRESSION, 4]):
        raise OSError(f"{path} could not be written")


def write_dicom(path: Path, image: np.ndarray, film: Film, twins: Twins, seed: int) -> None:
    """Write a uint8 film (h, w) with RSNA's tags: JPEG or uncompressed, a few MONOCHROME1."""
    rng = generator(seed, "rsna", "plan", 1 + twins.number)  # shared by the twins
    compressed, inverted = rng.random() < 0.5, rng.random() < 0.06
    pixels = 255 - image if inverted else image
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[path.stem, "film"])
    meta.TransferSyntaxUID = JPEGBaseline8Bit if compressed else ExplicitVRLittleEndian
    dicom = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    dicom.SOPClassUID = meta.MediaStorageSOPClassUID
    dicom.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    dicom.StudyDate, dicom.StudyTime, dicom.Modality = "19010101", "000000.00", "CR"
    dicom.ConversionType, dicom.SeriesDescription = "WSD", f"view: {twins.view}"
    dicom.PatientName = dicom.PatientID = path.stem
    dicom.PatientSex, dicom.ViewPosition, dicom.BodyPartExamined = twins.sex, twins.view, "CHEST"
    with pydicom.config.disable_value_validation():  # RSNA's ages lack the standard's Y
        dicom.PatientAge = str(twins.age)
    dicom.StudyInstanceUID = generate_uid(entropy_srcs=[path.stem, "study"])
    dicom.SeriesInstanceUID = generate_uid(entropy_srcs=[path.stem, "series"])
    dicom.SamplesPerPixel, dicom.PixelRepresentation = 1, 0
    dicom.PhotometricInterpretation = "MONOCHROME1" if inverted else "MONOCHROME2"
    dicom.Rows, dicom.Columns = pixels.shape
    dicom.PixelSpacing = [SPACING * 1024 / pixels.shape[1]] * 2
    dicom.BitsAllocated, dicom.BitsStored, dicom.HighBit = 8, 8, 7
    if compressed:
        encoded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes()
        dicom.PixelData = encapsulate([encoded])
        dicom["PixelData"].VR = "OB"
        dicom.LossyImageCompression, dicom.LossyImageCompressionMethod = "01", "ISO_10918_1"
    else:
        dicom.PixelData = pixels.tobytes()
    dicom.save_as(path, enforce_file_format=True)


def write_mura(folder: Path, twins: list[Twins], boxes: Boxes) -> None:
    """Write four tables without headers: paths of films and labels of studies."""
    for split in ("train", "valid"):
        paths = sorted(f.path for t in twins for f in t.films if t.test == (split == "valid"))
        studies = sorted({f"{path.rsplit('/', 1)[0]}/" for path in paths})
        labels = [(study, int(study.endswith("_positive/"))) for study in studies]
        _table(folder / f"MURA-v1.1/{split}_image_paths.csv", ((path,) for path in paths))
        _table(folder / f"MURA-v1.1/{split}_labeled_studies.csv", labels)


def write_nih(folder: Path, twins: list[Twins], boxes: Boxes) -> None:
    """Write data entry and boxes (original headers) and the official lists (no final newline)."""
    entries, box_rows = [], []
    lists = {"train_val_list.txt": [], "test_list.txt": []}
    for pair, film in sorted(((t, f) for t in twins for f in t.films), key=lambda tf: tf[1].path):
        name = Path(film.path).name
        findings = "|".join(film.findings) or "No Finding"
        entries.append(
            (
                name,
                findings,
                int(name[9:12]),
                int(name[:8]),
                pair.age,
                pair.sex,
                pair.view,
                *_original_size(pair),
            )
        )
        for finding, box in zip(film.findings, boxes[film.path], strict=True):
            finding = "Infiltrate" if finding == "Infiltration" else finding  # the owner's spelling
            box_rows.append((name, finding, *map(float, box)))
        lists["test_list.txt" if pair.test else "train_val_list.txt"].append(name)
    _table(folder / "nih/Data_Entry_2017.csv", entries, NIH_HEADER)
    _table(folder / "nih/BBox_List_2017.csv", box_rows, NIH_BOX_HEADER)
    for name, films in lists.items():
        (folder / "nih" / name).write_text("\n".join(films))


def _original_size(pair: Twins) -> tuple[int, int, float, float]:
    """Return width, height (pixels) and spacing (mm) of the simulated film before reduction."""
    sizes = ((2500, 2048, 0.168), (3056, 2544, 0.139), (2992, 2991, 0.143))
    width, height, spacing = sizes[pair.number % 3]
    return width, height, spacing, spacing


def write_rsna(folder: Path, twins: list[Twins], boxes: Boxes) -> None:
    """Write one row per box, and the class of each id as many times."""
    labels, classes = [], []
    for film in sorted((f for t in twins for f in t.films), key=lambda f: f.path):
        name, opacity = Path(film.path).stem, bool(OPACITIES.keys() & film.findings)
        rows = [(name, *map(float, box), 1) for box in boxes[film.path] if opacity]
        rows = rows or [(name, "", "", "", "", 0)]
        labels += rows
        other = "No Lung Opacity / Not Normal" if film.findings else "Normal"
        classes += [(name, "Lung Opacity" if opacity else other)] * len(rows)
    _table(folder / "rsna/stage_2_train_labels.csv", labels, "patientId,x,y,width,height,Target")
    _table(folder / "rsna/stage_2_detailed_class_info.csv", classes, "patientId,class")


def _table(path: Path, rows: Iterable[tuple], header: str = "") -> None:
    with path.open("w", newline="") as file:
        if header:
            file.write(f"{header}\n")
        csv.writer(file, lineterminator="\n").writerows(rows)
