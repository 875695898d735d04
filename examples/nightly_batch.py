"""
A nightly batch, as a scheduler calls it: read what became of the files, and mind only real failures.

    python examples/nightly_batch.py FOLDER OUTPUTS COMMAND...

Calls `outlast batch` for every file of FOLDER with two minutes of patience and reads its manifest.
Exits with 0 if nothing has failed: what still runs is picked up by the next night's call.
"""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path


def main() -> int:
    """Run the batch, and tell what became of it."""
    folder, outputs, *command = sys.argv[1:]
    called = ["outlast", "batch", "--wait", "120s", "--retry-failed", "-o", outputs, folder]
    done = subprocess.run([*called, "--", *command], stdout=subprocess.DEVNULL, check=False)
    if done.returncode not in (0, 1):  # nothing has happened: the reason is on stderr
        return done.returncode
    entries = json.loads((Path(outputs) / "manifest.json").read_text())["entries"]
    for why, count in sorted(
        Counter(entry["error_code"] or "complete" for entry in entries).items()
    ):
        print(f"{count:6} {why}")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
