"""What the agent keeps about one context in `.mcpfed/contexts/<context>/`: journal, intent, what was applied last."""

import json
import shutil
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

import structlog
from pydantic import ValidationError

from api.model import Model
from core.site.bookkeeping import APPLIED, BOOKKEEPING, INTENT, RESERVED
from core.site.intent import Intent
from core.site.journal import Journal
from core.site.plan import Desired
from files import durable

_log = structlog.get_logger(__name__)

_KEPT_SECONDS = 7 * 24 * 3600
_JOURNAL = "journal.json"

AnyModel = TypeVar("AnyModel", bound=Model)


class Records:
    """The bookkeeping of one context on a volume."""

    def __init__(self, volume: Path, context: str) -> None:
        self.context = context
        self._reserved = volume / RESERVED
        self.directory = volume / BOOKKEEPING / context
        self.stage = self.directory / "stage"
        """Where new files wait for their rename, on the same file system."""

    def prepare(self) -> None:
        """Makes the directories, and removes what an interrupted write left."""
        shutil.rmtree(self.stage, ignore_errors=True)
        self.stage.mkdir(parents=True)

    def journal(self) -> Journal | None:
        """The journal, or None if there is none that can be read."""
        return self._load(_JOURNAL, Journal)

    def intent(self) -> Intent | None:
        """The intent, or None if no revision is being written."""
        return self._load(INTENT, Intent)

    def save_journal(self, journal: Journal) -> None:
        """Makes a journal durable."""
        self._save(_JOURNAL, _json(journal))

    def save_intent(self, intent: Intent) -> None:
        """Makes an intent durable: from now on the revision is being written."""
        self._save(INTENT, _json(intent))

    def save_applied(self, desired: Desired) -> None:
        """Makes durable what the MCP server serves from now on."""
        fields = {"version", "epoch", "digest", "chain_digest", "mcp_server_name", "context_type", "local_items"}
        applied = desired.spec.model_dump(mode="json", by_alias=True, include=fields, exclude_none=True)
        if desired.seeds:
            applied["seeds"] = desired.seeds
        self._save(APPLIED, json.dumps({"context": self.context, **applied}, indent=1))

    def drop_intent(self) -> None:
        """The revision is written."""
        durable.remove(self.directory / INTENT)

    def rescue(self, since: str, path: str, data: bytes) -> None:
        """Saves a copy of a file that no revision holds, under `.mcpfed/recovered/`."""
        copy = self._reserved / "recovered" / f"{self.context}-{since.replace(':', '')}" / path
        durable.write(copy, data)
        _log.warning("replaced content of unknown origin, copy saved", context=self.context, copy=str(copy))

    def withdraw(self, content: Path, version: int) -> None:
        """The context is no longer served: its files are set aside, its bookkeeping removed.

        It can be repeated after a crash; the journal is the last to go.
        """
        durable.remove(self.directory / APPLIED)
        if content.exists():
            aside = self._free(self._reserved / "withdrawn" / f"{self.context}-{version}")
            aside.parent.mkdir(exist_ok=True)
            content.rename(aside)
            aside.touch()
            durable.sync_directory(content.parent)
            durable.sync_directory(aside.parent)
        durable.remove(self.directory / INTENT)
        durable.remove(self.directory / _JOURNAL)
        shutil.rmtree(self.directory, ignore_errors=True)

    def _free(self, path: Path) -> Path:
        """The path, or the first one with a number that is not taken."""
        candidates = (path, *(path.with_name(f"{path.name}.{number}") for number in range(2, 1000)))
        return next(candidate for candidate in candidates if not candidate.exists())

    def _save(self, name: str, text: str) -> None:
        durable.write(self.directory / name, f"{text}\n".encode())

    def _load(self, name: str, kind: type[AnyModel]) -> AnyModel | None:
        path = self.directory / name
        try:
            return kind.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return None
        except ValidationError as error:
            path.replace(path.with_suffix(".unreadable"))
            _log.exception("cannot be read, set aside", path=str(path), faults=error.error_count(), exc_info=False)
            return None


def _json(record: Model) -> str:
    return record.model_dump_json(by_alias=True, exclude_none=True, indent=1)


def known_contexts(volume: Path) -> Iterable[str]:
    """The contexts that have a journal on a volume."""
    return sorted(path.parent.name for path in (volume / BOOKKEEPING).glob(f"*/{_JOURNAL}"))


def forget_withdrawn(volume: Path) -> None:
    """Deletes the files of contexts that were withdrawn more than a week ago."""
    for path in (volume / RESERVED / "withdrawn").glob("*"):
        if path.lstat().st_mtime < time.time() - _KEPT_SECONDS:
            shutil.rmtree(path, ignore_errors=True)
