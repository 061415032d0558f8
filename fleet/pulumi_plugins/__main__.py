"""Starts one of the stand-ins; the executables that `plugin_path` writes call it."""

import sys
from collections.abc import Sequence

from fleet.pulumi_plugins.protocol import load_alone


def main(arguments: Sequence[str]) -> None:
    """Serve a plugin until the engine ends it.

    Args:
        arguments: `language` and the path of `pulumi-language-python-exec`, or `kubernetes`; then what the engine adds.
    """
    load_alone()
    plugin, *rest = arguments
    if plugin == "language":
        from fleet.pulumi_plugins.language import run
    else:
        from fleet.pulumi_plugins.kubernetes.provider import run
    run(rest)


if __name__ == "__main__":
    main(sys.argv[1:])
