"""Writes the CRDs: `python -m api crds/`."""

import sys
from pathlib import Path

import yaml

from api.crd import DEFINITIONS, manifest
from api.names import GROUP

HEADER = "# Generated from api/ by `make generate`; do not edit.\n"


def main(directory: Path) -> None:
    """Writes one file per kind into the directory."""
    directory.mkdir(parents=True, exist_ok=True)
    for definition in DEFINITIONS:
        text = HEADER + yaml.safe_dump(manifest(definition), sort_keys=False, allow_unicode=True, width=120)
        (directory / f"{GROUP}_{definition.plural}.yaml").write_text(text)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
