"""What a fleet is made of: each program and file, the Go module that pins it, and how it is built. Data only."""

from collections.abc import Mapping
from dataclasses import dataclass

MANIFESTS = "karmada-manifests"
"""Name of the directory with Karmada's own manifests among the tools."""

PULUMI_LANGUAGE_EXECUTOR = "pulumi-language-python-exec"
"""Name of the program that runs a Pulumi program in Python, among the tools."""

KUBERNETES_PROVIDER = "pulumi-resource-kubernetes"
"""Name of Pulumi's Kubernetes provider among the tools."""

KUBERNETES_PROVIDER_VERSION = "4.25.0"
"""The provider's version: that of the newest commit of its module that is served; the SDK is pinned to the same."""

_KUBERNETES = "1.35.3"
_KARMADA = "1.18.2"
_PULUMI = "3.259.0"

BUILD_FLAGS: Mapping[str, tuple[str, ...]] = {
    "cluster": (
        "-trimpath",
        "-tags=kubernetes_protomessage_one_more_release",
        (
            "-ldflags=-s -w"
            f" -X k8s.io/component-base/version.gitVersion=v{_KUBERNETES}"
            " -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=35"
            f" -X github.com/karmada-io/karmada/pkg/version.gitVersion=v{_KARMADA}"
        ),
    ),
    "pulumi": (
        "-trimpath",
        "-tags=osusergo,grpcnotrace",
        f"-ldflags=-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v{_PULUMI}",
    ),
    "kubernetes-provider": (
        "-trimpath",
        (
            "-ldflags=-s -w -X github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/version.Version="
            f"v{KUBERNETES_PROVIDER_VERSION}"
        ),
    ),
    "store": ("-trimpath", "-ldflags=-s -w"),
}


@dataclass(frozen=True)
class Files:
    """Files out of a module's source."""

    module: str
    dependency: str
    sources: tuple[tuple[str, str], ...]
    """Pairs of a path in the dependency (file or directory) and a path in the target; "." is the target itself."""


@dataclass(frozen=True)
class Program:
    """A program to find or build."""

    module: str
    """Directory of its pins in `MODULES`."""
    package: str
    version_arguments: tuple[str, ...] = ()
    """Empty if it does not say its version: then what is on PATH is not taken."""
    usable: str = ""
    """Regular expression that is found in its answer to `version_arguments` in every version that will do."""
    overlay: Files | None = None
    """Files that Go takes to be in the module's directory: what it embeds, from a dependency."""


_KUBERNETES_VERSION = (("--version",), r"Kubernetes v1\.35\.")
_KARMADA_VERSION = (("version",), r'GitVersion:"v1\.18\.')
_KARMADA_COMMANDS = "github.com/karmada-io/karmada/cmd"

PROGRAMS: Mapping[str, Program] = {
    "etcd": Program("cluster", "go.etcd.io/etcd/server/v3", ("--version",), r"etcd Version: 3\."),
    "kube-apiserver": Program("cluster", "k8s.io/kubernetes/cmd/kube-apiserver", *_KUBERNETES_VERSION),
    "kube-controller-manager": Program(
        "cluster", "k8s.io/kubernetes/cmd/kube-controller-manager", *_KUBERNETES_VERSION
    ),
    "karmada-webhook": Program("cluster", f"{_KARMADA_COMMANDS}/webhook", *_KARMADA_VERSION),
    "karmada-aggregated-apiserver": Program("cluster", f"{_KARMADA_COMMANDS}/aggregated-apiserver", *_KARMADA_VERSION),
    "karmada-controller-manager": Program("cluster", f"{_KARMADA_COMMANDS}/controller-manager", *_KARMADA_VERSION),
    "karmada-scheduler": Program("cluster", f"{_KARMADA_COMMANDS}/scheduler", *_KARMADA_VERSION),
    "pulumi": Program("pulumi", "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi", ("version",), r"^v3\.2\d\d\."),
    KUBERNETES_PROVIDER: Program(
        "kubernetes-provider",
        ".",
        overlay=Files(
            "kubernetes-provider",
            "github.com/pulumi/pulumi-kubernetes/provider/v4",
            (
                (f"cmd/{KUBERNETES_PROVIDER}/schema.json", "schema.json"),
                (f"cmd/{KUBERNETES_PROVIDER}/terraform-mapping.json", "terraform-mapping.json"),
            ),
        ),
    ),
    "etcdctl": Program("store", "go.etcd.io/etcd/etcdctl/v3", ("version",), r"etcdctl version: 3\.6\."),
    "etcdutl": Program("store", "go.etcd.io/etcd/etcdutl/v3", ("version",), r"etcdutl version: 3\.6\."),
}

FILES: Mapping[str, Files] = {
    MANIFESTS: Files(
        "cluster",
        "github.com/karmada-io/karmada",
        (
            ("charts/karmada/_crds", "crds"),
            ("artifacts/deploy/namespace.yaml", "namespace.yaml"),
            ("artifacts/deploy/webhook-configuration.yaml", "webhook-configuration.yaml"),
        ),
    ),
    PULUMI_LANGUAGE_EXECUTOR: Files(
        "pulumi",
        "github.com/pulumi/pulumi/sdk/v3",
        (("python/cmd/pulumi-language-python-exec", "."),),
    ),
}


def _tools_of(*modules: str) -> tuple[str, ...]:
    return tuple(name for name, tool in {**PROGRAMS, **FILES}.items() if tool.module in modules)


CLUSTER_TOOLS = _tools_of("cluster")
"""What the fleet's processes are."""

PROVISIONING_TOOLS = _tools_of("pulumi", "kubernetes-provider")
"""With which a stack is rolled out."""

STORE_TOOLS = _tools_of("store")
"""With which an operator backs an etcd up, restores and mends it. No fleet needs them."""
