"""What a site reports: its state, with whatever a person must look at."""

from dataclasses import dataclass, field

from api.condition import HALTED
from api.context_replica import Inventory, Problem, SiteState
from core.site.detect import Present, problem
from core.site.inventory import inventory
from core.site.journal import Journal
from core.site.plan import REASON_RECOVERY_NEEDED, Refusal
from core.site.state import site_state


@dataclass
class Report:
    """What is reported beside the journal and the files, from one step to the next."""

    pod: str
    refusal: Refusal | None = None
    """Why the newest revision is not applied."""
    obstructions: list[Problem] = field(default_factory=list[Problem])
    """Why the last write left items as they were."""
    found: list[Problem] = field(default_factory=list[Problem])
    """Problems of the last look at the files."""
    inventory_wanted: bool = False
    """Whether the control plane asks for an inventory: it does not know the revision that is held."""

    def compared(self, journal: Journal, present: Present) -> SiteState:
        """The state, with an inventory while the control plane lacks something that was applied here."""
        is_older = self.refusal is not None and self.refusal.reason == REASON_RECOVERY_NEEDED
        needed = is_older or self.inventory_wanted
        return self._state(journal, present, inventory(journal, present) if needed else None)

    def halted(self, journal: Journal, present: Present) -> SiteState:
        """The state while a person must decide whether what is present is meant."""
        return self._state(journal, present, None)

    def uncompared(self, journal: Journal) -> SiteState:
        """The state while nobody knows what is present."""
        return self._state(journal, Present({}, {}), None).model_copy(update={"digest": None})

    def _state(self, journal: Journal, present: Present, held: Inventory | None) -> SiteState:
        return site_state(journal, self.pod, present, self._problems(), held)

    def _problems(self) -> list[Problem]:
        refusal = [problem(self.refusal.reason, self.refusal.message)] if self.refusal else []
        found = [*refusal, *self.obstructions, *self.found]
        return sorted(found, key=lambda one: one.reason != HALTED)  # what stops everything is reported first
