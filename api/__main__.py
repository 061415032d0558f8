"""What is generated from the models: the CRDs and the components' arguments.

`python -m api .` writes it into the repository, `python -m api --check .` compares it with what is there.
"""

import argparse
import sys
from pathlib import Path

import yaml

from api.crd import DEFINITIONS, manifest
from api.names import GROUP
from api.typed_args import module

HEADER = "# Generated from api/ by `make generate`; do not edit.\n"


def generated() -> dict[str, str]:
    """Every generated file: its path in the repository, and its text."""
    crds = {f"crds/{GROUP}_{each.plural}.yaml": HEADER + _yaml(manifest(each)) for each in DEFINITIONS}
    return {**crds, "components/declaration_args.py": module()}


def _yaml(value: object) -> str:
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=120)


def outdated(root: Path) -> list[str]:
    """The generated files that are not below `root` as they should be."""
    return [
        path
        for path, text in generated().items()
        if not (root / path).exists() or (root / path).read_text(encoding="utf-8") != text
    ]


def write(root: Path) -> None:
    """Writes every file below `root`."""
    for path, text in generated().items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path, help="the repository")
    parser.add_argument("--check", action="store_true", help="write nothing")
    arguments = parser.parse_args()
    if not arguments.check:
        write(arguments.root)
    elif stale := outdated(arguments.root):
        sys.exit(f"{', '.join(stale)}: out of date with api/; run 'make generate'")


if __name__ == "__main__":
    main()
