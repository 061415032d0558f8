"""Where a container's volumes and generated files go inside of it."""

from pathlib import Path

from fleet.node.environment import expand
from fleet.node.layout import pod_directory, volume_path
from fleet.node.objects import UnsupportedError, children
from fleet.node.sandbox import Mount
from fleet.node.volumes import is_empty_directory
from kube.kinds import Object


def container_mounts(root: Path, pod: Object, container: Object, environment: dict[str, str]) -> list[Mount]:
    """The container's volumeMounts, outer paths first; creates a subPath that an emptyDir does not have yet.

    Args:
        root: the node's directory.
        pod: the pod, whose volumes are filled.
        container: the container's spec.
        environment: for subPathExpr.

    Raises:
        UnsupportedError: a mount that leaves its volume.
    """
    volumes = {volume["name"]: volume for volume in children(pod["spec"], "volumes")}
    mounts: list[Mount] = []
    for entry in children(container, "volumeMounts"):
        writable = is_empty_directory(volumes[entry["name"]])
        directory = volume_path(root, pod, entry["name"])
        inner = expand(entry["subPathExpr"], environment) if "subPathExpr" in entry else entry.get("subPath", "")
        source = _inside(directory, inner, create=writable)
        mounts.append(Mount(source, entry["mountPath"], read_only=entry.get("readOnly", False) or not writable))
    return sorted(mounts, key=lambda mount: mount.target.count("/"))


def hosts_mount(root: Path, pod: Object, address: str) -> Mount:
    """/etc/hosts that knows the pod's own name, written to the pod's directory."""
    path = pod_directory(root, pod) / "hosts"
    content = f"127.0.0.1\tlocalhost\n{address}\t{pod['metadata']['name']}\n"
    if not path.exists() or path.read_text() != content:
        path.write_text(content)
    return Mount(path, "/etc/hosts", read_only=True)


def _inside(directory: Path, inner: str, *, create: bool) -> Path:
    path = (directory / inner).resolve()
    if not path.is_relative_to(directory.resolve()):
        raise UnsupportedError(f'subPath "{inner}" leads out of volume "{directory.name}"')
    if create and not path.exists():
        path.mkdir(parents=True)
    if not path.exists():
        raise UnsupportedError(f'subPath "{inner}" does not exist in volume "{directory.name}"')
    return path
