"""The command line that runs a container's command in namespaces of its own with bubblewrap.

The container sees a root of its own in memory: /usr and what programs need of /etc from this machine, the image's
directories, its pod's volumes, and nothing else of the machine's files. It has process, mount, host name and user
namespaces of its own, and the machine's network. Inside, it is the user that its securityContext or image names;
outside, that is whoever runs the node, without capabilities. So files in volumes need no change of ownership, and it
works the same for root and for everybody else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_SYSTEM_LINKS = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_SYSTEM_FILES = (
    "alternatives", "ca-certificates", "group", "host.conf", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime",
    "mime.types", "nsswitch.conf", "passwd", "pki", "protocols", "resolv.conf", "services", "ssl",
)  # fmt: skip
"""What programs read in /etc. Not the whole of it: a volume may be mounted anywhere below."""


@dataclass(frozen=True)
class Mount:
    """A directory or file of this machine at a path in the container."""

    source: Path
    target: str
    read_only: bool


@dataclass(frozen=True)
class Sandbox:
    """What a container's process gets."""

    command: Sequence[str]
    environment: dict[str, str]
    mounts: Sequence[Mount]
    working_directory: str
    host_name: str
    user: int
    group: int
    read_only_root: bool


def bubblewrap_arguments(sandbox: Sandbox, info_descriptor: int) -> list[str]:
    """Arguments for `bwrap`; the environment is passed on as it is, because arguments can be read by everybody.

    Args:
        sandbox: what to run.
        info_descriptor: inherited file descriptor that bwrap writes `{"child-pid": ...}` to.
    """
    return [
        *("--die-with-parent", "--as-pid-1", "--info-fd", str(info_descriptor)),
        *("--unshare-pid", "--unshare-ipc", "--unshare-uts", "--hostname", sandbox.host_name),
        *("--unshare-user", "--uid", str(sandbox.user), "--gid", str(sandbox.group)),
        *("--tmpfs", "/", "--ro-bind", "/usr", "/usr", *_system_links(), "--dir", "/etc", *_system_files()),
        *("--proc", "/proc", "--dev", "/dev", "--perms", "1777", "--dir", "/tmp", "--dir", "/run", "--dir", "/var"),  # noqa: S108
        *("--symlink", "../run", "/var/run", "--perms", "1777", "--dir", "/var/tmp"),  # noqa: S108
        *(part for mount in sandbox.mounts for part in _mount(mount)),
        *("--dir", sandbox.working_directory),
        *(("--remount-ro", "/") if sandbox.read_only_root else ()),
        *("--chdir", sandbox.working_directory, "--", *sandbox.command),
    ]


def enter_arguments(process_id: int, user_namespace: int, command: Sequence[str]) -> list[str]:
    """Arguments for `nsenter` that run one more command in a container.

    Args:
        process_id: the container's process, as this machine numbers it.
        user_namespace: inherited file descriptor of the namespace that owns the container's other namespaces. In it the
            command reads 0 as its user id, whatever the container's is; its rights outside are the same, none.
        command: what to run.
    """
    user = f"--user=/proc/self/fd/{user_namespace}"
    namespaces = (user, "--mount", "--pid", "--uts", "--ipc", "--root", "--wd")
    return ["--target", str(process_id), *namespaces, "--preserve-credentials", "--", *command]


def _mount(mount: Mount) -> tuple[str, str, str]:
    return ("--ro-bind" if mount.read_only else "--bind", str(mount.source), mount.target)


def _system_links() -> list[str]:
    links: list[str] = []
    for name in _SYSTEM_LINKS:
        path = Path("/") / name
        if path.is_symlink():
            links += ["--symlink", str(path.readlink()), str(path)]
        elif path.is_dir():
            links += ["--ro-bind", str(path), str(path)]
    return links


def _system_files() -> list[str]:
    paths = [Path("/etc") / name for name in _SYSTEM_FILES]
    return [part for path in paths if path.exists() for part in ("--ro-bind", str(path), str(path))]
