"""The shape of items, as the API server and MCP clients demand it."""

from typing import Final

from pydantic import ValidationError

from api.item import ContextType, Item
from core.values import item_rules
from policies.context_payload.declared import DeclaredContext
from policies.context_payload.rule import Faults, validation_faults

_CONTEXT_TYPES: Final = frozenset(each.value for each in ContextType)


def shape(context: DeclaredContext) -> Faults:
    """R02: no item has a shape that makes a client refuse the whole list, e.g. an inputSchema that is no object's."""
    for item in context.items:
        try:
            content = Item.model_validate(item.body).content
        except ValidationError as error:
            for fault in validation_faults(error):
                yield item.label, fault
            continue
        if context.context_type == ContextType.RESOURCES:
            content = content.model_copy(update={"text": "", "data": None})  # content is judged by r22
        if context.context_type in _CONTEXT_TYPES:
            for fault in item_rules.check(ContextType(context.context_type), item.label, content):
                yield item.label, fault
