"""The container image of controllers, agent and native server: one image, tagged with the project's version."""

import tomllib
from functools import cache
from pathlib import Path


@cache
def default_image() -> str:
    """Image of this version of the project."""
    project = Path(__file__).parent.parent / "pyproject.toml"
    return f"mcp-federation:{tomllib.loads(project.read_text(encoding='utf-8'))['project']['version']}"
