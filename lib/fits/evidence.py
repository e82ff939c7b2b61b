"""The outputs of a trained detector other than its scores, stored for the card of its fit.

- `maps.npz`: image_id (m,), map (m, h, w) float16 (float32 where a value exceeds its range),
  reconstruction (m, h, w) uint8, of annotated and other test films, over all ranks of the score.
- `chain.npz`: chain (steps, n, h, w) uint8 with chain_image_id (n,), from film to reconstruction.
- `embedding.npz`: image_id (m,), embedding (m, d) float32, sphere (m,), the number of the nearest
  one; of test films over all ranks.
- `sweep.csv`: image_id, one column per setting of the scoring, score: test films over all ranks,
  scored under each setting of the method's sweep.

For a method without map, chain, embedding or sweep, the array or the file is absent.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from keras import ops

from lib import batches
from lib.collapse import check_values
from lib.detector import Detector
from lib.preprocessing.network_input import to_float
from lib.samples import to_grey

FILMS_WITH_MAPS = 200  # annotated test films; half as many of all, and a quarter for all methods
FILMS_IN_CHAIN = 4
FILMS_IN_SWEEP = 60
FILMS_IN_EMBEDDING = 500


def keep(
    detector: Detector,
    films: np.ndarray,
    ranked: pd.DataFrame,
    annotated: pd.Series,
    folder: Path,
) -> None:
    """Write the files above into `folder`.

    `ranked` are the test films in films (n, h, w) uint8, as returned by `ranked_test_films`, and
    `annotated` the image_id of films with lesions. Raises Collapsed for scores of the sweep that
    are not finite.
    """
    maps = maps_of(detector, films, films_with_maps(ranked, annotated))
    if maps:
        np.savez_compressed(folder / "maps.npz", **maps)  # type: ignore[arg-type]
    chain = chain_of(detector, films, evenly(ranked, FILMS_IN_CHAIN))
    if chain:
        np.savez_compressed(folder / "chain.npz", **chain)  # type: ignore[arg-type]
    embedding = embedding_of(detector, films, evenly(ranked, FILMS_IN_EMBEDDING))
    if embedding:
        np.savez_compressed(folder / "embedding.npz", **embedding)  # type: ignore[arg-type]
    sweep = sweep_of(detector, films, evenly(ranked, FILMS_IN_SWEEP))
    if len(sweep):
        sweep.to_csv(folder / "sweep.csv", index=False)


def check_finite(table: pd.DataFrame) -> None:
    """Raise Collapsed if a numeric column has a value that is not finite."""
    for name, values in table.select_dtypes("number").items():
        check_values(values, name)


def ranked_test_films(index: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Return the test films by increasing score: `row` of the arrays, image_id, score."""
    test = index.loc[index["split"].eq("test"), ["image_id"]].rename_axis("row").reset_index()
    return test.merge(scores[["image_id", "score"]], on="image_id").sort_values("score")


def evenly(ranked: pd.DataFrame, most: int) -> pd.DataFrame:
    """Return at most `most` of the films, evenly over the ranks, first and last included."""
    return ranked.iloc[batches.evenly(len(ranked), most)]


def films_with_maps(ranked: pd.DataFrame, annotated: pd.Series) -> pd.DataFrame:
    """Return the films whose maps are stored: annotated ones and others, over all ranks.

    Some that are not annotated are the same for every method, so that maps can be compared.
    """
    is_annotated = ranked["image_id"].isin(annotated)
    over_ranks = [
        evenly(ranked[is_annotated], FILMS_WITH_MAPS),
        evenly(ranked, FILMS_WITH_MAPS // 2),
    ]
    shared = evenly(ranked[~is_annotated].sort_values("row"), FILMS_WITH_MAPS // 4)
    selected = pd.concat([*over_ranks, shared])
    return selected.drop_duplicates("row").sort_values("row")


def maps_of(detector, films, selected: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return the arrays of maps.npz; none without a map."""
    x = to_float(films[selected["row"].to_numpy()])
    maps = detector.predict(x, verbose=0).get("map")
    if maps is None:
        return {}
    arrays = {"image_id": selected["image_id"].to_numpy(str), "map": compact(maps)}
    if detector.reconstruction(x[:1]) is not None:
        reconstruct = detector.as_graph(detector.reconstruction)
        arrays["reconstruction"] = to_grey(detector.batchwise(reconstruct, x))
    return arrays


def compact(maps: np.ndarray) -> np.ndarray:
    """Return maps as float16, or as float32 if a value exceeds the range of float16, 65504."""
    fits = np.abs(maps).max(initial=0) <= np.finfo("float16").max
    return maps.astype("float16" if fits else "float32")


def chain_of(detector, films, selected: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return the arrays of chain.npz; none if the method does not work in steps."""
    chain = detector.chain(to_float(films[selected["row"].to_numpy()]))
    if chain is None:
        return {}
    return {"chain": to_grey(chain), "chain_image_id": selected["image_id"].to_numpy(str)}


def embedding_of(detector, films, selected: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return the arrays of embedding.npz; none if films are not embedded."""
    x = to_float(films[selected["row"].to_numpy()])
    outputs = {"embedding": detector.embed(x), "sphere": detector.sphere(x)}
    arrays = {name: values for name, values in outputs.items() if values is not None}
    return {"image_id": selected["image_id"].to_numpy(str), **arrays} if arrays else {}


def sweep_of(detector, films, selected: pd.DataFrame) -> pd.DataFrame:
    """Return the table of sweep.csv; empty for a method without sweep."""
    swept = detector.sweep(to_float(films[selected["row"].to_numpy()]))
    image_id = selected["image_id"].to_numpy()
    tables = [
        pd.DataFrame({"image_id": image_id, **setting, "score": ops.convert_to_numpy(score)})
        for setting, score in swept
    ]
    table = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()
    check_finite(table)
    return table
