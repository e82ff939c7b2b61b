"""Verification of the results: recomputed from stored scores, and compared with those in git.

`python -m lib.verify`, or `make verify`, trains nothing and imports no TensorFlow. It

- computes the tables of build/measures/, build/comparison/ and reports/results.csv again, from
  scores, maps and index, by the functions that wrote them, and compares them with what is stored;
- compares reports/results.csv with the committed one, and with any file named on the command line;
- names the machines, and the evidence that is broken;
- writes reports/verify.html, the badge reports/verify.svg, and reports/verify.json, which names the
  machine of reports/results.csv, so that it is known where these are committed.

The exit status is 1 if a number is missing or outside the tolerance of `lib.verify.rows`.
"""
