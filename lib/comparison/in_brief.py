"""What to use on which films, in one small table: real films of the record, and phantoms of limbs.

A row is a kind of films, a column a kind of labels; a cell names the best detector, its AUROC, the
labelled training films that it was given, and its lead over the best floor. Real films are those of
the record (reports/real/), limbs the phantoms of this run, since the record has no limbs but knees.
"""

import math
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import pandas as pd

from lib import ROOT, files
from lib.comparison.answer import (
    ALL,
    FEW,
    IN_WORDS,
    NONE,
    Best,
    above_floors,
    advised,
    films_of,
    in_sentences,
    listed,
    note,
)
from lib.comparison.fusion import FIXED, methods_of
from lib.datasets.entries import load_entries
from lib.datasets.table import load_index
from lib.datasets.training import training_set
from lib.fits.method_card import docstring, setting_of
from lib.prose import interval, literal, table, unbroken

FILMS = "reports/real/films.csv"
#: The data set of the record that represents a kind of real films: one with all kinds of labels.
REAL = {
    "adults' chests": "nih_peers",
    "children's chests": "kermany224_peers",
    "knees": "knee_oa_peers_labels",
}
#: The data set of phantoms of a kind of films that the record lacks.
PHANTOMS = {"limbs": "mura"}
#: What is abnormal in the data set of a kind of films, by its labels (params/datasets.yaml).
ABNORMAL = {
    "adults' chests": "labelled pneumonia, with or without other findings",
    "children's chests": "pneumonia",
    "knees": "osteoarthritis of Kellgren-Lawrence grades 2 to 4",
    "limbs": "with a drawn lesion",
}
APART = (
    "**Not patients but phantoms**, since of limbs no real films but knees are recorded; no number "
    "below is comparable with one above:"
)
SHARE = re.compile(r"([\d.]+) % known (normal|abnormal)")


class Kind(NamedTuple):
    """A kind of films with its best detectors."""

    words: str
    is_real: bool
    answers: Mapping[str, Best]  # by labels: NONE, FEW, ALL
    training: pd.DataFrame  # its training films, as in an index


def kinds(on_real: Iterable[Best], on_phantoms: Iterable[Best]) -> list[Kind]:
    """Return the kinds of films of which there is an answer, real ones first."""
    answered = []
    for is_real, named, answers in ((True, REAL, on_real), (False, PHANTOMS, on_phantoms)):
        answers = list(answers)
        for words, dataset in named.items():
            if by_labels := {one.labels: one for one in answers if one.dataset == dataset}:
                read = recorded_training if is_real else training_of_run
                answered.append(Kind(words, is_real, by_labels, read(dataset)))
    return answered


def training_of_run(dataset: str) -> pd.DataFrame:
    """Return the index of a data set of this run."""
    return load_index(files.index(dataset))


def recorded_training(dataset: str) -> pd.DataFrame:
    """Return as many normal and abnormal training films as the record counts, as an index."""
    counts = pd.read_csv(ROOT / FILMS).query("dataset == @dataset and split == 'train'").iloc[0]
    label = [0.0] * counts["normal"] + [1.0] * counts["abnormal"]
    names = [f"{number:06}" for number in range(len(label))]
    films = pd.DataFrame({"image_id": names, "patient_id": names, "label": label})
    return films.assign(dataset=dataset, split="train", body_part="")


def labelled(kind: Kind, labels: str) -> int:
    """Return how many training films of known label the best detector was given.

    Without labels: the training films, which are taken to be normal.
    """
    setting = kind.answers[labels].run["setting"]
    shares = {name: float(share) / 100 for share, name in SHARE.findall(setting)}
    films = training_set(kind.training, shares or {NONE: "none", ALL: "all"}[labels])
    return len(films) if labels == NONE else int(films["y"].notna().sum())


def as_table(shown: list[Kind]) -> str:
    """Return a table of real films and, apart from it, one of phantoms, in Markdown."""
    real, phantoms = ([kind for kind in shown if kind.is_real is one] for one in (True, False))
    parts = [table(_rows(real)), APART * bool(real and phantoms), table(_rows(phantoms))]
    return "\n\n".join(filter(None, parts))


def _rows(shown: list[Kind]) -> pd.DataFrame:
    rows = [
        {
            "films": _films(kind),
            **{
                IN_WORDS[labels]: "<br>".join(_cell(kind, labels)) or "none was trained"
                for labels in IN_WORDS
            },
        }
        for kind in shown
    ]
    return pd.DataFrame(rows)


def _films(kind: Kind) -> str:
    run = next(iter(kind.answers.values())).run
    abnormal = run["n"] * run["base_rate"]
    source = "real films" if kind.is_real else "phantoms"
    lines = [f"**{kind.words}**", source, f"{run['n']:.0f} test films,"]
    return "<br>".join([*lines, f"{abnormal:.0f} abnormal: {ABNORMAL[kind.words]}"])


def _cell(kind: Kind, labels: str) -> list[str]:
    if labels not in kind.answers:
        return []
    one = kind.answers[labels]
    number = f"{labelled(kind, labels):,}"
    values = one.run["value"], one.run["low"], one.run["high"]
    not_above = ", **not** clearly above" if one.test else ", interval **not** above"
    return [
        f"**{one.name}**",
        unbroken(interval(*values)),
        f"{number} {'normal' if labels == NONE else 'labelled'} films",
        f"{one.lead:+.3f} over {one.rival}{'' if one.is_above else not_above}",
    ]


