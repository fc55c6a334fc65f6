"""Packets of a trial: captured (capture.py), read (frames.py, decode.py), made into connections
(connections.py), explained (marks.py, pauses.py, states.py), counted by layer (layers.py) and drawn
as a ladder (svg.py, text.py). Nothing is imported here.
"""
