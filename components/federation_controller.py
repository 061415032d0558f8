"""FederationController: runs in the host, works on the control plane with an account of its own there."""

from typing import Final, NotRequired, TypedDict

import pulumi
import pulumi_kubernetes as k8s

from api.names import SYSTEM_NAMESPACE
from components.component import Component, encoded, metadata
from components.image import default_image
from components.permissions import FEDERATION, FEDERATION_SECRETS, Rules, bound, subject
from components.pod import CONTAINER_SECURITY, POD_SECURITY, env, liveness, readiness, resources
from components.service_account_token import account_with_token

NAME: Final = "mcpfed-federation"
HEALTH_PORT: Final = 8080
MEMORY_LIMIT: Final = "256Mi"
CREDENTIAL: Final = "mcpfed-control-plane"
CREDENTIAL_PATH: Final = "/etc/mcpfed/control-plane"


class FederationControllerArgs(TypedDict):
    """Where the controller runs and what it works on."""

    host: k8s.Provider
    """Cluster in which the controller runs."""
    control_plane: k8s.Provider
    """The control plane."""
    endpoint: pulumi.Input[str]
    """URL at which the host reaches the control plane."""
    ca_bundle: pulumi.Input[str]
    """Certificates that sign the control plane's, PEM as base64."""
    member_endpoint: NotRequired[pulumi.Input[str]]
    """URL at which members reach the control plane; default: `endpoint`."""
    image: NotRequired[str]
    """Container image; default: that of this version of the project."""


class FederationController(Component):
    """The federation controller with its account on the control plane and the controllers' namespace there."""

    namespace: k8s.core.v1.Namespace
    """Namespace of the controllers on the control plane; Karmada copies it to every member."""

    def __init__(self, name: str, args: FederationControllerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        self.namespace = k8s.core.v1.Namespace(
            f"{name}-control-plane", metadata=metadata(SYSTEM_NAMESPACE), opts=self.child(args["control_plane"])
        )
        token, permissions = self._account(args["control_plane"])
        self._deployment(args, self._credential(args, token), permissions)
        self.register_outputs({})

    def _account(self, control_plane: k8s.Provider) -> tuple[pulumi.Output[str], list[pulumi.Resource]]:
        """The controller's account on the control plane: its token, and the bindings of its permissions."""
        credential = account_with_token(
            self, f"{self.name}-account", control_plane, NAME, (SYSTEM_NAMESPACE, self.namespace)
        )
        options = self.child(control_plane, [credential.account])
        cluster_role = k8s.rbac.v1.ClusterRole(self.name, metadata=metadata(NAME), rules=FEDERATION, opts=options)
        cluster_binding = k8s.rbac.v1.ClusterRoleBinding(
            self.name,
            metadata=metadata(NAME),
            role_ref=bound("ClusterRole", NAME),
            subjects=[subject(NAME, SYSTEM_NAMESPACE)],
            opts=self.child(control_plane, [cluster_role]),
        )
        return credential.token, [cluster_binding, self._secrets_binding(control_plane, FEDERATION_SECRETS)]

    def _secrets_binding(self, control_plane: k8s.Provider, rules: Rules) -> k8s.rbac.v1.RoleBinding:
        role = k8s.rbac.v1.Role(
            self.name,
            metadata=metadata(NAME, SYSTEM_NAMESPACE),
            rules=rules,
            opts=self.child(control_plane, [self.namespace]),
        )
        return k8s.rbac.v1.RoleBinding(
            self.name,
            metadata=metadata(NAME, SYSTEM_NAMESPACE),
            role_ref=bound("Role", NAME),
            subjects=[subject(NAME, SYSTEM_NAMESPACE)],
            opts=self.child(control_plane, [role]),
        )

    def _credential(self, args: FederationControllerArgs, token: pulumi.Output[str]) -> k8s.core.v1.Secret:
        """The Secret in the host with which the controller reaches the control plane."""
        namespace = k8s.core.v1.Namespace(
            f"{self.name}-host", metadata=metadata(SYSTEM_NAMESPACE), opts=self.child(args["host"])
        )
        server = pulumi.Output.from_input(args["endpoint"]).apply(encoded)
        return k8s.core.v1.Secret(
            f"{self.name}-credential",
            metadata=metadata(CREDENTIAL, SYSTEM_NAMESPACE),
            data=pulumi.Output.secret({"server": server, "ca.crt": args["ca_bundle"], "token": token}),
            opts=self.child(args["host"], [namespace]),
        )

    def _deployment(
        self, args: FederationControllerArgs, credential: k8s.core.v1.Secret, permissions: list[pulumi.Resource]
    ) -> k8s.apps.v1.Deployment:
        account = k8s.core.v1.ServiceAccount(
            f"{self.name}-host",
            metadata=metadata(NAME, SYSTEM_NAMESPACE),
            automount_service_account_token=False,
            opts=self.child(args["host"], [credential]),
        )
        labels = {"app.kubernetes.io/name": NAME}
        return k8s.apps.v1.Deployment(
            self.name,
            metadata=metadata(NAME, SYSTEM_NAMESPACE, labels=labels),
            spec={
                "replicas": 1,
                "selector": {"match_labels": labels},
                "template": {"metadata": {"labels": labels}, "spec": federation_pod(args)},
            },
            opts=self.child(args["host"], [account, *permissions]),
        )


def federation_pod(args: FederationControllerArgs) -> k8s.core.v1.PodSpecArgsDict:
    """The controller's pod: no API token of the host, the control plane's credential as files."""
    member_endpoint = args.get("member_endpoint", args["endpoint"])
    container: k8s.core.v1.ContainerArgsDict = {
        "name": "federation",
        "image": args.get("image", default_image()),
        "command": ["python", "-m", "controllers.federation"],
        "env": env({"MCPFED_CONTROL_PLANE_ENDPOINT": member_endpoint}, {"POD_IP": "status.podIP"}),
        "ports": [{"name": "health", "container_port": HEALTH_PORT}],
        "volume_mounts": [{"name": "control-plane", "mount_path": CREDENTIAL_PATH, "read_only": True}],
        "security_context": CONTAINER_SECURITY,
        "resources": resources(memory_limit=MEMORY_LIMIT),
        "liveness_probe": liveness(HEALTH_PORT),
        "readiness_probe": readiness(HEALTH_PORT),
    }
    return {
        "service_account_name": NAME,
        "automount_service_account_token": False,
        "security_context": POD_SECURITY,
        "containers": [container],
        "volumes": [{"name": "control-plane", "secret": {"secret_name": CREDENTIAL}}],
    }
