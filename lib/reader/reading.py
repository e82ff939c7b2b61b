"""The reader: a trained detector of the study that answers for films from files."""

import logging
from collections.abc import Iterator, Sequence
from os import PathLike
from pathlib import Path

import numpy as np
import pandas as pd

from lib import files, metrics, provenance
from lib.comparison import findings
from lib.comparison.fusion import fuse, joined, normalised, rank_average
from lib.comparison.scores import BrokenFit, Scored, read_fit
from lib.datasets.table import load_index
from lib.errors import BadData
from lib.fits.scorer import Outputs
from lib.grid import Fusion
from lib.preprocessing import arrays
from lib.reader.answer import Answer, Context, Map, Threshold
from lib.reader.choice import Choice, choose
from lib.reader.film import Film, Refused, batches, load
from lib.reader.gate import LIMIT, Gate
from lib.reader.part import Part

#: The labels of validation films that set a threshold, by its name (`findings.thresholds`).
LABELS = {
    "5 % false alarms": "normal validation films, no abnormal one",
    "90 % recall": "normal and abnormal validation films",
}


class Reader:
    """Answers for films with a detector named `data set/method/seed` (`lib.reader.choice`)."""

    def __init__(self, name: str | None = None):
        """Load the detector and its gate. Raises BadData if it is unknown or not trained."""
        self.choice = choose(name)
        parts, self.scored = _scored(self.choice)
        self.context = _context(self.choice, self.scored)
        self.parts = [
            Part(self.choice.fit(part), part.partition("/")[2] or "score", scored)
            for part, scored in zip(self.choice.parts, parts, strict=True)
        ]
        self.settings = _distinct(
            [arrays.settings(self.choice.dataset), *(part.settings for part in self.parts)]
        )
        self.gate = Gate(self.choice.dataset)
        # Once imported, it would warn of functions compiled again, as for one film after many.
        logging.getLogger("tensorflow").setLevel(logging.ERROR)

    def read(self, path: str | PathLike) -> Answer:
        """Return the answer for one film. Raises UnreadableFilm with the reason."""
        film = load(Path(path), self.settings)
        answers = self._answers([film])
        (answer,) = self._with_reconstructions(answers, [film]) if self.reconstructs else answers
        return answer

    def read_all(self, paths: list[Path]) -> Iterator[Answer | Refused]:
        """Yield an answer for each film in order, or the reason for a file that is not read.

        The answers have no reconstruction, which may take longer than all the rest: `reconstructed`
        adds those of some. Many films are read by several processes, so that a script calls this
        under `if __name__ == "__main__"`.
        """
        for batch in batches(paths, self.settings):
            answers = iter(self._answers([film for film in batch if isinstance(film, Film)]))
            for film in batch:
                yield film if isinstance(film, Refused) else next(answers)

    def reconstructed(self, answers: list[Answer]) -> list[Answer]:
        """Return answers with the reconstructions of their films, which are read again for that.

        A film that was removed since has none.
        """
        if not self.reconstructs:
            return answers
        completed: list[Answer] = []
        paths = [answer.path for answer in answers]
        for batch in batches(paths, self.settings, "reconstructions"):
            completed += self._with_reconstructions(answers[len(completed) :], batch)
        return completed

    @property
    def reconstructs(self) -> bool:
        """Whether the detector reconstructs films; a fusion does not."""
        return not self.choice.rule and self.parts[0].reconstructs

    def _answers(self, films: list[Film]) -> list[Answer]:
        if not films:
            return []
        outputs = [part.outputs(self._images(films, part.settings)) for part in self.parts]
        scores = np.column_stack([one.scores for one in outputs])
        fused = self.fused(scores) if self.choice.rule else scores[:, 0]
        unlike = self.gate.unlikeness(self._images(films, self.settings[0]))
        unlike = np.where([film.coloured for film in films], np.inf, unlike)
        leading = self._leading(scores, outputs)
        judged = unlike <= LIMIT
        return [
            Answer(
                path=film.path,
                shape=film.shape,
                score=float(fused[n]),
                percentile=self._percentile(fused[n]) if judged[n] else None,
                probability=self._probability(fused[n]) if judged[n] else None,
                unlikeness=float(unlike[n]),
                unlike=not judged[n],
                context=self.context,
                small_map=self._map(film, n, leading[n], outputs),
            )
            for n, film in enumerate(films)
        ]

    def _images(self, films: list[Film], settings: dict) -> np.ndarray:
        place = self.settings.index(settings)
        return np.stack([film.images[place] for film in films])

    def fused(self, scores: np.ndarray) -> np.ndarray:
        """Return fused scores (n,) from those of the parts (n, k), as the comparison fuses them."""
        films = self.scored.films
        stored = np.column_stack([_in_order(part.scored, films) for part in self.parts])
        validation = np.r_[films["split"].eq("validation"), np.zeros(len(scores), bool)]
        label = np.r_[films["label"], np.full(len(scores), np.nan)]
        return joined(self.choice.rule, np.vstack([stored, scores]), validation, label)[
            -len(scores) :
        ]

    def _percentile(self, score: float) -> float:
        return 100 * float(rank_average(self.context.normals[:, None], np.array([[score]]))[0])

    def _probability(self, score: float) -> float | None:
        curve = self.context.probability
        return None if curve is None else float(curve([score])[0])

    def _leading(self, scores: np.ndarray, outputs: list[Outputs]) -> list[int | None]:
        """Return the part whose map is shown: of those with one, the one that is most certain."""
        places = [place for place, one in enumerate(outputs) if one.maps is not None]
        if not places:
            return [None] * len(scores)
        stored = [_normals(self.parts[place].scored) for place in places]
        standardised = np.column_stack(
            [
                normalised(normals[:, None], scores[:, [place]])[:, 0]
                for place, normals in zip(places, stored, strict=True)
            ]
        )
        return [places[best] for best in standardised.argmax(axis=1)]

    def _map(self, film: Film, n: int, place: int | None, outputs: list[Outputs]) -> Map | None:
        if place is None:
            return None
        part = self.parts[place]
        matrix = film.matrices[self.settings.index(part.settings)]
        values = np.asarray(outputs[place].maps)[n]
        return Map(values, matrix, part.settings["size"], part.fit.method, part.scale)

    def _with_reconstructions(
        self, answers: list[Answer], batch: Sequence[Film | Refused]
    ) -> list[Answer]:
        """Return the answers for the files of a batch; of those read, with reconstructions."""
        (part,) = self.parts
        films = [film for film in batch if isinstance(film, Film)]
        if not films:
            return answers[: len(batch)]
        images = self._images(films, part.settings)
        pairs = zip(images, part.reconstructions(images), strict=True)
        drawn = dict(zip([film.path for film in films], pairs, strict=True))
        completed = []
        for answer in answers[: len(batch)]:
            prepared, reconstruction = drawn.get(answer.path, (None, None))
            completed.append(answer._replace(prepared=prepared, reconstruction=reconstruction))
        return completed


