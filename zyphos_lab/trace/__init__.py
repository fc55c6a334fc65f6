"""`zyphos-lab trace`: the probes on a process that already lives, or on one that we start.

subject.py    which process that is, and how it ended
session.py    the probes on it: one reading per interval, and since the start
rows.py       a reading as rows: what is a rate, what a value
table.py      rows on a terminal
summary.py    the whole trace in a few sentences
life.py       every system call of one connection, step by step (`--life`)
calls.py      a system call in words
life_text.py  lives side by side
"""
