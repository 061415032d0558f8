"""Fills the volumes of one pod."""

from fleet.node.directories import write_volume
from fleet.node.host import Host
from fleet.node.layout import pod_directory, volume_path
from fleet.node.objects import children, references
from fleet.node.tokens import PodTokens
from fleet.node.volumes import is_empty_directory, token_claims, volume_files
from kube.kinds import Object


class PodVolumes:
    """The volumes of one pod and the tokens in them."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._tokens = PodTokens(host.api)

    def seconds_to_renewal(self) -> float | None:
        """When to fill the volumes again because of a token's age; None if there is no token."""
        return self._tokens.seconds_to_renewal()

    async def fill(self, pod: Object) -> None:
        """Give every volume the files that it shall have now; nothing is written where nothing has changed.

        Raises:
            NotReadyError: a referenced object or key is absent and not optional.
            UnsupportedError: a volume that is not offered here.
            ApiError, Unreachable: an object or token cannot be had from the API server.
            OSError: a file cannot be written.
        """
        volumes = children(pod["spec"], "volumes")
        snapshot = await self._host.sources.snapshot(references(pod))
        tokens = await self._tokens.current(pod, token_claims(pod))
        filled = [volume for volume in volumes if not is_empty_directory(volume)]
        contents = {volume["name"]: volume_files(volume, pod, snapshot, tokens) for volume in filled}
        pod_directory(self._host.root, pod).mkdir(parents=True, exist_ok=True)
        for volume in volumes:
            directory = volume_path(self._host.root, pod, volume["name"])
            if is_empty_directory(volume):
                directory.mkdir(parents=True, exist_ok=True)
                directory.chmod(0o777)
            else:
                write_volume(directory, contents[volume["name"]])
