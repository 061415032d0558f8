"""The simulated world as people find it: what there is, its clock and its names; and what people do."""

from api.federated_context import FederatedContext
from api.item import ContextPayload, Item
from api.model import ObjectMeta
from core.inspection.operator import operator_site, operator_state
from tests.model.oracle import name_of
from tests.model.parts import Backup, Cluster, Controller, Pod, Setup
from tests.model.volume import Disk, content
from tests.model.witness import Witness

CONTEXT, NAMESPACE = "demo", "team"
_START_MILLIS = 1_000_000_000


class People(Witness):
    """What people do. Operations take indices, which wrap around, so that any integers make a run."""

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self.now = _START_MILLIS
        self.incarnations = 0
        self.clusters = {name: Cluster(name) for name in dict(setup.pods)}
        self.pods = [self.new_pod(cluster, name, index) for index, (cluster, name) in enumerate(setup.pods)]
        self.controllers = [Controller(setup.skew(len(self.pods) + index), self.draw()) for index in range(2)]
        self.declared_tags: list[dict[str, int]] = []
        """Event of each item, for each declaration; of deleted items, too."""
        self.declare({})
        self.steps = 0
        self.backups: list[Backup] = []

    # Time and names

    def tick(self, millis: int) -> None:
        self.now += millis
        self.steps += 1

    def draw(self) -> str:
        self.incarnations += 1
        return f"{self.incarnations:08x}"

    def new_pod(self, cluster: str, name: str, index: int) -> Pod:
        disk = Disk(f"{cluster}/{name}/{self.draw()}", self.setup.spec.context_type, self.on_replace)
        return Pod(self.clusters[cluster], name, self.setup.skew(index), disk)

    def pod(self, index: int) -> Pod:
        return self.pods[index % len(self.pods)]

    def cluster(self, index: int) -> Cluster:
        return list(self.clusters.values())[index % len(self.clusters)]

    # People

    def edit(self, index: int, item: int, line: int, revert: int | None = None) -> None:
        """Somebody writes an item on a pod's disk: one of three lines, or what an earlier event said."""
        pod, name = self.pod(index), self.setup.items[item % len(self.setup.items)]
        self._write(pod.disk, name, self._next_text(pod.disk.text(name), name, line, revert))

    def delete(self, index: int, item: int) -> None:
        pod, name = self.pod(index), self.setup.items[item % len(self.setup.items)]
        if pod.disk.text(name) is not None and not pod.disk.is_nearly_empty():
            self._write(pod.disk, name, None)

    def declare(self, wanted: dict[int, int | None]) -> None:
        """The program changes its declaration: for each item a line to change, or None to drop it."""
        before = self.store.declarations[-1].spec.context_payload.items if self.store.declarations else []
        texts = {item.name: item.text for item in before}
        tags = dict(self.declared_tags[-1]) if self.declared_tags else {}
        for index, line in wanted.items():
            name = self.setup.items[index % len(self.setup.items)]
            if line is None and name not in texts:
                continue
            text = None if line is None else self._next_text(texts.get(name), name, line, None)
            tags[name] = self.oracle.event(name, text, "declared", [tags[name]] if name in tags else [])
            texts.pop(name, None)
            if text is not None:
                texts[name] = text
        self.declared_tags.append(tags)
        self.store.declarations.append(self._federated_context(texts, len(self.store.declarations) + 1))

    def operate(self, item: int, line: int, revert: int | None = None) -> None:
        """Somebody who sees the head changes an item on the control plane, e.g. puts an earlier content back."""
        head, name = self.store.head, self.setup.items[item % len(self.setup.items)]
        if head is None:
            return
        held = next((one for one in head.items if one.name == name), None)
        text = self._next_text(held.content.text if held and held.content else None, name, line, revert)
        seen = [self.oracle.by_dot[name_of(held.dot)]] if held else []
        site = operator_site("ops", self.draw())
        state = operator_state(site, head, {name: content(self.setup.spec.context_type, name, text)}, self.now)
        self.oracle.bind(state.changes[0].dot, self.oracle.event(name, text, site, seen))
        self.store.operators[site] = state

    def _next_text(self, text: str | None, item: str, line: int, revert: int | None) -> str:
        if revert is not None:
            earlier = [event.text for event in self.oracle.events if event.item == item and event.text]
            if earlier:
                return earlier[revert % len(earlier)]
        lines = text.splitlines() if text else ["a", "-", "b", "-", "c"]
        lines[2 * (line % 3)] = f"e{len(self.oracle.events)}"
        return "\n".join(lines) + "\n"

    def _write(self, disk: Disk, item: str, text: str | None) -> None:
        seen = [disk.tags[item]] if item in disk.tags else []
        target = self.target(disk, item)
        there = self.oracle.events[seen[0]].text if seen else None
        if target is not None and self.oracle.events[target].text == there:
            seen.append(target)  # what is there looks like what is being written, be it that nothing is there
        disk.tags[item] = event = self.oracle.event(item, text, disk.name, seen)
        if disk.intent is not None or self.oracle.unsure.intersection(seen):
            self.oracle.unsure.add(event)
        disk.put(item, text)

    def _federated_context(self, texts: dict[str, str | None], generation: int) -> FederatedContext:
        kind = self.setup.spec.context_type
        items = [Item.of(name, content(kind, name, text)) for name, text in sorted(texts.items()) if text is not None]
        spec = self.setup.spec.model_copy(update={"context_payload": ContextPayload(items=items)})
        meta = ObjectMeta(name=CONTEXT, namespace=NAMESPACE, uid="u", generation=generation)
        return FederatedContext.model_construct(metadata=meta, spec=spec)
