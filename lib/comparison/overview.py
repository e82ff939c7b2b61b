"""The tables of pages 00 and 06 for one data set: whole, and no wider than a page.

`per_data_set` and `leaderboards` return Markdown, and functions named `of_...` sentences. All
others take rows of results.csv or of tests.csv and return a table for `prose.table`. A method is
named with its seed where the rows have several.
"""

from collections.abc import Callable, Iterator

import pandas as pd

from lib import ablations, metrics, prose
from lib.comparison import choices, claims, findings
from lib.comparison.ablations import P_HOLM
from lib.comparison.ablations import UNTAUGHT as ABLATION_UNTAUGHT
from lib.comparison.choices import marked, marks
from lib.comparison.pretraining import IMAGENET, NONE, pretraining
from lib.comparison.reliability import BRIER, ERROR
from lib.comparison.rows import UNLIKE
from lib.comparison.tests import CLEAR
from lib.grid import FLOOR, FUSION
from lib.prose import literal, unbroken
from lib.shown import median_runs

#: Metrics by the heading of their column.
RANKING = {
    "average_precision": "average precision",
    "recall_at_specificity_0.90": "recall at 90 % specificity",
    "specificity_at_recall_0.90": "specificity at 90 % recall",
}
CALIBRATION = {
    metrics[curve]: f"{words}, {curve}"
    for words, metrics in (("Brier score", BRIER), ("calibration error", ERROR))
    for curve in metrics
}
DECISIONS = {  # by the threshold
    words: {
        f"{metric}_at_threshold_{threshold}": metric.replace("f1", "F1")
        for metric in ("recall", "specificity", "f1", "kappa")
    }
    for threshold, words in {
        "normals_0.95": "5 % false alarms: 95 % of the normal validation films are below it",
        "recall_0.90": "90 % recall: 90 % of the abnormal validation films are above it",
    }.items()
}
#: Cohen's kappa per study, by the threshold; the first is the order of the table.
KAPPA = {
    "kappa_at_threshold_normals_0.95": "kappa, threshold of 5 % false alarms",
    "kappa_at_threshold_recall_0.90": "kappa, threshold of 90 % recall",
}
#: What radiologists reached on the hidden test studies of MURA (arXiv 1712.06957).
RADIOLOGISTS = "[best of three radiologists](https://stanfordmlgroup.github.io/competitions/mura/)"
KAPPA_OF_RADIOLOGISTS = "0.778"
#: The reason recorded of a fit in an ablation that has no numbers as intended.
UNTAUGHT = f"unlabelled: .*{ABLATION_UNTAUGHT}"
#: Names of scores that are words of the code.
SCORES = {
    "top fifth": "mean of the highest fifth",
    "top tenth": "mean of the highest tenth",
    "top k": "mean of the highest pixels (top k)",
    "kl": "KL divergence of the code",
    "elbo": "evidence lower bound (ELBO)",
    "mse": "squared difference",
    "l1": "absolute difference",
    "inter": "difference of the ensembles (inter)",
    "intra": "spread within an ensemble (intra)",
}
PLACES = {
    "auroc": "AUROC over pixels",
    "average_precision": "average precision",
    "aupro": "AUPRO",
    "iou": "IoU",
    "best_dice": "best Dice",
    "pointing_game": "pointing game",
}
#: Kinds of annotation by the level of their rows.
ANNOTATED = {"pixel": "Exact masks", "box": "Boxes"}


def per_data_set(rows: pd.DataFrame, table: Callable[[pd.DataFrame], pd.DataFrame]) -> str:
    """Return the table of each data set under its name, in Markdown; "" where there are no rows.

    A table with marks is explained below it.
    """
    parts = []
    for dataset, of_dataset in rows.groupby("dataset", sort=False):
        shown = prose.table(table(of_dataset))
        parts += [f"**{literal(dataset)}**", shown, choices.note(shown)]
    return "\n\n".join(filter(None, parts))


