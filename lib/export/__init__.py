"""A trained detector of the study for use elsewhere: ONNX graphs, their description, their card.

`python -m lib.export DETECTOR` writes build/export/<data set>-<method>-<seed>/.
"""
