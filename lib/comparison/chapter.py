"""A family's methods side by side on one data set: tables and sentences from what is measured."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from lib import ablations, grid, prose
from lib.comparison import choices, claims, findings, recorded
from lib.comparison.ablations import Judged, judge
from lib.comparison.pretraining import pretraining
from lib.comparison.tables import Measures, read_measures
from lib.comparison.tests import CLEAR
from lib.comparison.verdicts import (
    contrasts,
    of_all_contrasts,
    of_variant,
    shown,
    verdict,
)
from lib.fits import store
from lib.fits.examples import Compared
from lib.fits.store import Finished
from lib.grid import FLOOR, Fit
from lib.provenance import holds_phantoms
from lib.shown import median_runs

FLOORS_SHOWN = 3
#: What the contrasts of an ablation would show, and the variant that answers its question.
CLAIMS = {"label_fraction": "a sphere uses few labels better than a classifier"}
VARIANTS = {"center": "centre off the films", "backbone": "ImageNet"}


class Chapter(NamedTuple):
    """What a chapter is made of; tables are without rows where nothing can be measured."""

    dataset: str
    family: str
    asked: list[Fit]  # all of them
    fits: dict[str, Finished]  # those that finished, by method, with the seed where it has several
    failed: dict[Fit, str]  # and the reason
    auroc: pd.DataFrame  # rows of results of the fits and of the best floors, best first
    tests: pd.DataFrame  # of the fits with the best floor
    places: pd.DataFrame  # rows of results of their maps

    @property
    def page(self) -> str:
        """The page of the chapter, in reports/."""
        return page_of(self.dataset, self.family)

    @property
    def methods(self) -> pd.DataFrame:
        """The rows of `auroc` that are no floor's."""
        return self.auroc[self.auroc["family"].ne(FLOOR)]

    @property
    def best(self) -> pd.Series:
        """The row of the best method; of several seeds its median run, as the first page has it."""
        return median_runs(self.methods).iloc[0]


def read(dataset: str, family: str) -> Chapter:
    """Read the fits of a family on a data set. Raises BadData where nothing was measured."""
    fits = [fit for fit in grid.fits(dataset) if fit.family == family]
    records = {fit: store.record(fit) for fit in fits}
    results, tests = (read_measures(dataset, name) for name in ("results", "tests"))
    of_family = results[results["method"].isin([fit.method for fit in fits])]
    of_family = of_family[of_family["family"].eq(family)]
    auroc = pd.concat(
        [_auroc(of_family), _auroc(results[results["family"].eq(FLOOR)])[:FLOORS_SHOWN]]
    )
    return Chapter(
        dataset,
        family,
        fits,
        store.finished(dataset, family),
        {
            fit: record.get("reason", "It has not been trained and scored.")
            for fit, record in records.items()
            if record.get("status") != "finished"
        },
        auroc.sort_values("value", ascending=False),
        tests[
            tests["method_b"].str.startswith(FLOOR) & tests["method_a"].isin(of_family["method"])
        ],
        of_family.query("level in ('pixel', 'box') and group == 'all'"),
    )


def page_of(dataset: str, family: str) -> str:
    """Return the file of the chapter of a family on a data set, in reports/."""
    return f"chapters/{dataset}/{family}.html"


def link_to(fit: Fit) -> str:
    """Return the sentence that links to the chapter of a fit, "" for a fit outside the grid."""
    if fit not in grid.fits():
        return ""
    words = f"all methods of its family on {fit.dataset}"
    return f"See {prose.link(words, page_of(fit.dataset, fit.family), fit.page)}."


def against_floors(chapter: Chapter) -> pd.DataFrame:
    """Return per method and floor: AUROC, its difference from the best floor, seconds.

    With labels and pre-training of each method where these differ.
    """
    tests = chapter.tests.set_index(["method_a", "seed_a"])
    seconds = {
        (fit.fit.method, str(fit.fit.seed)): fit.info["duration_s"] for fit in chapter.fits.values()
    }
    labels_differ = chapter.methods["setting"].nunique() > 1
    before = {name: pretraining(name) for name in chapter.methods["method"]}
    learned_differ = len(set(before.values())) > 1
    rows = []
    for row in chapter.auroc.itertuples():
        key = (row.method, row.seed)
        test = tests.loc[key] if key in tests.index else None
        rows.append(
            {
                "method": _linked(row, chapter) if row.family != FLOOR else row.method,
                **({"labels": "" if row.family == FLOOR else row.setting} if labels_differ else {}),
                **({"pre-training": before.get(row.method, "")} if learned_differ else {}),
                "AUROC": claims.auroc(row.value, row.low, row.high),
                "difference from the best floor": "" if test is None else _difference(test),
                "p (Holm)": "" if test is None else prose.p_value(test["p_holm"]),
                "seconds": f"{seconds[key]:.0f}" if key in seconds else "",
            }
        )
    return pd.DataFrame(rows)


