"""The ruler is measured first: the load generator against a server of known truth.

cases.py    what is put before the ruler, for every protocol of one table
laws.py     what each law says of its quantiles
bench.py    one case measured: what the ruler reports, what the kernel saw
wire.py     what of the difference is the wire's
judge.py    is the one within its limits of the other
run.py      all cases, one after the other
result.py   what is kept, in results/calibration/, and found again by later runs
words.py, console.py, page.py, pictures.py: how it is told
"""
