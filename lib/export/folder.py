"""Write a trained detector into a folder, whole or not at all: graphs, description and card."""

import json
from pathlib import Path

from tqdm import tqdm

from lib import files
from lib.errors import BadData
from lib.reader.choice import Choice, choose
from lib.reader.reading import Reader

OUTPUT = files.BUILD / "export"
GRAPH, GATE, ABOUT, CARD = "detector.onnx", "gate.onnx", "detector.json", "README.md"
PROGRAM = "score.py"


def place_of(choice: Choice, output: Path = OUTPUT) -> Path:
    """Return the folder of a detector. Raises BadData if it exists."""
    place = output / str(choice).replace("/", "-").replace(" ", "-")
    if place.exists():
        raise BadData(f"{place} exists: remove or rename it to export {choice} again.")
    return place


def export(name: str = "", output: Path = OUTPUT) -> Path:
    """Export the detector of a name, `data set/method/seed`; return the folder.

    Raises BadData if it is unknown or not trained, if its folder exists, and with the reason if it
    cannot be exported.
    """
    choice = choose(name)
    place = place_of(choice, output)
    reader = Reader(str(choice))
    with files.whole_folder(place) as folder:
        _fill(folder, reader)
    return place


def _fill(folder: Path, reader: Reader) -> None:
    # TensorFlow takes seconds to import: errors in the request come before.
    from lib.export import agreement, graph
    from lib.export.card import card, program
    from lib.export.description import description, of_part
    from lib.reader.gate import SIDE

    parts, graphs = [], _graphs(reader.choice)
    bar = tqdm(zip(reader.parts, graphs, strict=True), "graphs", total=len(graphs), unit="graph")
    for part, file in bar:
        written = graph.write(part.detector, part.settings["size"], folder / file, part.score_name)
        parts.append(of_part(part, file, written, agreement.difference(part, folder / file)))
    graph.write(reader.gate.detector, SIDE, folder / GATE, "mahalanobis", maps=False)
    about = description(reader, parts, GATE)
    (folder / PROGRAM).write_text(program(about), encoding="utf-8")
    (folder / CARD).write_text(card(about, PROGRAM), encoding="utf-8")
    about["sha256"] = {path.name: files.hash_of(path) for path in sorted(folder.iterdir())}
    (folder / ABOUT).write_text(json.dumps(about, indent=1, allow_nan=False), encoding="utf-8")


def _graphs(choice: Choice) -> list[str]:
    """Return the name of the file of each part."""
    if not choice.rule:
        return [GRAPH]
    return [f"{part.replace('/', '-')}.onnx" for part in choice.parts]
