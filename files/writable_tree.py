"""Writing the files below one directory, which no symbolic link leads out of: for the agent alone."""

import os
from collections.abc import Iterable
from pathlib import Path

from files.confined import ObstructedError, directory, obstructed, parts_of
from files.tree import Tree


class WritableTree(Tree):
    """A directory whose files can be replaced one at a time. What is new there has no durable name before `sync`."""

    def make(self, folder: str) -> None:
        """Makes a folder if there is none."""
        with directory(self._root, parts_of(folder), create=True):
            pass

    def replace(self, staged: Path, path: str) -> None:
        """Moves a file into its place, atomically.

        Raises:
            ObstructedError: something is in the way.
        """
        *parents, name = parts_of(path)
        with directory(self._root, parents, create=True) as parent, obstructed(path):
            os.rename(staged, name, dst_dir_fd=parent)

    def remove(self, path: str) -> None:
        """Removes a file, and the directories that are empty without it, except the topmost.

        Raises:
            ObstructedError: something is in the way.
        """
        *parents, name = parts_of(path)
        try:
            with directory(self._root, parents) as parent, obstructed(path):
                os.unlink(name, dir_fd=parent)
        except FileNotFoundError:
            pass
        for depth in range(len(parents), 1, -1):
            with directory(self._root, parents[: depth - 1]) as parent:
                try:
                    os.rmdir(parents[depth - 1], dir_fd=parent)
                except OSError:
                    return

    def sync(self, paths: Iterable[str]) -> None:
        """Makes the names in the directories of paths durable, as far as those directories exist."""
        for parents in sorted({tuple(parts_of(path)[:-1]) for path in paths}):
            try:
                with directory(self._root, parents) as parent:
                    os.fsync(parent)
            except (FileNotFoundError, ObstructedError):
                continue
