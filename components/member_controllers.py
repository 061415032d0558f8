"""MemberControllers: templates of the context controller on the control plane; Karmada brings them to every member."""

from typing import Final, NotRequired, TypedDict

import pulumi
import pulumi_kubernetes as k8s

from api.names import CLUSTER_ANNOTATION, IDENTITY_LABEL, SYSTEM_NAMESPACE
from components.component import SKIP_AWAIT, Component, metadata
from components.image import default_image
from components.permissions import CONTEXT, CONTEXT_SECRETS, bound, subject
from components.pod import CONTAINER_SECURITY, POD_SECURITY, env, liveness, readiness, resources
from components.propagation import Template, propagate, ready_members

NAME: Final = "mcpfed-context"
HEALTH_PORT: Final = 8082
MEMORY_LIMIT: Final = "256Mi"
RBAC: Final = "rbac.authorization.k8s.io/v1"


class MemberControllersArgs(TypedDict):
    """What the members run."""

    control_plane: k8s.Provider
    """The control plane; the controllers' namespace, mcpfed-system, must exist there."""
    image: NotRequired[str]
    """Container image; default: that of this version of the project."""


class MemberControllers(Component):
    """The context controller in every member that is ready for contexts, also in members that join later."""

    def __init__(self, name: str, args: MemberControllersArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        control_plane = args["control_plane"]
        account = k8s.core.v1.ServiceAccount(
            name,
            metadata=metadata(NAME, SYSTEM_NAMESPACE),
            automount_service_account_token=False,
            opts=self.child(control_plane),
        )
        self._permissions(control_plane)
        self._secrets_permission(control_plane)
        self._deployment(control_plane, args.get("image", default_image()), account)
        self._propagation(control_plane)
        self.register_outputs({})

    def _permissions(self, control_plane: k8s.Provider) -> None:
        options = self.child(control_plane)
        k8s.rbac.v1.ClusterRole(self.name, metadata=metadata(NAME), rules=CONTEXT, opts=options)
        k8s.rbac.v1.ClusterRoleBinding(
            self.name,
            metadata=metadata(NAME),
            role_ref=bound("ClusterRole", NAME),
            subjects=[subject(NAME, SYSTEM_NAMESPACE)],
            opts=options,
        )

    def _secrets_permission(self, control_plane: k8s.Provider) -> None:
        options, where = self.child(control_plane), metadata(NAME, SYSTEM_NAMESPACE)
        k8s.rbac.v1.Role(self.name, metadata=where, rules=CONTEXT_SECRETS, opts=options)
        k8s.rbac.v1.RoleBinding(
            self.name,
            metadata=where,
            role_ref=bound("Role", NAME),
            subjects=[subject(NAME, SYSTEM_NAMESPACE)],
            opts=options,
        )

    def _deployment(self, control_plane: k8s.Provider, image: str, account: pulumi.Resource) -> None:
        labels = {"app.kubernetes.io/name": NAME}
        k8s.apps.v1.Deployment(
            self.name,
            metadata=metadata(
                NAME, SYSTEM_NAMESPACE, labels={**labels, IDENTITY_LABEL: "cluster"}, annotations=SKIP_AWAIT
            ),
            spec={
                "replicas": 1,
                "selector": {"match_labels": labels},
                "template": {
                    "metadata": {"labels": labels, "annotations": {CLUSTER_ANNOTATION: ""}},
                    "spec": context_pod(image),
                },
            },
            opts=self.child(control_plane, [account]),
        )

    def _propagation(self, control_plane: k8s.Provider) -> None:
        options, placement = self.child(control_plane), ready_members()
        of_cluster = [Template(RBAC, kind, NAME) for kind in ("ClusterRole", "ClusterRoleBinding")]
        propagate(f"{self.name}-cluster", of_cluster, placement, options, name=NAME)
        in_namespace = [
            Template("v1", "ServiceAccount", NAME),
            Template(RBAC, "Role", NAME),
            Template(RBAC, "RoleBinding", NAME),
            Template("apps/v1", "Deployment", NAME),
        ]
        propagate(self.name, in_namespace, placement, options, name=NAME, namespace=SYSTEM_NAMESPACE)


def context_pod(image: str) -> k8s.core.v1.PodSpecArgsDict:
    """The context controller's pod."""
    container: k8s.core.v1.ContainerArgsDict = {
        "name": "context",
        "image": image,
        "command": ["python", "-m", "controllers.context"],
        "env": env({}, {"MCPFED_CLUSTER": f"metadata.annotations['{CLUSTER_ANNOTATION}']", "POD_IP": "status.podIP"}),
        "ports": [{"name": "health", "container_port": HEALTH_PORT}],
        "security_context": CONTAINER_SECURITY,
        "resources": resources(memory_limit=MEMORY_LIMIT),
        "liveness_probe": liveness(HEALTH_PORT),
        "readiness_probe": readiness(HEALTH_PORT),
    }
    return {
        "service_account_name": NAME,
        "automount_service_account_token": True,
        "security_context": POD_SECURITY,
        "containers": [container],
    }
