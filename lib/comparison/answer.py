"""The answer of the study: per data set the best detector without, with few and with all labels.

Read from results.csv and tests.csv. Fusions that are compared under several rules are left out, as
are detectors with a pool of contaminated films, which have other films than the others. The best
of several detectors is selected on the test films on which it is measured, which favours it: those
with the same labels that no paired test distinguishes from it are named with it.

Which detector to use, on pages and by `make read`, is decided in `advised` alone: a fusion that was
fixed before it scored any test film takes the place of the best one, unless a paired test finds the
best one clearly better. Without paired tests it is the best one.
"""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import NamedTuple

import pandas as pd

from lib import provenance
from lib.comparison import choices, claims, recorded
from lib.comparison.choices import marked
from lib.comparison.fusion import FIXED
from lib.comparison.pretraining import pretraining
from lib.datasets.entries import load_entries
from lib.grid import FLOOR, FUSION
from lib.prose import interval, literal, unbroken, with_sign
from lib.shown import median_runs, runs

NONE, FEW, ALL = "no labels", "few labels", "all labels"
IN_WORDS = {NONE: "without labels", FEW: "with few labels", ALL: "with all labels"}
#: Who is on the films of data sets whose entry does not say so, by the first letters of its name.
PEOPLE = {"kermany": "children's ", "nih_peers": "adults' "}
#: Families whose name needs other words where it is named apart from the others.
FAMILIES = {"features": "pretrained features", "one_class": "one-class", FUSION: "a fusion"}
ALIKE_SHOWN = 3  # methods that are named
FAVOURED = "each was selected on the test films that it is measured on, which favours it"


class Best(NamedTuple):
    """The best detector of a data set with the same labels, and how sure that is."""

    dataset: str
    labels: str  # NONE, FEW or ALL
    run: Mapping  # its row of results
    among: int  # detectors with these labels
    floor: str
    floor_value: float
    test: Mapping | None  # its paired test with the floor, if there is one
    alike: list[str]  # detectors with these labels that are not clearly worse, best first
    fixed: "Best | None" = None  # the fusion among these that also beats the floor if this one does

    @property
    def lead(self) -> float:
        """Difference in AUROC from the best floor: that of the test, if there is one."""
        return self.test["difference"] if self.test else self.run["value"] - self.floor_value

    @property
    def rival(self) -> str:
        """The best floor, in words."""
        return literal(self.floor.removeprefix("floor: "))

    @property
    def is_above(self) -> bool:
        """Whether it beats the best floor; without a test, whether its interval lies above it.

        Pages name it accordingly: an interval is not corrected, and is no claim.
        """
        return claims.side(self.test) > 0 if self.test else self.run["low"] > self.floor_value

    @property
    def beats(self) -> str:
        """Predicate of one that is above the best floor: none beats it without a paired test."""
        return "clearly beats" if self.test else "has an interval above"

    @property
    def beats_not(self) -> str:
        """Predicate of one that is not."""
        return "does not clearly beat" if self.test else "has no interval above"

    @property
    def kin(self) -> str:
        """Its family in words."""
        family = self.run["family"]
        return FAMILIES.get(family, family.replace("_", " "))

    @property
    def name(self) -> str:
        """Its name in Markdown, with the mark of a choice made in sight of test films."""
        return f"{literal(self.run['method'])}{marked(self.dataset, self.run['method'])}"


def labels_of(setting: str) -> str:
    """Return which labels a setting has: NONE, FEW, ALL, or "" for a setting of its own."""
    if setting.endswith("known abnormal"):
        return "" if " and " in setting else FEW
    return {"unlabelled": NONE, "supervised": ALL}.get(setting, "")


def best(auroc: pd.DataFrame, tests: pd.DataFrame | None = None) -> list[Best]:
    """Return the best detectors, data sets in the order of `auroc`, each from no to all labels.

    `auroc` has rows of results per film over all films; of several seeds the median run counts.
    """
    compared = _pairs(tests)
    methods = median_runs(runs(auroc))
    methods = methods.assign(labels=methods["setting"].map(labels_of))
    floors = auroc[auroc["family"].eq(FLOOR)].sort_values("value", ascending=False)
    return [
        _best(of_labels, floors[floors["dataset"].eq(dataset)], compared)
        for dataset in auroc.loc[auroc["family"].eq(FLOOR), "dataset"].unique()
        for labels in IN_WORDS
        if len(of_labels := methods[methods["dataset"].eq(dataset) & methods["labels"].eq(labels)])
    ]


