"""The speed of the study on this machine: `make benchmark`; on its GPU: with `CARD=yes`.

Speeds are kept in reports/benchmarks.csv, each with the machine and with a ratio that was measured
in the same run.
"""
