"""Runs of detectors without a clear difference: against a search over all runs, and in words."""

import itertools

import numpy as np
import pandas as pd

from lib.comparison import separated


def searched(names, pairs):
    """Return the places of all runs without a pair, of which none is a part of another."""
    places = itertools.combinations(range(len(names) + 1), 2)
    free = [
        range(first, end)
        for first, end in places
        if end - first > 1
        and not any(
            frozenset(pair) in pairs for pair in itertools.combinations(names[first:end], 2)
        )
    ]
    return [run for run in free if not any(set(run) < set(other) for other in free)]


def test_runs_are_those_of_a_search_over_all_runs():
    rng = np.random.default_rng(0)
    names = list("abcdefgh")
    every = list(map(frozenset, itertools.combinations(names, 2)))
    for share in (0, 0.1, 0.3, 0.6, 1):
        pairs = {pair for pair in every if rng.random() < share}
        assert separated.longest_runs(names, pairs) == searched(names, pairs)


def order_of(*p_values):
    """Return the order of a (AUROC .9), b and c (.8, .6), by the p values of ab, ac and bc."""
    rows = [
        ("limbs", one, "0", other, "0", 0.1, p_holm)
        for (one, other), p_holm in zip(("ab", "ac", "cb"), p_values, strict=True)
    ]
    columns = ["dataset", "method_a", "seed_a", "method_b", "seed_b", "difference", "p_holm"]
    auroc = pd.DataFrame(
        {
            "dataset": "limbs",
            "method": ["c", "a", "b", "floor: knn", "both", "a"],
            "family": ["toy", "toy", "toy", "floor", "fusion", "toy"],
            "seed": ["0", "0", "0", "", "0", "1"],
            "value": [0.6, 0.9, 0.8, 0.7, 0.95, 0.5],
        }
    )
    (order,) = separated.orders(pd.DataFrame(rows, columns=columns), auroc)
    return order


def test_an_order_has_the_tested_seeds_of_detectors_alone_and_the_pairs_clear_after_holm():
    order = order_of(0.2, 0.01, 0.049)
    assert (order.names, order.values) == (["a", "b", "c"], [0.9, 0.8, 0.6])
    assert order.pairs == {frozenset("ac"), frozenset("bc")}
    assert order.runs == [range(2)]
    assert order.sentence() == (
        "2 of 3 pairs of detectors differ clearly. a has the highest AUROC; it does not differ "
        "clearly from b."
    )


def test_a_best_detector_that_differs_from_all_others_is_named_as_such():
    assert "a, with the highest AUROC, differs clearly from all" in order_of(0, 0, 1).sentence()
