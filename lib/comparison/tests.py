"""Paired tests between the detectors of one data set, corrected for multiple testing."""

from collections.abc import Iterable, Iterator
from itertools import combinations

from lib import metrics
from lib.comparison.fusion import Fused
from lib.comparison.scores import Scored, best_floor

CLEAR = 0.05  # of p values after Holm's correction
DIGITS = 4  # of an AUROC in the tables that pages read
PAIR = ["dataset", "method_a", "seed_a", "method_b", "seed_b"]
ESTIMATE = ["difference", "low", "high", "p_value", "p_holm", "n", "test", "correlation"]
COLUMNS = [*PAIR, *ESTIMATE]


def paired_tests(
    detectors: list[Scored], floors: list[Scored], fused: Iterable[Fused] = ()
) -> list[dict]:
    """Return paired tests over the patients of one data set (metrics.paired_test), corrected.

    Per kind: two detectors; a detector and the best floor; a fusion and one of its parts. A fusion
    that was declared with a rule is a detector, too, but is compared with its parts once only. Of
    several seeds the run that pages show is tested, that of median AUROC.
    """
    best = best_floor(floors)
    of_scores = {id(one.scored): one for one in fused}
    fusions = [of_scores[id(run)] for run in _median_runs(one.scored for one in of_scores.values())]
    declared = [fusion.scored for fusion in fusions if fusion.is_detector]
    runs = [*_median_runs(detectors), *declared]
    with_parts = {
        (fusion.scored.method, part.method) for fusion in fusions for part in fusion.parts
    }
    kinds = [
        (
            pair
            for pair in combinations(runs, 2)
            if (pair[1].method, pair[0].method) not in with_parts
        ),
        ((scored, floor) for scored in runs for floor in best),
        ((fusion.scored, part) for fusion in fusions for part in fusion.parts),
    ]
    return [row for pairs in kinds for row in _corrected(pairs)]


def _median_runs(scored: Iterable[Scored]) -> list[Scored]:
    """Return the run of each method that `lib.shown.median_runs` shows on pages."""
    by_method: dict[str, list[Scored]] = {}
    for one in scored:
        by_method.setdefault(one.method, []).append(one)
    return [
        sorted(runs, key=lambda one: round(one.auroc, DIGITS))[(len(runs) - 1) // 2]
        for runs in by_method.values()
    ]


def _corrected(pairs: Iterable[tuple[Scored, Scored]]) -> list[dict]:
    rows = list(_tested(list(pairs)))
    corrected = metrics.holm([row["p_value"] for row in rows])
    return [row | {"p_holm": p_value} for row, p_value in zip(rows, corrected, strict=True)]


def _tested(pairs: list[tuple[Scored, Scored]]) -> Iterator[dict]:
    """Yield a row of each pair, not corrected; all detectors have scores of the same films."""
    if not pairs:
        return
    films = pairs[0][0].split("test")
    compared = metrics.Paired(films["label"], films["patient_id"])
    detectors = {id(one): one for pair in pairs for one in pair}
    scores = {name: one.split("test")["score"] for name, one in detectors.items()}
    placed = {name: compared.place(score) for name, score in scores.items()}
    ranks = {name: score.rank() for name, score in scores.items()}
    for a, b in pairs:
        (difference, low, high), p_value, test = compared.test(placed[id(a)], placed[id(b)])
        pair = (a.dataset, a.method, a.seed, b.method, b.seed)
        yield {
            **dict(zip(PAIR, pair, strict=True)),
            **{"difference": difference, "low": low, "high": high, "p_value": p_value},
            "n": len(films),
            "test": test,
            "correlation": ranks[id(a)].corr(ranks[id(b)]),  # Spearman's
        }
