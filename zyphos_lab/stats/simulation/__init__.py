"""The proof of the statistics: simulated runs with a known truth, through the real plan and tests.

`python -m zyphos_lab.stats.simulation` runs it. What it knows of the lab: plan.make (the order of
the trials) and stats.compare (everything after); no server is started. Seeded: the same runs and
seed give the same record.
"""