def summary(shown: list[Kind]) -> str:
    """Say in three sentences what is best on real films, with how many labels, how far to trust it.

    A list in Markdown; "" without real films.
    """
    real = [kind for kind in shown if kind.is_real]
    if not real:
        return ""
    clauses = {labels: _best(real, labels) for labels in IN_WORDS}
    with_labels = "; ".join(
        f"**{IN_WORDS[labels]}** ({_range(real, labels)} labelled films), {clauses[labels]}"
        for labels in (FEW, ALL)
        if clauses[labels]
    )
    sentences = [
        f"On **real films**, **{IN_WORDS[NONE]}** ({_range(real, NONE)} normal films to learn "
        f"from), {clauses[NONE]}",
        with_labels,
        _trust(real),
    ]
    return "\n".join(f"- {in_sentences([text])}" for text in sentences if text)


def _best(real: list[Kind], labels: str) -> str:
    """Return the clause on the best detectors with these labels, each with its films and AUROC.

    Where another one is advised, a fusion that no test distinguishes from it, it is named as well.
    """
    methods: dict[str, list[str]] = {}
    not_above = []
    for kind in real:
        if one := kind.answers.get(labels):
            number = f"{one.run['value']:.3f}"
            if one.is_above:
                kin = "" if one.kin == IN_WORDS[labels].removeprefix("with ") else f" ({one.kin})"
                name = f"**{one.name}**{kin}"
                methods.setdefault(name, []).append(f"{kind.words} ({number}{_advised(one)})")
            else:
                not_above.append(
                    f"for {kind.words} none {one.beats} the best floor, a shortcut or a simple "
                    f"detector ({one.name} {number}, {one.rival} {one.floor_value:.3f})"
                )
    parts = [f"{name} for {listed(films)}" for name, films in methods.items()]
    verb = "is" if len(parts) == 1 else "are"
    best = [f"best by AUROC {verb} {listed(parts)}"] if parts else []
    return ", but ".join([*best, *not_above])


def _advised(one: Best) -> str:
    if one.fixed is None:
        return ""
    value = f"{one.fixed.run['value']:.3f}"
    return f"; advised is {one.fixed.name}, {value}, not distinguishable from it"


def _range(real: list[Kind], labels: str) -> str:
    """Return the least and the greatest number of films given with these labels."""
    numbers = sorted({labelled(kind, labels) for kind in real if labels in kind.answers})
    return " to ".join(f"{number:,}" for number in dict.fromkeys([numbers[0], numbers[-1]]))


def _trust(real: list[Kind]) -> str:
    """Return the sentence on how far these numbers are to be trusted."""
    every = [one for kind in real for one in kind.answers.values()]
    films = sorted({round(one.run["n"]) for one in every})
    sides = (one.run[end] - one.run["value"] for one in every for end in ("low", "high"))
    farthest = math.ceil(100 * max(map(abs, sides))) / 100
    return (
        f"**How far to trust it**: {above_floors(every)}; each detector was "
        f"selected among up to {max(one.among for one in every)} detectors on the {films[0]} to "
        f"{films[-1]} test films that it is measured on, which favours it, and intervals reach up "
        f"to {farthest:.2f} to a side, without the spread over seeds or labelled films"
    )


def how_to_get(shown: list[Kind]) -> str:
    """Say how to train the detectors of real films in the table, which no run has by default.

    A paragraph in Markdown; "" without real films.
    """
    firsts = [next(iter(kind.answers.values())) for kind in shown if kind.is_real]
    if not firsts:
        return ""
    entries, sets = load_entries(), [first.dataset for first in firsts]
    places = [f"{films_of(name)} in the folder `{entries[name]['folder']}`" for name in sets]
    example = f"{sets[0]}/{advised(firsts[0]).run['method']}/0"
    return (
        "**These detectors have to be trained first**: the study contains neither these films nor "
        "weights that were learned from them. On films of your own: `make data "
        'FROM="/path/to/films"`, then `make study`, which trains the same methods. On the films of '
        'this table, on the same splits: `make data FROM="/path/to/films" PEERS=yes`, then `make '
        f"study` ({listed(places)}). A trained detector then reads films: `make read "
        f'FILMS="/path/to/films" DETECTOR={example}`. **After a run with the default data, all '
        "detectors of `make read` have learned from phantoms alone**, and their scores say nothing "
        "about patients."
    )


def methods(shown: list[Kind]) -> str:
    """Say what each detector of the table is, in the words of its file, as a list in Markdown."""
    names = [one.run["method"] for kind in shown for one in kind.answers.values()]
    claims = {name: _what_it_is(name) for name in names}
    return "\n".join(f"- **{literal(name)}**: {claim}." for name, claim in claims.items())


def _what_it_is(name: str) -> str:
    parts = methods_of(name)
    if parts:
        return f"{FIXED}: {listed([literal(part) for part in parts])}"
    try:
        setting = setting_of(name)
        return literal(docstring(name).claim) + (f" (here: {setting})" if setting else "")
    except FileNotFoundError:  # an entry of the parameters that the record was made with
        return "recorded with an entry that the parameters of this run do not have"


def notes(shown: list[Kind]) -> str:
    """Return what the table leaves open: the data sets of its rows, and its mark."""
    names = [
        f"{kind.words}: {literal(next(iter(kind.answers.values())).dataset)}" for kind in shown
    ]
    mark = note([one for kind in shown for one in kind.answers.values()])
    return " ".join(filter(None, [f"Data sets: {'; '.join(names)}." if names else "", mark]))
