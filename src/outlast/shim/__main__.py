"""
Entry of the launcher, `python -I -S path/to/shim CONTROL_FD HOME`, and of a container's shim,
`python -I -S path/to/shim container FOLDER`.
"""

import importlib
import os
import sys

# Found by its own place, as the package `shim`: under -I -S nothing else of ours can be
# imported, and nothing else must be.
sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

_WHICH = "keeper" if sys.argv[1:2] == ["container"] else "launcher"
importlib.import_module(f"shim.{_WHICH}").main()
