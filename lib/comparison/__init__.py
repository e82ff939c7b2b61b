"""Every metric of every fit and floor, recomputed from scores and index: no model code, no GPU.

`python -m lib.comparison mura` measures one data set, into build/measures/mura/; `python -m
lib.comparison` combines them in build/comparison/:

- `results.csv`, also reports/results.csv: one row per number (columns in lib.comparison.tables).
  Floors are rows of the family `floor`, fused scores (lib.comparison.fusion) of the family
  `fusion`, fits of an ablation (lib.comparison.ablations) of the family `ablation: <its name>`.
  Where a method ran from several seeds, rows of the seed `mean` hold the mean over seeds; their low
  and high are one standard deviation below and above it, not an interval. Of an ablation,
  `auroc_over_seeds`, `auroc_difference` (a variant and the reference, seed by seed) and
  `auroc_contrast` (two methods with the same variant, seed by seed) have Student's t interval over
  seeds, on the logit scale; `auroc_difference_p_holm` and `auroc_contrast_p_holm` are their p
  values, Holm-corrected within the ablation and data set.
- `tests.csv`: the difference in AUROC between each two methods of a data set, between each method
  and the floor that scores best on the test films (chosen there, which favours the floor), and
  between each fusion and its parts: paired tests over patients, Holm-corrected within the data set
  and kind. `test` is `DeLong` or, where films are few or an AUROC is near 1 or 0, `permutation`
  (lib.metrics.significance); low and high are then those of a bootstrap over patients;
  `correlation` is Spearman's, of the two scores over the test films. Of several seeds, the run of
  median AUROC, as on pages. None of ablations.
- `strata.csv`: AUROC within strata of body part, view, sex, age and size of the film, pooled over
  strata, and crude over the same films (lib.comparison.strata); `pairs` counts the pairs of an
  abnormal and a normal film.
- `roc.csv`: ROC curves with pointwise bootstrap bands. `failures.csv`: fits without numbers.

`python -m lib.comparison record` keeps the results of real films in reports/real/.

Levels: `image`; `study`, the mean over its views; `pixel` and `box`, maps against exact masks or
against filled boxes, over the pixels of body and lesions of annotated test films; `aupro` is the
area under the per-region overlap up to a false positive rate of .3, also of the lesions of each
size alone (groups `lesion size: ...`, by area in % of the film in lib.metrics.LESION_SIZES, with
other lesions left out); `iou` takes as lesion the highest pixels of a film's map, as large a share
of its body as lesions have in the median annotated validation film. Intervals (95 %) are bootstraps
over patients, empty where all resamples agree. n counts films (studies at `study`); base_rate is
the abnormal share of these, at `pixel` and `box` of pixels. `threshold_normals_0.95` is that
quantile of validation normals, `threshold_recall_0.90` finds that share of abnormal validation
films; probabilities for `brier` and `calibration_error` are fitted on validation films, by a
logistic curve and, for `brier_isotonic` and `calibration_error_isotonic`, an isotonic one.
The setting of rows that need labels of validation films ends with `validation labels`.
"""