def leaderboards(auroc: pd.DataFrame) -> str:
    """Return the table of AUROC of each data set, after a paragraph on its marks."""
    tables = per_data_set(auroc, ranked)
    pairs = zip(auroc["dataset"], auroc["method"], strict=True)
    return "\n\n".join(filter(None, [choices.paragraph(pairs), tables]))


def ranked(auroc: pd.DataFrame) -> pd.DataFrame:
    """Return AUROC of detectors and floors, the best first; choices made in sight are marked."""
    rows = auroc.sort_values("value", ascending=False)
    return pd.DataFrame(
        {
            "method": named(rows, "method", "seed"),
            "AUROC [95 % interval]": _aurocs(rows),
            "films (abnormal)": [
                unbroken(f"{n:.0f} ({share:.0%})")
                for n, share in zip(rows["n"], rows["base_rate"], strict=True)
            ],
            "family": rows["family"].str.replace("_", " "),
            "pre-training": rows["method"].map(pretraining),
            "known labels": rows["setting"].map(_labels),
        }
    )


def _labels(setting: str) -> str:
    """Return a setting in short, which may break between two shares but not within one."""
    return setting.replace("known ", "").replace(" %", unbroken(" %"))


def best(auroc: pd.DataFrame) -> str:
    """Name per data set the best floor, and the best detector of those with equal pre-training.

    Of several seeds the median run counts.
    """
    of_runs = auroc[auroc["seed"].ne("mean")]
    auroc = pd.concat([of_runs[of_runs["family"].eq(FLOOR)], median_runs(of_runs)])
    is_floor, before = auroc["family"].eq(FLOOR), auroc["method"].map(pretraining)
    groups = {
        "floor": is_floor,
        "detector without pre-training on photographs": ~is_floor & before.eq(NONE),
        "detector with it": ~is_floor & before.eq(IMAGENET),
    }
    lines = []
    for dataset, group in auroc.groupby("dataset", sort=False):
        words = []
        for kind, among in groups.items():
            for row in group[among[group.index]].nlargest(1, "value").itertuples():
                interval = prose.ends(row.low, row.high)
                name = literal(row.method.removeprefix(f"{FLOOR}: ")) + marked(dataset, row.method)
                words.append(f"{kind} {name} **{row.value:.3f}** {interval}")
        films = findings.counted(group["n"].iloc[0], group["base_rate"].iloc[0])
        lines.append(f"- {literal(dataset)}, {films}: best {'; best '.join(words)}.")
    return "\n".join(lines)


def of_pretraining(differences: pd.DataFrame) -> str:
    """Say per data set what weights of ImageNet are worth, compared with random ones.

    `differences` are rows of `changes`; those of the ablation `backbone` are read.
    """
    rows = differences[differences["family"].eq(f"{ablations.ABLATION}backbone")]
    lines = []
    for dataset, group in rows.groupby("dataset", sort=False):
        words = [
            f"{literal(row.method)}{marked(dataset, row.method)} {row.value:+.3f} "
            f"{prose.ends(row.low, row.high, '+z.3f')}"
            for row in group.sort_values("value", ascending=False).itertuples()
        ]
        lines.append(
            f"- {literal(dataset)}: weights of ImageNet in place of random ones change AUROC, in "
            f"the mean over seeds, by {', '.join(words)}. Clear after Holm's correction, by which "
            f"these intervals are not widened: {_clear(dataset, group)}."
        )
    return "\n".join(lines)


def _clear(dataset: str, differences: pd.DataFrame) -> str:
    """Name the methods whose difference is clear."""
    clear = differences.loc[differences["p_holm"].lt(CLEAR), "method"]
    return ", ".join(literal(name) + marked(dataset, name) for name in clear) or "none"


def pairs(tests: pd.DataFrame) -> pd.DataFrame:
    """Return differences in AUROC between a and b, the largest first, with p values."""
    rows = tests.sort_values("difference", ascending=False)
    return pd.DataFrame(
        {
            "a": named(rows, "method_a", "seed_a"),
            "b": named(rows, "method_b", "seed_b"),
            "AUROC of a minus b [95 % interval]": _intervals(rows, "difference", "+"),
            "p": rows["p_value"].map(prose.p_value),
            "p (Holm)": rows["p_holm"].map(prose.p_value),
            "test": rows["test"],
            "rank correlation": rows["correlation"],
        }
    )