def _best(of_labels: pd.DataFrame, floors: pd.DataFrame, compared: dict) -> Best:
    """Return the best of the runs with the same labels on a data set."""
    of_labels = of_labels.sort_values("value", ascending=False)
    run = of_labels.iloc[0].to_dict()
    dataset, method = run["dataset"], run["method"]
    tested = floors["method"].map(lambda floor: (dataset, method, floor) in compared)
    floors = floors[tested] if tested.any() else floors
    floor, value = floors.iloc[0][["method", "value"]]
    others = [(name, compared.get((dataset, method, name))) for name in of_labels["method"][1:]]
    alike = [name for name, test in others if test and claims.side(test) <= 0]
    test = compared.get((dataset, method, floor))
    best_one = Best(dataset, run["labels"], run, len(of_labels), floor, value, test, alike)
    fusions = of_labels[of_labels["family"].eq(FUSION) & of_labels["method"].isin(alike)]
    for fusion in fusions.head(1).to_dict("records"):
        name, rest = fusion["method"], [method, *alike]
        rest.remove(name)
        test = compared.get((dataset, name, floor))
        fixed = best_one._replace(run=fusion, test=test, alike=rest)
        if fixed.is_above or not best_one.is_above:
            return best_one._replace(fixed=fixed)
    return best_one


def advised(one: Best) -> Best:
    """Return the detector to use where `one` is the best: itself, or the fusion fixed before."""
    return one.fixed or one


def _pairs(tests: pd.DataFrame | None) -> dict[tuple[str, str, str], dict]:
    """Return each test by data set and methods, in both directions."""
    pairs: dict[tuple[str, str, str], dict] = {}
    for test in [] if tests is None else tests.to_dict("records"):
        a, b = test["method_a"], test["method_b"]
        turned = {"difference": -test["difference"], "low": -test["high"], "high": -test["low"]}
        pairs[test["dataset"], a, b] = test
        pairs[test["dataset"], b, a] = test | turned
    return pairs


def best_recorded() -> list[Best]:
    """Return the best detectors on the real films of the record. Raises BadData if it is mixed."""
    return best(recorded.auroc(), recorded.table("tests"))


def opening() -> str:
    """Return what opens the answer on the films of this run."""
    if provenance.holds_phantoms():
        return "On **phantoms**"
    return "On **real films** of your own"


def summary(answers: list[Best], films: str) -> str:
    """Say in three sentences which family is best, on which films, with how many labels, how sure.

    `films` opens the first, as in `opening`. Markdown; "" without answers.
    """
    if not answers:
        return ""
    first, *others = filter(None, (_of_labels(answers, labels) for labels in IN_WORDS))
    sentences = [f"{films}, by AUROC, {first}", "; ".join(others), _how_sure(answers)]
    return in_sentences(sentences)


def in_sentences(clauses: Iterable[str]) -> str:
    """Return clauses as sentences, each with a capital and a full stop; empty ones are left out."""
    sentences = [f"{text}." for text in clauses if text]
    return " ".join(re.sub(r"^\W*\w", lambda head: head[0].upper(), text) for text in sentences)


def _of_labels(answers: list[Best], labels: str) -> str:
    """Return the clause on the best detectors with these labels, by family."""
    with_labels = [one for one in answers if one.labels == labels]
    families: dict[str, list[Best]] = {}
    for one in (one for one in with_labels if one.is_above):
        families.setdefault(one.run["family"].replace("_", " "), []).append(one)
    parts = [f"*{family}* for {_by_kind(best_ones)}" for family, best_ones in families.items()]
    clauses = [f"the best detectors are of the family {', and of '.join(parts)}"] if parts else []
    not_above = [one for one in with_labels if not one.is_above]
    for beats in dict.fromkeys(one.beats for one in not_above):
        some = [one for one in not_above if one.beats == beats]
        clauses.append(f"none {beats} the best floor for {_by_kind(some)}")
    settings = {one.run["setting"].replace("known ", "") for one in with_labels}
    shares = f" ({settings.pop()})" if labels == FEW and len(settings) == 1 else ""
    return f"**{IN_WORDS[labels]}**{shares} {', and '.join(clauses)}" if with_labels else ""