def _scored(choice: Choice) -> tuple[list[Scored], Scored]:
    """Return the stored scores of the parts, and those of the whole. Raises BadData."""
    index = load_index(files.index(choice.dataset))
    fits = list(dict.fromkeys(map(choice.fit, choice.parts)))
    try:
        scored = [read_fit(fit, index, files.BUILD) for fit in fits]
    except BrokenFit as error:
        raise BadData(str(error)) from None
    if not choice.rule:
        return scored, scored[0]
    fused = fuse(choice.method, Fusion(choice.parts, choice.rule), scored)
    if not fused:
        raise BadData(
            f"The fusion {choice} cannot be made: its rule {choice.rule} needs scores or labels "
            "that its parts do not have."
        )
    return fused[0].parts, fused[0].scored


def _context(choice: Choice, scored: Scored) -> Context:
    validation, normals = scored.split("validation"), _normals(scored)
    if not len(normals):
        raise BadData(
            f"{choice.dataset} has no normal validation film with which a score could be compared: "
            "choose a detector of another data set."
        )
    thresholds = findings.thresholds(validation)
    label = validation["label"]
    curve = metrics.fit_probability(label, validation["score"]) if label.nunique() > 1 else None
    return Context(
        detector=str(choice),
        dataset=choice.dataset,
        setting=scored.setting,
        normals=normals,
        thresholds=[Threshold(name, LABELS[name], at) for name, at in thresholds.items()],
        probability=curve,
        base_rate=float(label.mean()),
        phantoms=provenance.holds_phantoms(),
    )


def _normals(scored: Scored) -> np.ndarray:
    """Return the scores of normal validation films."""
    validation = scored.split("validation")
    return validation.loc[validation["label"].eq(0), "score"].to_numpy(float)


def _in_order(scored: Scored, films: pd.DataFrame) -> np.ndarray:
    return scored.films.set_index("image_id")["score"][films["image_id"]].to_numpy()


def _distinct(settings: list[dict]) -> list[dict]:
    return [one for place, one in enumerate(settings) if one not in settings[:place]]
