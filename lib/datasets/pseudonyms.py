"""Replace the names of patients and studies by salted hashes."""

import hashlib
import secrets
from pathlib import Path

import pandas as pd

from lib import files
from lib.datasets.table import ODD_NAMES


def salt(root: Path) -> str:
    """Return the salt of the hashes, drawn once for the whole study."""
    path = root / "build/salt"
    with files.locked(path):  # two data sets may be indexed at the same time
        if not (path.exists() and path.read_text()):
            with files.whole_file(path) as unfinished:
                unfinished.touch(mode=0o600)
                unfinished.write_text(secrets.token_hex(16))
        return path.read_text()


def pseudonymous(films: pd.DataFrame, salt: str) -> pd.DataFrame:
    """Replace patients, and studies that have a name, by a salted hash of the name."""

    def pseudonym(name: str) -> str:
        return hashlib.sha256(f"{salt}/{name}".encode(errors=ODD_NAMES)).hexdigest()[:12]

    studies = films["study_id"].where(
        films["study_id"].eq(films["image_id"]), films["study_id"].map(pseudonym)
    )
    return films.assign(patient_id=films["patient_id"].map(pseudonym), study_id=studies)
