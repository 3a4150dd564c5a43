"""What people should hear of a reading beside its figures: why it waits, what was damaged, where it is kept.

Not covered: how a door shows it (views.live, cli, dashboards).
"""

from __future__ import annotations

from workbench.types import ReadProgress


class Notes:
    """The notes of one reading: why it waits gives way to what comes next, all else stays."""

    def __init__(self) -> None:
        self._standing: list[str] = []
        self._heard: set[str] = set()

    @property
    def text(self) -> str:
        """What stands now; mostly nothing."""
        return " ".join(self._standing)

    def hear(self, progress: ReadProgress) -> str:
        """Take a step in; returns the note that is new in it, or nothing."""
        if not progress.elapsed_s:  # it waits, or begins and says all that stays
            self._standing = []
        if not progress.note:
            return ""
        if progress.note not in self._standing:
            self._standing.append(progress.note)
        new = "" if progress.note in self._heard else progress.note
        self._heard.add(progress.note)
        return new