def on_choices(chapter: Chapter) -> str:
    """Return the paragraph on methods that are marked in the table; empty if there are none."""
    return choices.paragraph((chapter.dataset, method) for method in chapter.methods["method"])


def floors_of(fit: Fit, measures: Measures) -> pd.DataFrame:
    """Return AUROC of a fit and of its data set's best floors, and the difference from the best."""
    fit_rows, test = _auroc(measures.results)[:1], measures.against_floor
    if fit_rows.empty:
        return fit_rows
    floors = _auroc(_floors(fit.dataset))[:FLOORS_SHOWN]
    rows = [
        {
            "": f"**{row.method}**" if row.family != FLOOR else row.method,
            "AUROC": claims.auroc(row.value, row.low, row.high),
            "difference from the best floor": _difference(test) if test and is_fit else "",
            "p (Holm)": prose.p_value(test["p_holm"]) if test and is_fit else "",
        }
        for table, is_fit in ((fit_rows, True), (floors, False))
        for row in table.itertuples()
    ]
    return pd.DataFrame(rows)


def best_floor(dataset: str) -> dict[str, float]:
    """Return {name: AUROC} of a data set's floor with the highest AUROC, {} without measures."""
    return {row.method: row.value for row in _auroc(_floors(dataset))[:1].itertuples()}


def headline(chapter: Chapter) -> str:
    """Return the best method of a family with its AUROC, interval and verdict, as cards have it.

    "" where nothing is measured.
    """
    if chapter.methods.empty:
        return ""
    best, tests = chapter.best, chapter.tests
    own = tests[tests["method_a"].eq(best["method"]) & tests["seed_a"].eq(best["seed"])]
    name = prose.literal(best["method"]) + choices.marked(chapter.dataset, best["method"])
    floor = next(iter(own.to_dict("records")), {})
    return f"Best of the family: {name}, {findings.in_a_line(best, floor)}"


def result(chapter: Chapter) -> str:
    """Say which method ranks best, and which beat the best floor after Holm's correction."""
    if chapter.methods.empty:
        return ""
    best, tests = chapter.best, chapter.tests
    clear = tests.loc[claims.sides(tests).gt(0), "method_a"]
    floor = chapter.auroc[chapter.auroc["family"].eq(FLOOR)]
    auroc = claims.auroc(*best[["value", "low", "high"]])
    mark = choices.marked(chapter.dataset, best["method"])
    labels = {"unlabelled": "none", "supervised": "all"}.get(best["setting"], best["setting"])
    sentence = (
        f"The highest AUROC is that of **{best['method']}{mark}**, {auroc}, "
        f"{findings.tested(best['n'], best['base_rate'])}; labels: {labels}. "
    )
    if floor.empty or tests.empty:
        return sentence
    marked = [f"{name}{choices.marked(chapter.dataset, name)}" for name in clear]
    names = f": {', '.join(marked)}" if marked else ""
    return sentence + (
        f"The best floor, {floor.iloc[0]['method'].removeprefix('floor: ')}, has "
        f"{floor.iloc[0]['value']:.3f}; it is clearly exceeded by {len(clear) or 'none'} of "
        f"{len(tests)} method{'s' * (len(tests) > 1)} (p < {CLEAR:g} after Holm's "
        f"correction){names}."
    )


def of_films(compared: Compared) -> str:
    """Say how far the methods agree on the films shown, and what methods without a map say."""
    ranks = pd.DataFrame(compared.ranks)
    lines = []
    for kind, rows in ranks.groupby(np.array(compared.titles), sort=False):
        means = rows.mean(axis=1).map("{:.0%}".format)
        extent = f"{rows.to_numpy().min():.0%} to {rows.to_numpy().max():.0%}"
        lines.append(
            f"- {kind}: averaged over methods, {' and '.join(means)} of the test films have a "
            f"lower score ({extent} by film and method)."
        )
    for name in sorted(compared.ranks.keys() - compared.maps.keys()):
        shares = ", ".join(f"{share:.0%}" for share in compared.ranks[name])
        lines.append(
            f"- {prose.literal(name)} has no map; from the first film to the last, {shares} of the "
            "test films have a lower score."
        )
    return "\n".join(lines)


