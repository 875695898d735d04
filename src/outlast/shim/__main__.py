"""
Entry of the launcher, `python -I -S path/to/shim CONTROL_FD HOME`, and of the fork server of
containers' shims, `python -I -S path/to/shim containers CONTROL_FD HOME`.
"""

import importlib
import os
import sys

# Found by its own place, as the package `shim`: under -I -S nothing else of ours can be
# imported, and nothing else must be.
sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

_WHICH = "forkserver" if sys.argv[1:2] == ["containers"] else "launcher"
importlib.import_module(f"shim.{_WHICH}").main()
