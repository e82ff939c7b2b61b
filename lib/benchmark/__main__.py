"""The command line of the benchmark: of this machine, of its GPU, or of a run of the study."""

import argparse
import os
from pathlib import Path

from lib import accidents
from lib.errors import BadData


def main() -> None:
    """Measure, and compare with the earlier speeds of this machine."""
    from lib.benchmark import growth, speeds

    keep_and_show(
        [
            *speeds.preprocessing_speed(),
            *speeds.large_films_speed(),
            *speeds.features_speed(),
            *speeds.training_speed(),
            *speeds.reading_speed(),
            *speeds.answering_speed(),
            *speeds.diffusion_speed(),
            *speeds.measures_speed(),
            *growth.rows(),
        ]
    )


def keep_and_show(rows: list[dict]) -> None:
    """Keep rows in the table; print those of this machine, compared with earlier ones."""
    from lib.benchmark import table

    before = table.load()
    after = table.keep(rows)
    here = after[after["machine"] == table.machine()]
    earlier = before[[*table.MEASUREMENT, "films_per_s"]]
    shown = here.merge(earlier, on=table.MEASUREMENT, how="left", suffixes=("", "_before"))
    shown["times_before"] = (shown["films_per_s"] / shown["films_per_s_before"]).round(2)
    columns = ["task", "subject", "films_per_s", "ratio", "ratio_to", "times_before"]
    columns += ["seconds", "memory_gb"]
    print(shown[columns].to_string(index=False), f"\non {table.machine()}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Measure the speed of the study.")
    parser.add_argument("--card", action="store_true", help="every method on the GPU, with JAX")
    parser.add_argument("--seconds", type=float, default=3600, help="how long, with --card")
    parser.add_argument("--only", nargs="+", metavar="METHOD", help="these alone, with --card")
    parser.add_argument("--missing", action="store_true", help="what the table lacks, with --card")
    parser.add_argument("--study", type=Path, metavar="FOLDER", help="run it in this new copy")
    arguments = parser.parse_args()
    with accidents.in_one_sentence(BadData):
        if arguments.card:
            os.environ["KERAS_BACKEND"] = "jax"
            from lib.benchmark import card

            card.run(arguments.seconds, arguments.only, arguments.missing)
        elif arguments.study:
            from lib.benchmark import study

            keep_and_show(study.rows(arguments.study))
        else:
            main()
