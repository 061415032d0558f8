"""MCPServer: an MCP server with its agent, as templates on the control plane that Karmada brings to members."""

from typing import Final, NotRequired

import pulumi
import pulumi_kubernetes as k8s

from api.declaration import DEFAULT_PORT, WorkloadKind
from api.names import IDENTITY_LABEL, SERVER_LABEL
from components.component import SKIP_AWAIT, Component, metadata
from components.declaration_args import ServerDeclarationArgs, StorageArgs
from components.image import default_image
from components.mcp_server_pod import CONTEXT_VOLUME, pod_template
from components.names import check_name
from components.permissions import AGENT, bound, subject
from components.propagation import Template, propagate, ready_members

RBAC: Final = "rbac.authorization.k8s.io/v1"
KINDS: Final = tuple(map(str, WorkloadKind))


class MCPServerArgs(ServerDeclarationArgs):
    """An MCP server and where it is declared."""

    control_plane: k8s.Provider
    """The control plane."""
    agent_image: NotRequired[str]
    """Image of the agent; default: that of this version of the project."""


class MCPServer(Component):
    """An MCP server in members, its context directories kept in sync by an agent. Only the agent has an API token."""

    def __init__(self, name: str, args: MCPServerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the MCP server.

        Raises:
            ValueError: a name or the kind cannot be one, or there is `storage` without a StatefulSet.
        """
        check_name("MCP server", args["name"])
        check_name(f"MCP server {args['name']!r}: namespace", args["namespace"])
        kind = args.get("kind", "Deployment")
        if kind not in KINDS:
            raise ValueError(f"MCP server {args['name']!r}: kind {kind!r} is none of {', '.join(KINDS)}")
        if "storage" in args and kind != "StatefulSet":
            raise ValueError(f"MCP server {args['name']!r}: storage needs kind StatefulSet")
        super().__init__(name, opts)
        account = k8s.core.v1.ServiceAccount(
            name,
            metadata=self._metadata(args),
            automount_service_account_token=False,
            opts=self.child(args["control_plane"]),
        )
        self._permissions(args)
        self._workload(args, account)
        self._service(args)
        self._propagation(args)
        self.register_outputs({})

    def _metadata(self, args: MCPServerArgs) -> k8s.meta.v1.ObjectMetaArgsDict:
        labels = {SERVER_LABEL: args["name"]}
        return metadata(args["name"], args["namespace"], labels=labels, annotations=SKIP_AWAIT)

    def _permissions(self, args: MCPServerArgs) -> None:
        options = self.child(args["control_plane"])
        k8s.rbac.v1.Role(self.name, metadata=self._metadata(args), rules=AGENT, opts=options)
        k8s.rbac.v1.RoleBinding(
            self.name,
            metadata=self._metadata(args),
            role_ref=bound("Role", args["name"]),
            subjects=[subject(args["name"], args["namespace"])],
            opts=options,
        )

    def _workload(self, args: MCPServerArgs, account: pulumi.Resource) -> None:
        name, labels = args["name"], {SERVER_LABEL: args["name"]}
        meta = metadata(name, args["namespace"], labels={**labels, IDENTITY_LABEL: "cluster"}, annotations=SKIP_AWAIT)
        image = default_image()
        template = pod_template(args, args.get("image", image), args.get("agent_image", image))
        selector: k8s.meta.v1.LabelSelectorArgsDict = {"match_labels": labels}
        replicas, options = args.get("replicas", 1), self.child(args["control_plane"], [account])
        if args.get("kind") == "StatefulSet":
            stateful: k8s.apps.v1.StatefulSetSpecArgsDict = {
                "replicas": replicas,
                "service_name": name,
                "selector": selector,
                "template": template,
            }
            if storage := args.get("storage"):
                stateful["volume_claim_templates"] = [_claim(storage)]
            k8s.apps.v1.StatefulSet(self.name, metadata=meta, spec=stateful, opts=options)
        else:
            k8s.apps.v1.Deployment(
                self.name,
                metadata=meta,
                spec={"replicas": replicas, "selector": selector, "template": template},
                opts=options,
            )

    def _service(self, args: MCPServerArgs) -> None:
        k8s.core.v1.Service(
            self.name,
            metadata=self._metadata(args),
            spec={
                "selector": {SERVER_LABEL: args["name"]},
                "ports": [{"name": "mcp", "port": DEFAULT_PORT, "target_port": "mcp"}],
            },
            opts=self.child(args["control_plane"]),
        )

    def _propagation(self, args: MCPServerArgs) -> None:
        name = args["name"]
        templates = [
            Template("v1", "ServiceAccount", name),
            Template(RBAC, "Role", name),
            Template(RBAC, "RoleBinding", name),
            Template("apps/v1", args.get("kind", "Deployment"), name),
            Template("v1", "Service", name),
        ]
        propagate(
            self.name,
            templates,
            ready_members(args.get("clusters"), args.get("cluster_selector")),
            self.child(args["control_plane"]),
            name=name,
            namespace=args["namespace"],
        )


def _claim(storage: StorageArgs) -> k8s.core.v1.PersistentVolumeClaimArgsDict:
    spec: k8s.core.v1.PersistentVolumeClaimSpecArgsDict = {
        "access_modes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": storage["size"]}},
    }
    if storage_class := storage.get("storage_class"):
        spec["storage_class_name"] = storage_class
    return {"metadata": {"name": CONTEXT_VOLUME}, "spec": spec}
