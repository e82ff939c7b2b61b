"""The command line of `make publish`."""

import argparse

from lib import accidents
from lib.errors import BadData
from lib.publish.site import publish

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Fill site/ with the pages of the study.")
    parser.add_argument(
        "--base", default="", help="the address of the site, as https://host/folder"
    )
    parser.add_argument("--films", default="", help="yes: pages of films of patients as well")
    arguments = parser.parse_args()
    with accidents.in_one_sentence(BadData):
        site, left_out = publish(base=arguments.base, films=arguments.films == "yes")
        listed = [path for path in site.rglob("*") if path.is_file()]
        size = sum(path.stat().st_size for path in listed) / 1e6
        print(f"site/: {len(listed)} files, {size:.1f} MB; every link within it leads somewhere.")
        if left_out:
            print(f"Left out, as the last run did not make them: {', '.join(left_out)}.")