def _by_kind(answers: list[Best]) -> str:
    """Return kinds of films, each with its data sets and the AUROC of the best detector there."""
    kinds: dict[str, list[str]] = {}
    for one in answers:
        words = f"{literal(one.dataset)} {one.run['value']:.3f}"
        kinds.setdefault(kind_of(one.dataset), []).append(words)
    return listed([f"{kind or 'films'} ({', '.join(words)})" for kind, words in kinds.items()])


def _how_sure(answers: list[Best]) -> str:
    """Return the sentence on the tests of all answers."""
    alike = sum(bool(one.alike) for one in answers)
    among = f"{alike} of them cannot be distinguished from others with the same labels"
    parts = [above_floors(answers), among if any(one.test for one in answers) else "", FAVOURED]
    return f"**how sure**: {'; '.join(filter(None, parts))}"


def above_floors(answers: Iterable[Best]) -> str:
    """Say how many detectors beat their best floor or, where that is not tested, lie above it."""
    answers = list(answers)
    tested = [one for one in answers if one.test]
    untested = [one for one in answers if not one.test]
    parts = []
    if untested:
        parts.append(
            f"{sum(one.is_above for one in untested)} of {len(untested)} results without a "
            "paired test have an interval above the AUROC of the best floor, and are not said to "
            "beat it"
        )
    if tested:
        parts.append(
            f"{sum(one.is_above for one in tested)} of {len(tested)} results beat the best "
            "floor of their data set in a paired test after Holm's correction"
        )
    return "; ".join(parts)


def table(answers: list[Best]) -> pd.DataFrame:
    """Return data sets x labels: the best detector, its AUROC, its lead, and those alike."""
    rows: dict[str, dict[str, str]] = {}
    for one in answers:
        test_films = f"{one.run['n']:.0f} test films, {one.run['base_rate']:.0%} abnormal"
        head = {"data set": f"**{films_of(one.dataset)}**<br>{test_films}"}
        rows.setdefault(one.dataset, head)[one.labels] = "<br>".join(_lines(one))
    whole = pd.DataFrame(rows.values(), columns=["data set", *IN_WORDS], dtype=object)
    return whole.fillna("none was trained")


def _lines(one: Best) -> list[str]:
    """Return the lines of a cell of the table."""
    before = ", pre-trained" if pretraining(one.run["method"]) != "none" else ""
    auroc = claims.auroc(one.run["value"], one.run["low"], one.run["high"])
    lead, test = f"{one.lead:+.3f} over {one.rival}", "not tested"
    if one.test:
        p_value = unbroken(with_sign(one.test["p_holm"]))
        test = p_value if one.is_above else f"**not** significant ({p_value})"
    return [
        f"**{one.name}** ({one.run['family'].replace('_', ' ')}{before})",
        auroc,
        f"{lead}, {test}",
        *([f"not distinguishable from {_some(one)}"] if one.alike else []),
        f"best of {one.among} detectors" if one.among > 1 else "the only detector",
    ]


def advice(answers: list[Best], tests: pd.DataFrame | None = None) -> str:
    """Say what to use with which labels, in one sentence per data set. Markdown.

    It is stated where no detector of a data set learns from labels, since the answer may differ
    from that of the same films on a split with labels.
    """
    compared = _pairs(tests)
    by_dataset: dict[str, list[Best]] = {}
    for one in answers:
        by_dataset.setdefault(one.dataset, []).append(advised(one))
    return "\n".join(
        f"- **For {films_of(dataset)}**: {_steps(of_dataset, compared)}"
        f"{'' if len(of_dataset) > 1 else '; no detector with labels was trained on this split'}."
        for dataset, of_dataset in by_dataset.items()
    )