def of_leaderboard(chapter: Chapter) -> str:
    """Say between which values the methods lie, and how many intervals include chance."""
    rows = choices.with_marks(chapter.methods)
    if len(rows) < 2:
        return ""
    return (
        f"From {rows['value'].min():.3f} ({rows.iloc[-1]['method']}) to {rows['value'].max():.3f} "
        f"({rows.iloc[0]['method']}); {claims.holding_chance(rows)} of {len(rows)} "
        f"intervals hold 0.5{claims.of_wrong_way(rows['high'])}."
    )


def where_maps_point(chapter: Chapter) -> pd.DataFrame:
    """Return per method the pointing game and the AUROC of pixels, on annotated test films."""
    if chapter.places.empty:
        return pd.DataFrame()
    keys = ["method", "seed", "level", "n", "base_rate"]
    places = choices.with_marks(chapter.places)
    table = places.pivot_table("value", keys, "metric", sort=False).reset_index()
    table = table.sort_values("pointing_game", ascending=False)
    table["base_rate"] = table["base_rate"].map("{:.1%}".format)
    names = {
        "level": "annotated by",
        "n": "films",
        "base_rate": "share of the body",
        "pointing_game": "peak inside",
        "auroc": "AUROC of pixels",
        "best_dice": "best Dice",
    }
    renamed = table.rename(columns=names).assign(films=table["n"].astype(int))
    return renamed[["method", "annotated by", "films", *list(names.values())[2:]]]


def of_maps(table: pd.DataFrame) -> str:
    """Say whose maps point best; `table` is that of where_maps_point."""
    best, worst = table.iloc[0], table.iloc[-1]
    least = f" and least often for {worst['method']} ({worst['peak inside']:.0%})"
    return (
        f"The peak of the map lies inside the annotation most often for {best['method']}, on "
        f"{best['peak inside']:.0%} of {best['films']} films{least * (len(table) > 1)}; the "
        f"annotations cover {best['share of the body']} of the body."
    )


def of_ablations(dataset: str, methods: list[str], page: str) -> str:
    """Return one sentence per ablation and method or pair, each with a link from `page`."""
    lines = []
    for ablation in ablations.of_grid(dataset):
        if examined := [name for name in ablation.methods if name in methods]:
            link = prose.link(ablation.title.capitalize(), ablation.page, page)
            judged = shown(judge(ablation))
            names = dict(zip(ablation.methods, judged.ablation.methods, strict=True))
            marked = [names[name] for name in examined]
            sentences = [verdict(judged, method) for method in marked]
            sentences += contrasts(judged, marked)
            lines += [f"- {link}: {sentence}." for sentence in sentences]
    return "\n".join(lines)


def of_questions(dataset: str, methods: list[str]) -> str:
    """Answer what ablations of these methods were made for, on this data set and on real films."""
    lines = []
    here = {ablation.name for ablation in ablations.of_grid(dataset)}
    for ablation in ablations.declared(dataset):
        name = ablation.name
        claim, variant = CLAIMS.get(name), VARIANTS.get(name)
        if not (claim or variant) or not set(ablation.methods) & set(methods):
            continue
        every = [judge(ablation)] if name in here else []
        every += recorded.judged(ablation) if holds_phantoms() else []
        every = [_of_methods(one, methods) for one in every]
        if claim:
            lines.append(of_all_contrasts(every, claim))
        if variant:
            lines.append(of_variant(every, variant))
    return "\n".join(f"- {line}" for line in lines if line)


def _of_methods(judged: Judged, methods: list[str]) -> Judged:
    """Return an ablation with the differences and contrasts of these methods alone."""
    differences, contrasts = judged.differences, judged.contrasts
    ours = contrasts["method"].isin(methods) & contrasts["against"].isin(methods)
    differences = differences[differences["method"].isin(methods)]
    return judged._replace(differences=differences, contrasts=contrasts[ours])


def _floors(dataset: str) -> pd.DataFrame:
    results = read_measures(dataset, "results")
    return results[results["family"].eq(FLOOR)]


def _auroc(results: pd.DataFrame) -> pd.DataFrame:
    rows = results.query("level == 'image' and group == 'all' and metric == 'auroc'")
    return rows.sort_values("value", ascending=False)


def _linked(row, chapter: Chapter) -> str:
    fit = Fit(chapter.dataset, row.method, seed=int(row.seed))
    several = chapter.methods["seed"].nunique() > 1
    words = f"{row.method}, seed {row.seed}" if several else row.method
    mark = choices.marked(chapter.dataset, row.method)
    return prose.link(words, fit.page, chapter.page) + mark


def _difference(test: Mapping) -> str:
    interval = prose.interval(test["difference"], test["low"], test["high"], "+z.3f")
    return prose.unbroken(interval)
