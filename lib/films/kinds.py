"""Recognise a file by its first bytes: a DICOM, a picture that Pillow decodes, or no film.

The name matters only where the bytes are not those of a film: a `film.png` that holds an error page
is a film lost in transfer, README is not.
"""

import re
from pathlib import Path

from lib.films.refusals import LARGEST_FILE, NotAFilm, UnreadableFilm

HEAD = 512  # bytes from which the kind is recognised
DICOM = "DICOM"
PREAMBLE = bytes(128) + b"DICM"

# Pillow's formats that are decoded within this process; EPS, for example, runs another program.
PICTURES = {
    "PNG": rb"\x89PNG\r\n\x1a\n",
    "JPEG": rb"\xff\xd8\xff",
    "TIFF": rb"II[*+]\0|MM\0[*+]",
    "BMP": rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0",
    "GIF": rb"GIF8[79]a",
    "WEBP": rb"RIFF....WEBP",
    "JPEG2000": rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51",
    "AVIF": rb"....ftypavi[fs]",
    "PPM": rb"P[1-6]\s+[#\d]",
}
FILMS_NOT_READ = {  # may hold a film, which must not be left out silently
    "HEIC": rb"....ftyp(hei|hev|mif1|msf1)",
    "JPEG XL": rb"\xff\x0a|\0\0\0\x0cJXL ",
    "NIfTI": rb".{344}(n\+1|ni1)\0",
    "NumPy": rb"\x93NUMPY",
    "MetaImage": rb"(ObjectType|NDims) *=",
    "NRRD": rb"NRRD000",
    "HDF5": rb"\x89HDF\r\n",
    "MATLAB": rb"MATLAB 5",
    "Photoshop": rb"8BPS",
    "PostScript": rb"%!PS|\xc5\xd0\xd3\xc6",
}
NO_FILMS = {
    "PDF": rb"\s*%PDF",
    "ZIP": rb"PK\x03\x04",
    "gzip": rb"\x1f\x8b",
    "7z": rb"7z\xbc\xaf",
    "RAR": rb"Rar!",
    "video": rb"....ftyp|\x1aE\xdf\xa3|RIFF....AVI |\0\0\x01[\xb3\xba]",
    "program": rb"MZ|\x7fELF",
    "SVG": rb"(?i)(\xef\xbb\xbf)?\s*(<\?xml.*)?<svg",
    "HTML": rb"(?i)(\xef\xbb\xbf)?\s*<(!doctype )?html",
    "XML": rb"(\xef\xbb\xbf)?\s*<\?xml",
}

FILM_SUFFIXES = {
    *(".dcm", ".dicom", ".dic", ".ima", ".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".tif", ".tiff"),
    *(".bmp", ".dib", ".gif", ".webp", ".jp2", ".j2k", ".j2c", ".jpf", ".jpx", ".avif"),
    *(".pbm", ".pgm", ".ppm", ".pnm"),
}


def is_film_name(path: Path) -> bool:
    """Return whether a file name suggests a film, by its suffix or as the UID of a DICOM."""
    path = path.with_suffix("") if path.suffix.lower() == ".gz" else path
    return path.suffix.lower() in FILM_SUFFIXES or re.fullmatch(r"[\d.]{9,}", path.name) is not None


def refusal(path: Path, reason: str) -> UnreadableFilm:
    """Return the error of a file that is not a film: NotAFilm unless its name suggests one."""
    return UnreadableFilm(reason) if is_film_name(path) else NotAFilm(reason)


def kind_of(path: Path) -> str:
    """Return the kind of a file, DICOM or a key of PICTURES. Raises UnreadableFilm otherwise."""
    if not path.exists():
        raise UnreadableFilm("missing")
    if not path.is_file():
        raise UnreadableFilm("not a file")
    if (size := path.stat().st_size) == 0:
        raise refusal(path, "empty file")
    if size > LARGEST_FILE:
        raise refusal(path, "implausible size: more than 512 MB")
    with path.open("rb") as file:
        head = file.read(HEAD)
    if missing_preamble(head) is not None:
        return DICOM
    return _first(PICTURES, head) or _refuse(path, head)


def missing_preamble(head: bytes) -> bytes | None:
    """Return the bytes missing before `head` in a DICOM file, possibly b""; None if it is none."""
    if head[128:132] == b"DICM":
        return b""
    if head.startswith(b"DICM"):
        return PREAMBLE[:128]
    return PREAMBLE if _is_first_element(head) else None


def _is_first_element(head: bytes) -> bool:
    """Return whether an element of group 2 or 8 with a plausible VR or length comes first."""
    if re.match(rb"[\x02\x08]\0.\0|\0[\x02\x08]\0.", head, re.DOTALL) is None:
        return False
    explicit = re.match(rb"CS|UI|UL|DA|TM|DT|LO|SH|ST|PN|OB|SQ|AE|LT|UT|US", head[4:6]) is not None
    return explicit or int.from_bytes(head[4:8], "little") <= HEAD


def _first(kinds: dict[str, bytes], head: bytes) -> str | None:
    return next((name for name, first in kinds.items() if re.match(first, head, re.DOTALL)), None)


def _refuse(path: Path, head: bytes) -> str:
    if name := "NIfTI" if path.name.endswith(".nii.gz") else _first(FILMS_NOT_READ, head):
        raise UnreadableFilm(f"{name}, an unsupported format")
    name = _first(NO_FILMS, head)
    raise refusal(path, f"not an image: {name}" if name else "not an image")
