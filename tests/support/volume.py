"""Writes contexts into a volume, as the agent does."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from api.item import ContextType, ItemContent
from core.site.bookkeeping import APPLIED, BOOKKEEPING, INTENT
from core.site.directory import File, render
from core.site.item_paths import item_of
from core.values.canonical import content_digest, payload_digest

if TYPE_CHECKING:
    from collections.abc import Generator


def digest_of(items: Mapping[str, ItemContent]) -> str:
    """Digest of a payload."""
    return payload_digest({name: content_digest(content) for name, content in items.items()})


class Volume:
    """A volume with context directories."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def apply(self, context: str, kind: ContextType, items: Mapping[str, ItemContent], version: int = 1) -> None:
        """Writes a revision: intent, files, applied, intent removed."""
        with self.writing(context, version):
            files = {
                path: file for name, content in items.items() for path, file in render(kind, name, content).items()
            }
            for path, file in files.items():
                self.write(context, path, file)
            folder = self.root / context
            for path in [path for path in folder.rglob("*") if path.is_file()]:
                relative = path.relative_to(folder).as_posix()
                if relative not in files and item_of(kind, relative) is not None:
                    path.unlink()
            applied = {
                "context": context,
                "contextType": kind,
                "version": version,
                "epoch": 0,
                "digest": digest_of(items),
                "chainDigest": digest_of({}),
                "mcpServerName": "server",
            }
            self._replace(self.bookkeeping(context) / APPLIED, json.dumps(applied).encode())

    @contextmanager
    def writing(self, context: str, version: int = 1) -> Generator[None]:
        """The write-ahead intent, as long as a revision is being written."""
        self.bookkeeping(context).mkdir(parents=True, exist_ok=True)
        intent = self.bookkeeping(context) / INTENT
        self._replace(intent, json.dumps({"version": version}).encode())
        yield
        intent.unlink()

    def withdraw(self, context: str) -> None:
        """Takes a context out of service."""
        (self.bookkeeping(context) / APPLIED).unlink()

    def write(self, context: str, path: str, file: File | str | dict[str, Any]) -> None:
        """Puts one file in its place, atomically: bytes, text, or a JSON document."""
        if isinstance(file, dict):
            file = json.dumps(file, indent=2) + "\n"
        if isinstance(file, str):
            file = File(file.encode())
        self._replace(self.root / context / path, file.data)
        if file.executable:
            (self.root / context / path).chmod(0o755)

    def bookkeeping(self, context: str) -> Path:
        """Where the context's bookkeeping is."""
        return self.root / BOOKKEEPING / context

    def _replace(self, path: Path, data: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        staged = path.with_name(f".{path.name}.tmp")
        staged.write_bytes(data)
        os.replace(staged, path)  # noqa: PTH105  what the agent does
