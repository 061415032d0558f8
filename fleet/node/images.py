"""Images without a container engine: an image reference names an entry point of the node's own virtual environment."""

import sys
from dataclasses import dataclass
from pathlib import Path


class ImageUnknownError(Exception):
    """No local entry point is known for an image reference; the message names the known ones."""


@dataclass(frozen=True)
class Image:
    """What a container image would contain, as directories of this machine."""

    directories: tuple[tuple[Path, str], ...]
    """(directory here, path in the container), all read-only."""
    environment: dict[str, str]
    working_directory: str
    user: int
    """User and group id of a container whose securityContext names none."""


Catalog = dict[str, Image]
"""Repository name's last part → image."""

_APPLICATION = "/app"
_PACKAGES = ("api", "core", "kube", "files", "controllers")
_VIRTUAL_ENVIRONMENT = "/opt/venv"
_NON_ROOT = 65532
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def repository_name(reference: str) -> str:
    """Last part of the repository in `[host[:port]/]path/name[:tag][@digest]`."""
    return reference.partition("@")[0].rpartition("/")[2].partition(":")[0]


def local_catalog(repository: Path) -> Catalog:
    """The images of this project, served from a checkout and the Python environment that runs the node.

    Args:
        repository: root of the checkout, which holds the packages.
    """
    packages = tuple((repository / name, f"{_APPLICATION}/{name}") for name in _PACKAGES)
    image = Image(
        directories=(*python_directories(), *packages),
        environment={
            "PATH": f"{_VIRTUAL_ENVIRONMENT}/bin:{_SYSTEM_PATH}",
            "PYTHONPATH": _APPLICATION,
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        working_directory=_APPLICATION,
        user=_NON_ROOT,
    )
    return {"mcp-federation": image}


def python_directories() -> tuple[tuple[Path, str], ...]:
    """The virtual environment at its place in the image, and the installation it was made from at its own path."""
    bases = {Path(sys.base_prefix), Path(sys.executable).resolve().parent.parent}
    outside_usr = sorted(base for base in bases if not base.is_relative_to("/usr"))
    return ((Path(sys.prefix), _VIRTUAL_ENVIRONMENT), *((base, str(base)) for base in outside_usr))


def resolve_image(catalog: Catalog, reference: str) -> Image:
    """Image behind a reference; host, tag and digest do not matter.

    Raises:
        ImageUnknownError: no entry point of that name.
    """
    try:
        return catalog[repository_name(reference)]
    except KeyError:
        known = ", ".join(sorted(catalog))
        raise ImageUnknownError(
            f'no local entry point for image "{reference}": a process node runs only images named {known}'
        ) from None
