"""Works out how a container is started now: its sandbox and its probes."""

from dataclasses import dataclass

from fleet.node.environment import container_environment, expand
from fleet.node.host import Host
from fleet.node.images import Image, resolve_image
from fleet.node.mounts import container_mounts, hosts_mount
from fleet.node.objects import Snapshot, UnsupportedError, child, references
from fleet.node.probes import Action, Probe, Sleep, parse_pre_stop, parse_probe
from fleet.node.sandbox import Mount, Sandbox
from kube.kinds import Object


@dataclass(frozen=True)
class Probes:
    """The probes of a container."""

    startup: Probe | None
    liveness: Probe | None
    readiness: Probe | None


@dataclass(frozen=True)
class Plan:
    """How to start a container."""

    sandbox: Sandbox
    probes: Probes
    pre_stop: Action | Sleep | None


async def plan_container(host: Host, pod: Object, container: Object) -> Plan:
    """The plan for a container of a pod whose volumes are filled and whose status names its address.

    Raises:
        ImageUnknownError: no local entry point for the image.
        NotReadyError: a Secret or ConfigMap that the environment needs is absent.
        UnsupportedError: the container asks for something that a process node does not offer.
        ApiError, Unreachable: the API server cannot be asked.
    """
    image = resolve_image(host.catalog, container["image"])
    address: str = pod["status"]["podIP"]
    probes, pre_stop = parse_probes(container, address), parse_pre_stop(container, address)
    snapshot = await host.sources.snapshot(references(pod))
    return Plan(_sandbox(host, pod, container, image, snapshot), probes, pre_stop)


def parse_probes(container: Object, address: str) -> Probes:
    """All probes of a container.

    Raises:
        UnsupportedError: an action or port that is not offered here.
    """
    startup, liveness, readiness = (
        parse_probe(container, kind, address) for kind in ("startupProbe", "livenessProbe", "readinessProbe")
    )
    return Probes(startup, liveness, readiness)


def _sandbox(host: Host, pod: Object, container: Object, image: Image, snapshot: Snapshot) -> Sandbox:
    environment = container_environment(container, pod, _base_environment(host, pod, image), snapshot)
    user, group = _identity(pod, container, image)
    image_mounts = [Mount(source, target, read_only=True) for source, target in image.directories]
    hosts = hosts_mount(host.root, pod, pod["status"]["podIP"])
    return Sandbox(
        command=_command(container, environment),
        environment=environment,
        mounts=[*image_mounts, hosts, *container_mounts(host.root, pod, container, environment)],
        working_directory=container.get("workingDir") or image.working_directory,
        host_name=_host_name(pod),
        user=user,
        group=group,
        read_only_root=child(container, "securityContext").get("readOnlyRootFilesystem", False),
    )


def _base_environment(host: Host, pod: Object, image: Image) -> dict[str, str]:
    api_host, api_port = host.api_server
    return {
        "HOME": "/",
        **image.environment,
        "HOSTNAME": _host_name(pod),
        "KUBERNETES_SERVICE_HOST": api_host,
        "KUBERNETES_SERVICE_PORT": str(api_port),
        "KUBERNETES_SERVICE_PORT_HTTPS": str(api_port),
    }


def _host_name(pod: Object) -> str:
    name: str = pod["spec"].get("hostname") or pod["metadata"]["name"]
    return name[:63].rstrip("-.")


def _command(container: Object, environment: dict[str, str]) -> list[str]:
    command = [*container.get("command", []), *container.get("args", [])]
    if not container.get("command"):
        raise UnsupportedError(f'container "{container["name"]}": an image of a process node needs a command')
    return [expand(part, environment) for part in command]


def _identity(pod: Object, container: Object, image: Image) -> tuple[int, int]:
    """User and group inside of the container."""
    context = child(pod["spec"], "securityContext") | child(container, "securityContext")
    user: int = context.get("runAsUser", image.user)
    if user == 0 and context.get("runAsNonRoot"):
        raise UnsupportedError(f'container "{container["name"]}": runAsNonRoot is set, but its user is root')
    return user, context.get("runAsGroup", image.user)
