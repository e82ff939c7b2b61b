"""Studies: methods fitted again and again with one thing changed, over several seeds.

`python -m lib.studies label_fraction mura` fits every method, variant and seed of that study, and
leaves below build/studies/label_fraction/mura/:

- `scores.csv`: method, variant, seed, image_id and score of validation and test films, no labels;
- `fits.json`: what each variant changes, and of each fit its status, reason, setting, parameters,
  films and duration. A fit that fails or collapses is a result too, and the others go on.
"""

from lib.studies.plan import Fit, Study, asked, find, percent, variant_name

__all__ = ["Fit", "Study", "asked", "find", "percent", "variant_name"]
