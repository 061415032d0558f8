"""What a fleet is made of, against the pins of its modules."""

import re
from importlib.metadata import version

from fleet.toolchain.catalogue import BUILD_FLAGS, FILES, KUBERNETES_PROVIDER_VERSION, PROGRAMS, STORE_TOOLS
from fleet.toolchain.tools import MODULES


def test_the_sdk_that_is_installed_asks_for_the_provider_that_is_built() -> None:
    assert version("pulumi-kubernetes") == KUBERNETES_PROVIDER_VERSION


def test_the_pins_are_those_that_the_programs_say_they_are() -> None:
    cluster, pulumi, store = ((MODULES / name / "go.mod").read_text() for name in ("cluster", "pulumi", "store"))

    def pinned(text: str, module: str) -> str:
        found = re.search(rf"^\s*{re.escape(module)} v(\S+)", text, re.MULTILINE)
        assert found, f"{module} is not pinned"
        return found[1]

    flags = " ".join(flag for name in ("cluster", "pulumi") for flag in BUILD_FLAGS[name])
    assert f"gitVersion=v{pinned(cluster, 'k8s.io/kubernetes')} " in flags
    assert f"gitVersion=v{pinned(cluster, 'github.com/karmada-io/karmada')} " in flags
    assert f"Version=v{pinned(pulumi, 'github.com/pulumi/pulumi/pkg/v3')}" in flags
    for program in PROGRAMS.values():
        own_source = program.package == "."
        assert own_source or f"\t{program.package}\n" in cluster + store or f"tool {program.package}\n" in pulumi
    server = pinned(cluster, "go.etcd.io/etcd/server/v3")
    assert {pinned(store, PROGRAMS[name].package) for name in STORE_TOOLS} == {server}
    assert {files.module for files in FILES.values()} == {"cluster", "pulumi"}
