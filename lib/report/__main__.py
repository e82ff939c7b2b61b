"""Make one page: python -m lib.report NOTEBOOK OUTPUT.html -p name value ..."""

import sys

from lib import accidents
from lib.report import main

if __name__ == "__main__":
    with accidents.in_one_sentence():
        sys.exit(main())
