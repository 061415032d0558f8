"""Declares the federation that the stack's configuration describes."""

from pathlib import Path

import pulumi

from components.context_federation import ContextFederation
from stacks.federation.arguments import federation_args
from stacks.federation.config import read

PROJECT = Path(__file__).parents[2]

try:
    ContextFederation("federation", federation_args(read(pulumi.Config()), PROJECT))
except (OSError, ValueError) as error:
    raise pulumi.RunError(str(error)) from error