def of_correlations(tests: pd.DataFrame) -> str:
    """Say per data set which two detectors order its test films most and least alike."""
    lines = []
    for dataset, rows in tests.dropna(subset="correlation").groupby("dataset", sort=False):
        a, b = named(rows, "method_a", "seed_a"), named(rows, "method_b", "seed_b")
        ranked = rows.assign(pair=[f"{x} and {y}" for x, y in zip(a, b, strict=True)])
        ranked = ranked.sort_values("correlation")
        least, most = (
            f"{row.pair} ({row.correlation:z.2f})" for row in ranked.iloc[[0, -1]].itertuples()
        )
        lines.append(
            f"- {literal(dataset)}: most alike are {most}, least {least}; the median of "
            f"{len(rows)} pairs is {rows['correlation'].median():z.2f}."
        )
    return "\n".join(lines)


def of_tests(tests: pd.DataFrame) -> str:
    """Say when a test is a permutation test, and how many are; "" without tests."""
    if tests.empty:
        return ""
    exchanged = tests["test"].eq(metrics.PERMUTATION)
    counted = "; ".join(
        f"{literal(dataset)}, {of_dataset.sum()} of {len(of_dataset)}"
        for dataset, of_dataset in exchanged.groupby(tests["dataset"], sort=False)
    )
    return (
        "The variance of DeLong's test is itself uncertain where films are few or an AUROC is near "
        "1 or 0. Where the patients of the rarer label, times the distance of one of the two AUROC "
        f"from 1 or 0, are fewer than {metrics.ENOUGH_FOR_DELONG}, the test is a permutation test: "
        "the ranks by the two detectors are exchanged patient by patient ([Bandos, Rockette and "
        "Gur 2005](https://doi.org/10.1002/sim.2149)); its interval is that of a bootstrap over "
        f"patients. Permutation tests among all pairs: on {counted}."
    )


def against_floor(tests: pd.DataFrame) -> pd.DataFrame:
    """Return differences in AUROC from the best floor, the same for all detectors."""
    table = pairs(tests)
    difference = table.columns[2]
    words = difference.replace("a minus b", f"it minus {table['b'].iloc[0]}")
    renamed = {"a": "method", difference: words}
    return table.drop(columns="b").rename(columns=renamed)


def of_floors(tests: pd.DataFrame) -> str:
    """Say per data set which detectors beat the best floor after Holm's correction."""
    lines = []
    for dataset, rows in tests.groupby("dataset", sort=False):
        names, sides = pd.Series(named(rows, "method_a", "seed_a")), claims.sides(rows).to_numpy()
        uncorrected = rows["low"].gt(0).to_numpy() & (sides == 0)
        kinds = {
            "above it, but not after the correction": names[uncorrected],
            "not above it": names[(sides == 0) & ~uncorrected],
            "clearly worse": names[sides < 0],
        }
        better = names[sides > 0]
        head = f"{len(better)} of {len(rows)} beat {literal(rows['method_b'].iloc[0])}"
        clauses = [f"{head}{': ' * bool(len(better))}{', '.join(better)}"]
        clauses += [f"{kind}: {', '.join(them)}" for kind, them in kinds.items() if len(them)]
        lines.append(f"- {literal(dataset)}: {'; '.join(clauses)}.")
    return "\n".join(lines)


def unintended(failures: pd.DataFrame) -> pd.DataFrame:
    """Return the fits without numbers that were to have some; all but those of `of_intended`."""
    return failures[~failures["reason"].str.contains(UNTAUGHT)]


def of_intended(failures: pd.DataFrame) -> str:
    """Say how many fits have no numbers as intended: they need known abnormal films and have none.

    They complete an ablation of labels, whose reference has none. "" without such fits.
    """
    rows = failures[failures["reason"].str.contains(UNTAUGHT)]
    if rows.empty:
        return ""
    names = ", ".join(map(literal, rows["method"].unique()))
    return (
        f"{len(rows)} {'further ' * (len(rows) < len(failures))}fits have no numbers as intended: "
        f"in an ablation of labels, networks that learn from known abnormal films ({names}) were "
        "given none."
    )


