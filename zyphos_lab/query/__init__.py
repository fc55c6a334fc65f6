"""SQL over all runs: `connect` gives a DuckDB session whose views read the runs' own files.

Nothing is loaded before it is asked for; importing this package is cheap.
"""