def _steps(best_ones: list[Best], compared: dict) -> str:
    """Return what to use of the best detectors of one data set, from no to all labels."""
    if not any(one.is_above for one in best_ones):
        best_one = max(best_ones, key=lambda one: one.run["value"])
        return (
            f"use none of these detectors; the best, {_valued(best_one)}, {best_one.beats_not} the "
            f"best floor, {best_one.rival} ({best_one.floor_value:.3f})"
        )
    steps, kept = [], None
    for one in best_ones:
        test = kept and compared.get((one.dataset, one.run["method"], kept.run["method"]))
        words, is_kept = _step(one, kept, test)
        steps.append(f"{IN_WORDS[one.labels]} {words}")
        kept = one if is_kept else kept
    return "; ".join(steps)


def _step(one: Best, kept: Best | None, test: Mapping | None) -> tuple[str, bool]:
    """Return the words on a detector, and whether it is to be used.

    `kept` is the one to use with fewer labels, if any; `test` compares the two.
    """
    if not one.is_above:
        floor = f"{one.rival} ({one.floor_value:.3f})"
        head = f"stay with {kept.name}" if kept else "use none"
        return f"{head}, since {_valued(one)} {one.beats_not} {floor}", False
    if kept is None:
        fixed = f", {FIXED}" if one.run["family"] == FUSION else ""
        alike = f" (not distinguishable: {_some(one)})" if one.alike else ""
        return f"use **{one.name}** ({one.run['value']:.3f}){fixed}{alike}", True
    if test is None:
        change = one.run["value"] - kept.run["value"]
        return f"{_valued(one)}, {change:+.3f} (not tested)", change > 0
    change = f"({test['difference']:+.3f}, {with_sign(test['p_holm'])})"
    corrected = "after Holm's correction over all pairs of detectors of this data set"
    if claims.side(test) > 0:
        return f"use **{one.name}** ({one.run['value']:.3f}), clearly better {change}", True
    if claims.side(test) < 0:
        return f"stay with {kept.name}, clearly better than {_valued(one)} {change}", False
    if test["low"] > 0:
        lead = interval(test["difference"], test["low"], test["high"], "+z.3f")
        return (
            f"take {_valued(one)} if the labels exist or are cheap: its lead of {lead} over "
            f"{kept.name} is not clear {corrected} ({with_sign(test['p_holm'])}), but its interval "
            "lies above 0"
        ), True
    if test["difference"] > 0:
        return (
            f"stay with {kept.name}, or take {_valued(one)} if the labels exist anyway: the two "
            f"are not distinguishable {corrected} {change}"
        ), False
    return f"stay with {kept.name}: {_valued(one)} is not distinguishable from it {change}", False


def _valued(one: Best) -> str:
    return f"{one.name} ({one.run['value']:.3f})"


def films_of(dataset: str) -> str:
    """Return the kind of films and the data set, `chests (nih)`; its name alone if unknown."""
    kind = kind_of(dataset)
    return f"{kind} ({literal(dataset)})" if kind else literal(dataset)


def kind_of(dataset: str) -> str:
    """Return the kind of films of a data set, `chests`; "" for one without an entry."""
    entry = _entries().get(dataset)
    if entry is None:
        return ""
    people = [words for begin, words in PEOPLE.items() if dataset.startswith(begin)]
    return f"{''.join(people)}{entry.get('body_part') or entry['body']}s"


def with_kinds(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows whose data sets have the names of figures: `adults' chests (nih_peers)`."""
    names = {name: f"{kind_of(name) or 'films'} ({name})" for name in rows["dataset"].unique()}
    return rows.assign(dataset=rows["dataset"].map(names))


@cache
def _entries() -> dict[str, dict]:
    return load_entries()


def note(answers: list[Best]) -> str:
    """Return the sentence that explains the mark; empty if no answer has it."""
    return choices.note("".join(one.name for one in answers))


def _some(one: Best) -> str:
    """Return the first names of those alike, and how many there are more."""
    names = one.alike
    shown = [f"{literal(name)}{marked(one.dataset, name)}" for name in names[:ALIKE_SHOWN]]
    more = len(names) - len(shown)
    return listed([*shown, *([f"{more} more"] if more else [])])


def listed(words: list[str]) -> str:
    """Return words with commas and a last `and`."""
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