def of_fusions(tests: pd.DataFrame) -> str:
    """Say per fusion whether it beats each of its parts after Holm's correction."""
    lines = []
    for (dataset, name), parts in tests.groupby(["dataset", "method_a"], sort=False):
        beats = claims.sides(parts).gt(0).all()
        words = "beats each of its parts" if beats else "does not clearly beat each of its parts"
        least = f"least difference {parts['difference'].min():+.3f}"
        lines.append(
            f"- {literal(dataset)}: {literal(name)}{marked(dataset, name)} {words} ({least})."
        )
    return "\n".join(lines)


def curves(roc: pd.DataFrame, auroc: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame, str]]:
    """Yield each data set, its ROC curves for figures.roc_by_family, and its best floor.

    The curves are of the first run of each method in `auroc` and of that floor, without fusions.
    """
    for dataset, group in auroc[auroc["family"].ne(FUSION)].groupby("dataset", sort=False):
        first = group[group["seed"].ne("mean")].drop_duplicates("method")
        floors = first[first["family"].eq(FLOOR)].nlargest(1, "value")
        shown = pd.concat([first[first["family"].ne(FLOOR)], floors])
        shown = shown[["dataset", "method", "seed", "family", "value"]]
        drawn = roc.merge(shown, on=["dataset", "method", "seed"])
        names = {"method": "name", "value": "auroc"}
        drawn = choices.with_marks(drawn)
        yield dataset, drawn.rename(columns=names), "".join(floors["method"])


def families(curves: pd.DataFrame, floor: str) -> Iterator[tuple[str, str]]:
    """Yield a title and the name of each family among the curves of `curves`, without the floor."""
    for family, rows in curves[curves["name"].ne(floor)].groupby("family"):
        number = rows["name"].nunique()
        words = family.replace("_", " ")
        yield f"bands of the curves: {words} ({number} method{'s' * (number > 1)})", family


