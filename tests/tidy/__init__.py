"""The rules of the design and the style that a machine can check. Each check takes the tree (or a
sample of one) and returns complaints; tests/test_tidy.py runs them and proves that each can fail.
"""
