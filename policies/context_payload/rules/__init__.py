"""The rules of the pack by the names of their policies.

A new rule is a function in a module here and a line in RULES; its test is in the same place under tests/unit/policies.
"""

from typing import Final

from policies.context_payload.rule import Rule
from policies.context_payload.rules.conflict_policy import conflict_policy
from policies.context_payload.rules.content import content
from policies.context_payload.rules.names import tool_name, unique_names
from policies.context_payload.rules.shape import shape
from policies.context_payload.rules.size import payload_size
from policies.context_payload.rules.uri import uri

RULES: Final = {
    "unique-names": Rule(unique_names),
    "conflict-policy": Rule(conflict_policy),
    "r01-tool-name": Rule(tool_name),
    "r02-shape": Rule(shape),
    "r21-uri": Rule(uri),
    "r22-content": Rule(content),
    "r23-size": Rule(payload_size),
}