def of_detectors(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of results of single fits: no floors, fusions or means over seeds."""
    return rows[~rows["family"].isin([FLOOR, FUSION]) & rows["seed"].ne("mean")]


def of_curves(rows: pd.DataFrame) -> str:
    """Say per data set what recall its methods have at 90 % specificity; rows of that metric."""
    rows = of_detectors(rows)
    lines = []
    for dataset, of_dataset in rows.groupby("dataset", sort=False):
        ordered = of_dataset.assign(name=named(of_dataset, "method", "seed")).sort_values("value")
        ends = ordered.iloc[[0, -1][: len(ordered)]]
        recall = " to ".join(f"{row['value']:.2f} ({row['name']})" for _, row in ends.iterrows())
        lines.append(
            f"- {literal(dataset)}: the recall at a specificity of 90 % is {recall}; a score "
            "without information would have 0.10."
        )
    return "\n".join(lines)


def order(tests: pd.DataFrame) -> pd.DataFrame:
    """Return which methods each method clearly exceeds or falls below, after Holm's correction."""
    both = tests.assign(a=named(tests, "method_a", "seed_a"), b=named(tests, "method_b", "seed_b"))
    turned = both.assign(a=both["b"], b=both["a"], difference=-both["difference"])
    both = pd.concat([both, turned], ignore_index=True)
    sides = claims.sides(both)
    better, worse = (both[sides.eq(side)].groupby("a")["b"].agg(list) for side in (1, -1))
    rows = [(name, better.get(name, []), worse.get(name, [])) for name in both["a"].unique()]
    rows.sort(key=lambda row: len(row[2]) - len(row[1]))
    columns = ["method", "clearly better than", "clearly worse than"]
    texts = [(name, *(", ".join(names) or "none" for names in lists)) for name, *lists in rows]
    return pd.DataFrame(texts, columns=columns)


def measures(rows: pd.DataFrame, columns: dict[str, str], intervals: bool = False) -> pd.DataFrame:
    """Return one row per method, one column per available metric of `columns`.

    `intervals` are shown below the values, since several next to them would not fit a page.
    """
    shown = above_intervals(rows) if intervals else rows["value"]
    rows = rows.assign(method=named(rows, "method", "seed"), shown=shown)
    rows = rows[rows["metric"].isin(columns)]
    table = rows.pivot_table("shown", "method", "metric", aggfunc="first", sort=False)
    there = [metric for metric in columns if metric in table]
    return table[there].rename(columns=columns).reset_index()


def where_maps_point(results: pd.DataFrame) -> str:
    """Return all measures of maps by kind of annotation, and AUPRO by the size of lesions."""
    parts = []
    for level, words in ANNOTATED.items():
        of_level = results[results["level"].eq(level)]
        whole = of_level[of_level["group"].eq("all")]
        sizes = of_level[of_level["group"].isin(findings.LESIONS)]
        for rows, what, table in ((whole, "", places), (sizes, ", AUPRO by size", by_size)):
            if shown := per_data_set(rows, table):
                parts.append(f"{words}{what}, with 95 % intervals:\n\n{shown}")
        parts.append(of_sizes(sizes))
    return "\n\n".join(filter(None, parts))


def places(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the measures of the maps of each method, above their intervals."""
    return measures(rows, PLACES, intervals=True)


def by_size(rows: pd.DataFrame) -> pd.DataFrame:
    """Return AUPRO of each method over the lesions of each size; rows of groups of lesions."""
    films = rows.groupby("group")["n"].agg(["min", "max"]).astype(int)
    columns = {
        group: f"{words} (films: {prose.ranges(range(least, most + 1))})"
        for group, words in findings.LESIONS.items()
        for least, most in films[films.index == group].itertuples(index=False)
    }
    return measures(rows.assign(metric=rows["group"]), columns, intervals=True)


def of_sizes(rows: pd.DataFrame) -> str:
    """Say per data set how AUPRO differs between sizes of lesions; rows as of `by_size`."""
    lines = []
    for dataset, of_dataset in rows.groupby("dataset", sort=False):
        clauses = []
        for group, words in findings.LESIONS.items():
            of_group = of_dataset[of_dataset["group"].eq(group)].reset_index(drop=True)
            if len(of_group):
                best = of_group["value"].idxmax()
                name = named(of_group, "method", "seed")[best]
                median, most = of_group["value"].median(), of_group["value"][best]
                clauses.append(f"{words}: median {median:.2f}, highest {most:.2f} ({name})")
        lines.append(f"- {literal(dataset)}: {'; '.join(clauses)}.")
    return "\n".join(lines)


def by_measure(rows: pd.DataFrame, columns: dict[str, str]) -> str:
    """Return the table of `measures` of each data set, in Markdown."""
    return per_data_set(rows, lambda of_dataset: measures(of_dataset, columns))


def kappas(rows: pd.DataFrame) -> pd.DataFrame:
    """Return kappa per study of each method, the best first; on MURA after that of radiologists."""
    ordered = rows.sort_values(["metric", "value"], ascending=[True, False])
    table = measures(ordered, KAPPA, intervals=True)
    if not rows["dataset"].str.startswith("mura").all():
        return table
    published = {"method": f"{RADIOLOGISTS}, on other studies"}
    published |= dict.fromkeys(table.columns[1:], KAPPA_OF_RADIOLOGISTS)
    return pd.concat([pd.DataFrame([published]), table], ignore_index=True)


def of_calibration(rows: pd.DataFrame) -> str:
    """Give per data set the Brier score without information, and how many detectors are below."""
    lines = []
    for dataset, group in rows[rows["metric"].isin(BRIER.values())].groupby("dataset", sort=False):
        share = group["base_rate"].iloc[0]
        counts = []
        for curve, metric in BRIER.items():
            values = group.loc[group["metric"].eq(metric), "value"]
            better = int(values.lt(share * (1 - share)).sum())
            counts.append(f"{better} of {len(values)} by the {curve} curve")
        lines.append(
            f"- {literal(dataset)}: {share:.0%} of the test films are abnormal, so that a score "
            f"without information has a Brier score of {share * (1 - share):.3f}; below it are "
            f"{' and '.join(counts)}."
        )
    return "\n".join(lines)


def scores(rows: pd.DataFrame) -> pd.DataFrame:
    """Return AUROC of each score of the methods that publish several."""
    rows = rows[rows["metric"].str.startswith("auroc_of_")]
    names = rows["metric"].str.removeprefix("auroc_of_").str.replace("_", " ")
    names = names.replace(SCORES)
    return pd.DataFrame(
        {
            "method": named(rows, "method", "seed"),
            "score": names.map(literal),
            "AUROC [95 % interval]": _aurocs(rows),
        }
    )


def unlike(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the AUROC over findings that look like no drawn lesion, best first, and over all."""
    rows = rows.assign(method=named(rows, "method", "seed"), shown=_intervals(rows, "value"))
    order = rows[rows["group"].eq(UNLIKE)].sort_values("value", ascending=False)["method"]
    table = rows.pivot_table("shown", "method", "group", aggfunc="first")
    shown = table.loc[order, [UNLIKE, "all"]].rename(columns={"all": "all findings"})
    return shown.reset_index()


def changes(results: pd.DataFrame, metric: str = "auroc_difference") -> pd.DataFrame:
    """Return the rows of a difference over seeds of all ablations, with `p_holm`.

    `metric` is that from the reference, or `auroc_contrast`, that between two methods.
    """
    keys = ["dataset", "family", "method", "setting"]
    p_values = results[results["metric"].eq(f"{metric}{P_HOLM}")]
    p_values = p_values.drop_duplicates(keys).set_index(keys)["value"].rename("p_holm")
    return results[results["metric"].eq(metric)].join(p_values, on=keys)


def variants(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the AUROC of variants of ablations, `rows` of `of_one_seed`."""
    return pd.DataFrame(
        {
            "ablation": rows["family"].str.partition(": ")[2].str.replace("_", " "),
            "method": named(rows.assign(seed=""), "method", "seed"),
            "variant": rows["setting"].map(literal),
            "AUROC [95 % interval]": _aurocs(rows),
        }
    )


def differences(rows: pd.DataFrame) -> pd.DataFrame:
    """Return mean differences of an ablation's variants from its reference, rows of `changes`."""
    return pd.DataFrame(
        {
            "ablation": rows["family"].str.partition(": ")[2].str.replace("_", " "),
            "method": named(rows, "method", "seed"),
            "variant": rows["setting"].map(literal),
            "difference in AUROC [95 % interval]": _intervals(rows, "value", "+"),
            "p (Holm)": ["" if pd.isna(one) else prose.p_value(one) for one in rows["p_holm"]],
        }
    )


def named(rows: pd.DataFrame, method: str, seed: str) -> list[str]:
    """Return methods, with seeds if there are several, and the marks of choices made in sight."""
    several = rows.loc[rows[seed].ne("") & rows[seed].notna(), seed].nunique() > 1
    return [
        literal(f"{name}, seed {one}" if several and one and pd.notna(one) else name) + mark
        for name, one, mark in zip(rows[method], rows[seed], marks(rows, method), strict=True)
    ]


def _aurocs(rows: pd.DataFrame) -> list[str]:
    """Return `0.841 [0.783, 0.900]` of each row, unbroken, and which scores point the wrong way."""
    return [claims.auroc(*row) for row in rows[["value", "low", "high"]].itertuples(index=False)]


def _intervals(rows: pd.DataFrame, value: str, sign: str = "") -> list[str]:
    """Return `0.841 [0.783, 0.900]` of each row, unbroken; with the sign `+` also above 0."""
    form = f"{sign}z.3f"  # z: no -0.000
    numbers = rows[[value, "low", "high"]].itertuples(index=False)
    return [unbroken(prose.interval(mean, low, high, form)) for mean, low, high in numbers]


def above_intervals(rows: pd.DataFrame, sign: str = "") -> list[str]:
    """Return the value of each row above its interval, where several in a row fit a page so."""
    return [text.replace("&nbsp;", "<br>", 1) for text in _intervals(rows, "value", sign)]
