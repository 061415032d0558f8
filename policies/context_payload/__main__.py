"""Runs the rules on every FederatedContext of a stack. Needs the repository's root on PYTHONPATH."""

from pulumi_policy import (
    EnforcementLevel,
    PolicyPack,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
)

from policies.context_payload.declared import read_context
from policies.context_payload.rule import Rule
from policies.context_payload.rules import RULES

KIND = "kubernetes:mcpfed.io/v1alpha1:FederatedContext"


def policy(name: str, rule: Rule) -> ResourceValidationPolicy:
    """The policy that applies one rule."""

    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        if args.resource_type == KIND:
            for violation in rule.check(read_context(args.props)):
                report(str(violation), None)

    return ResourceValidationPolicy(name=name, description=rule.description, validate=validate)


PolicyPack(
    name="context-payload",
    enforcement_level=EnforcementLevel.MANDATORY,
    policies=[policy(name, rule) for name, rule in RULES.items()],
)
