"""
The tiny parent of one running command. It outlives us, keeps the clocks, and writes down how the
command ended.

This folder travels alone: it imports the standard library and itself, nothing of ours, and runs
under `python -I -S`. Others may import it to read what it leaves behind (`spool`).
"""
