"""Where the node keeps what belongs to a pod: a directory that is found again by the pod's identity alone."""

from pathlib import Path

from kube.kinds import Object


def pods_directory(root: Path) -> Path:
    """Directory of all pods' directories under the node's directory `root`."""
    return root / "pods"


def pod_directory(root: Path, pod: Object) -> Path:
    """Directory of one pod: logs, volumes and generated files."""
    metadata = pod["metadata"]
    return pods_directory(root) / f"{metadata['namespace']}_{metadata['name']}_{metadata['uid']}"


def volume_path(root: Path, pod: Object, volume: str) -> Path:
    """Directory that is mounted for the pod's volume of this name."""
    return pod_directory(root, pod) / "volumes" / volume


def log_path(root: Path, pod: Object, container: str) -> Path:
    """File that takes the container's output; the run before it is beside it as `<container>.log.previous`."""
    return pod_directory(root, pod) / f"{container}.log"
