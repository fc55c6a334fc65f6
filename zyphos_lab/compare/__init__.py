"""Comparing what was measured: two runs, the values of a factor within one, or a saved baseline.

source.py reads a side, between.py and within.py hold sides against each other, gates.py judges the
result, model.py is what they give, and text.py and pages.py show it. adhoc.py makes an experiment
of command lines.
"""
