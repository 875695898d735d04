"""How bash asks what could come next: with its words taken apart at `=` and `:`."""

from __future__ import annotations

from click.shell_completion import BashComplete


class Bash(BashComplete):
    """As Click's; what stands behind `--queue=` or `failed:` is completed by itself, as bash wants it."""

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words that are whole, and the one that is not."""
        words, begun = super().get_completion_args()
        if begun in ("=", ":"):
            words, begun = [*words, begun], ""
        if words[-1:] == ["="]:
            words.pop()
        elif words[-1:] == [":"]:
            del words[-2:]
        return words, begun
