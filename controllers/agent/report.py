"""What a site reports: its state, with whatever a person must look at."""

from dataclasses import dataclass, field

from api.condition import HALTED
from api.context_replica import Problem, SiteState
from controllers.agent.state import Compared, Halted, State
from core.site.detect import Present, problem
from core.site.inventory import inventory
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

    def of(self, state: State) -> SiteState:
        """The state as it is published: with a digest if it is known what the directory holds."""
        match state:
            case Compared(journal, scan):
                held = inventory(journal, scan.present) if self._needs_inventory else None
                return site_state(journal, self.pod, scan.present, self._problems, held)
            case Halted(journal, present):
                return site_state(journal, self.pod, present, self._problems, None)
            case _:
                unknown = site_state(state.journal, self.pod, Present({}, {}), self._problems, None)
                return unknown.model_copy(update={"digest": None})

    @property
    def _needs_inventory(self) -> bool:
        """Whether the control plane lacks something that was applied here."""
        return self.inventory_wanted or (self.refusal is not None and self.refusal.reason == REASON_RECOVERY_NEEDED)

    @property
    def _problems(self) -> list[Problem]:
        refusal = [problem(self.refusal.reason, self.refusal.message)] if self.refusal else []
        found = [*refusal, *self.obstructions, *self.found]
        return sorted(found, key=lambda one: one.reason != HALTED)  # what stops everything is reported first
