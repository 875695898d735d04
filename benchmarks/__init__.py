"""
Our figures beside our peers', measured on this machine: `python -m benchmarks`, or `make bench`.

One module for each figure, one for each thing they share; `__main__` says how to ask for them.
"""
