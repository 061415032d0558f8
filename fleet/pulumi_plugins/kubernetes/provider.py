"""The gRPC shell: what the engine asks, in terms of `operations`, and its answers in Pulumi's protocol."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from fleet.pulumi_plugins.kubernetes import diff, inputs, settings, state
from fleet.pulumi_plugins.kubernetes.cluster import Cluster, NoMatch, Ref, TimedOut
from fleet.pulumi_plugins.kubernetes.connection import Cancelled, Connection, locate, unreachable
from fleet.pulumi_plugins.kubernetes.host import Host
from fleet.pulumi_plugins.kubernetes.objects import flagged, identifier, name_of, namespace_of, nested
from fleet.pulumi_plugins.kubernetes.operations import NotReady, Operations
from fleet.pulumi_plugins.messages import Message, empty_pb2, plugin_pb2, provider_pb2, provider_pb2_grpc
from fleet.pulumi_plugins.serving import Failure, serve, servicer
from fleet.pulumi_plugins.values import Object, decode, encode, holds_unknown, keep_secrets, reveal
from kube.errors import AlreadyExists, ApiError, ConfigurationError, Forbidden, NotFound, Unreachable

EXPECTED: Final = (ApiError, Unreachable, NoMatch, TimedOut, Cancelled, ConfigurationError, ValueError)
"""Errors that say something about the program or the cluster, not about this provider."""

UNSUPPORTED_MODULES: Final = {
    "helm.sh": "Helm charts",
    "yaml": "yaml.ConfigFile and yaml.ConfigGroup",
    "kustomize": "kustomize",
}
"""Modules of the SDK that need the official provider."""


class Provider:
    """The calls of `ResourceProvider`, for one cluster."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._settings = settings.Settings()
        self._cluster: Cluster | None = None
        self._problem = "the provider is not configured"

    def handshake(self, request: Message, context: Any) -> Message:
        """Take the engine's address and say what this provider understands."""
        self._host.connect(request.engine_address)
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True, supports_autonaming_configuration=True)

    def attach(self, request: Message, context: Any) -> Message:
        """Take the engine's address."""
        self._host.connect(request.address)
        return empty_pb2.Empty()

    def get_plugin_info(self, request: Message, context: Any) -> Message:
        """Say which version of the official provider is stood in for."""
        return plugin_pb2.PluginInfo(version=_version())

    def get_schema(self, request: Message, context: Any) -> Message:
        """Return a schema without types: the SDK that programs use has them."""
        return provider_pb2.GetSchemaResponse(schema=json.dumps({"name": "kubernetes", "version": _version()}))

    def check_config(self, request: Message, context: Any) -> Message:
        """Refuse a configuration that cannot be honoured, or that strict mode forbids."""
        values = decode(request.news)
        failures = _strict_failures(request.urn, values, os.environ.get("PULUMI_CONFIG", ""))
        try:
            settings.read(values, os.environ)
        except ValueError as error:
            failures.append(provider_pb2.CheckFailure(reason=str(error)))
        return provider_pb2.CheckResponse(inputs=request.news, failures=failures)

    def diff_config(self, request: Message, context: Any) -> Message:
        """Say whether a changed configuration updates or replaces the provider."""
        change = settings.compare(decode(request.olds), decode(request.news))
        some = bool(change.changed or change.replaces)
        return provider_pb2.DiffResponse(
            changes=provider_pb2.DiffResponse.DIFF_SOME if some else provider_pb2.DiffResponse.DIFF_NONE,
            diffs=change.changed,
            replaces=change.replaces,
        )

    def configure(self, request: Message, context: Any) -> Message:
        """Take the configuration. A kubeconfig that cannot be used fails only what needs the cluster."""
        values = decode(request.args)
        self._settings = settings.read(values, os.environ)
        if holds_unknown(values):
            self._problem = "its configuration is not known yet"
        else:
            self._connect()
        return provider_pb2.ConfigureResponse(
            acceptSecrets=True, supportsPreview=True, supports_autonaming_configuration=True
        )

    def _connect(self) -> None:
        try:
            self._cluster = Cluster(Connection(locate(self._settings, os.environ)))
        except (ConfigurationError, OSError, ValueError) as error:
            self._problem = str(error)

    def _reached(self) -> Cluster:
        if self._cluster is None:
            raise unreachable(self._problem)
        return self._cluster

    def check(self, request: Message, context: Any) -> Message:
        """Normalize a declaration and give it a name and a namespace."""
        given = decode(request.news)
        api_version, kind = _kind_of(request.type)
        declared = inputs.normalize({"apiVersion": api_version, "kind": kind} | given)
        if _patches(request.type, declared) and not nested(declared, "metadata", "name"):
            raise Failure("A Patch resource needs metadata.name: the object that it patches.")
        options = provider_pb2.CheckRequest.AutonamingOptions
        naming = inputs.Naming(
            logical=request.name,
            seed=request.randomSeed,
            proposed=request.autonaming.proposed_name,
            disabled=request.HasField("autonaming") and request.autonaming.mode == options.DISABLE,
        )
        declared = inputs.autoname(declared, reveal(decode(request.olds)), naming)
        if self._cluster is not None and not namespace_of(declared) and self._namespaced(declared):
            declared = inputs.with_namespace(declared, self._cluster.connection.target.namespace)
        return provider_pb2.CheckResponse(inputs=encode(keep_secrets(declared, given)))

    def diff(self, request: Message, context: Any) -> Message:
        """Compare a declaration with the live object as the state has it."""
        checkpoint = state.read(decode(request.olds))
        new = inputs.normalize(reveal(decode(request.news)))
        old = inputs.prune(checkpoint.live, inputs.normalize(checkpoint.inputs))
        old = {key: new[key] for key in ("apiVersion", "kind") if key in new} | old
        namespaced = self._namespaced(new)
        old, new = _in_scope(old, namespaced), _in_scope(new, namespaced)
        forced = diff.IDENTITY if _patches(request.type, new) else diff.replacing(new, self._settings.mutable)
        found = diff.changes(old, new, forced)
        found = {path: change for path, change in found.items() if not diff.ignored(path, request.ignoreChanges)}
        same_place = (name_of(old), namespace_of(old)) == (name_of(new), namespace_of(new))
        return _diff_response(found, delete_first=same_place and not flagged(new, "autonamed"))

    def _namespaced(self, declared: Object) -> bool:
        """Say whether a kind lives in namespaces; one that is not served yet is taken to."""
        try:
            return self._reached().kind(str(declared.get("apiVersion")), str(declared.get("kind"))).namespaced
        except (NoMatch, ApiError, Unreachable):
            return True

    def create(self, request: Message, context: Any) -> Message:
        """Create an object and wait until it is ready; in a preview, ask the API server what it would become."""
        given = decode(request.properties)
        declared = reveal(given)
        patches = _patches(request.type, declared)
        if request.preview and (patches or not self._previewable(declared)):
            return provider_pb2.CreateResponse(properties=request.properties)
        manager = state.manager_of(declared, "")
        try:
            live = self._operations(request).create(declared, manager, patches, request.timeout)
        except (Forbidden, AlreadyExists, NotFound, Unreachable) as error:
            if not request.preview:
                raise _failed_create(declared, error) from None
            return provider_pb2.CreateResponse(properties=request.properties)
        except NotReady as error:
            checkpoint = _checkpoint(declared, error.live, manager)
            text = f"resource {identifier(error.live)} was successfully created, but the Kubernetes API server reported"
            text = f"{text} that it failed to fully initialize or become live: {error}"
            raise _partly_done(text, checkpoint, given) from None
        except (ApiError, NoMatch) as error:
            raise _failed_create(declared, error) from None
        written = encode(state.write(_checkpoint(declared, _shown(live, request.preview), manager), given))
        return provider_pb2.CreateResponse(id="" if request.preview else identifier(live), properties=written)

    def _previewable(self, declared: Object) -> bool:
        if holds_unknown(declared):
            return False
        try:
            self._reached().ref(declared)
        except (NoMatch, ApiError, Unreachable):
            return False
        return True

    def _operations(self, request: Message) -> Operations:
        seen: set[str] = set()

        def report(text: str) -> None:
            if text not in seen:
                seen.add(text)
                self._host.status(request.urn, text)

        preview = getattr(request, "preview", False)
        return Operations(self._reached(), report, preview=preview, force=self._settings.force)

    def read(self, request: Message, context: Any) -> Message:
        """Read the live object, for a refresh or an import; an empty answer says that it is gone."""
        given = decode(request.inputs)
        checkpoint = state.read(decode(request.properties))
        old = inputs.normalize(reveal(given))
        api_version, kind = _kind_of(request.type)
        namespace, _, name = request.id.rpartition("/")
        cluster = self._reached()
        try:
            served = cluster.kind(str(old.get("apiVersion", api_version)), str(old.get("kind", kind)))
            live = cluster.get(Ref(served, namespace, name))
        except (NotFound, NoMatch):
            return provider_pb2.ReadResponse()
        declared = inputs.prune(live, old) if old.get("kind") else inputs.normalize(inputs.imported(live))
        manager = state.manager_of(old, checkpoint.manager)
        written = state.write(_checkpoint(declared, live, manager, checkpoint.api_version), given)
        return provider_pb2.ReadResponse(
            id=request.id, properties=encode(written), inputs=encode(keep_secrets(declared, given))
        )

    def update(self, request: Message, context: Any) -> Message:
        """Apply a declaration to the object and wait until it is ready; in a preview, as a dry run."""
        given = decode(request.news)
        declared = inputs.normalize(reveal(given))
        if request.preview and not self._previewable(declared):
            return provider_pb2.UpdateResponse(properties=request.news)
        before = state.read(decode(request.olds))
        manager = state.manager_of(declared, before.manager)
        patches = _patches(request.type, declared)
        operations = self._operations(request)
        try:
            live = operations.update(declared, manager, patches, request.ignoreChanges, request.timeout)
        except (*EXPECTED, NotReady) as error:
            if request.preview and isinstance(error, Forbidden | Unreachable):
                return provider_pb2.UpdateResponse(properties=request.news)
            raise self._failed_update(declared, given, manager, before, error) from None
        if not request.preview and (old := state.manager_of(before.inputs, before.manager)) != manager:
            operations.relinquish(declared, old)
        written = state.write(_checkpoint(declared, live, manager, before.api_version), given)
        return provider_pb2.UpdateResponse(properties=encode(written))

    def _failed_update(
        self, declared: Object, given: Object, manager: str, before: state.Checkpoint, error: Exception
    ) -> Failure:
        """Tell that an update failed and, where the object can still be read, keep its live state."""
        where = identifier(declared)
        try:
            live = error.live if isinstance(error, NotReady) else self._reached().get(self._reached().ref(declared))
        except (ApiError, NoMatch, Unreachable):
            return Failure(f"update of resource {where} failed: {error}")
        text = f'the Kubernetes API server reported that "{where}" failed to fully initialize or become live: {error}'
        return _partly_done(text, _checkpoint(declared, live, manager, before.api_version), given)

    def delete(self, request: Message, context: Any) -> Message:
        """Delete the object and wait until it is gone; a Patch resource only gives up its fields."""
        checkpoint = state.read(decode(request.properties))
        operations = self._operations(request)
        try:
            if _patches(request.type, checkpoint.inputs):
                operations.relinquish(checkpoint.inputs, checkpoint.manager)
            else:
                operations.delete(checkpoint.live, request.id.rpartition("/")[2], request.timeout)
        except TimedOut as error:
            self._host.warn(request.urn, str(error))
            raise
        return empty_pb2.Empty()

    def invoke(self, request: Message, context: Any) -> Message:
        """Refuse: the official provider's functions render charts and YAML."""
        raise Failure(_unsupported(request.tok))

    def call(self, request: Message, context: Any) -> Message:
        """Refuse: there are no methods."""
        raise Failure(_unsupported(request.tok))

    def construct(self, request: Message, context: Any) -> Message:
        """Refuse: the official provider's components render charts and YAML."""
        raise Failure(_unsupported(request.type))

    def cancel(self, request: Message, context: Any) -> Message:
        """End every wait."""
        if self._cluster is not None:
            self._cluster.connection.cancel()
        return empty_pb2.Empty()


def run(arguments: Sequence[str]) -> None:
    """Serve the provider until the engine ends it; `arguments` may hold the engine's address."""
    host = Host()
    if arguments:
        host.connect(arguments[0])
    provider = Provider(host)
    made = servicer(provider_pb2_grpc.ResourceProviderServicer, provider, EXPECTED)
    add: Callable[[Any, Any], None] = provider_pb2_grpc.add_ResourceProviderServicer_to_server
    serve(lambda server: add(made, server), stop=lambda: None)


def _version() -> str:
    try:
        return version("pulumi-kubernetes")
    except PackageNotFoundError:
        return ""


def _kind_of(token: str) -> tuple[str, str]:
    """Return `apiVersion` and kind of a type token such as `kubernetes:core/v1:ConfigMap`."""
    _, module, name = token.split(":", 2)
    group, _, served = module.partition("/")
    if group in UNSUPPORTED_MODULES:
        raise Failure(_unsupported(token))
    return served if group == "core" else module, name


def _unsupported(token: str) -> str:
    group = token.split(":")[1].partition("/")[0] if ":" in token else token
    what = UNSUPPORTED_MODULES.get(group, token)
    return f"{what} ({token}) is not supported by the local fleet's stand-in for the Kubernetes provider."


def _patches(token: str, declared: Object) -> bool:
    """Say whether a Pulumi resource only patches an object that somebody else made."""
    return token.rpartition(":")[2] == f"{declared.get('kind')}Patch"


def _in_scope(value: Object, namespaced: bool) -> Object:
    return inputs.with_namespace(value, (namespace_of(value) or "default") if namespaced else "")


def _diff_response(found: Mapping[diff.Path, diff.Change], delete_first: bool) -> Message:
    replaces = [diff.property_path(path) for path, change in found.items() if change.replaces]
    kinds = provider_pb2.PropertyDiff.Kind
    detailed = {
        diff.property_path(path): provider_pb2.PropertyDiff(
            kind=kinds.Value(change.edit.name + ("_REPLACE" if change.replaces else "")),
            inputDiff=change.edit is diff.Edit.DELETE,
        )
        for path, change in found.items()
    }
    return provider_pb2.DiffResponse(
        changes=provider_pb2.DiffResponse.DIFF_SOME if found else provider_pb2.DiffResponse.DIFF_NONE,
        replaces=replaces,
        deleteBeforeReplace=bool(replaces) and delete_first,
        detailedDiff=detailed,
        hasDetailedDiff=True,
    )


def _checkpoint(declared: Object, live: Object, manager: str, api_version: str = "") -> state.Checkpoint:
    return state.Checkpoint(declared, live, api_version or str(declared.get("apiVersion", "")), manager)


def _shown(live: Object, preview: bool) -> Object:
    """Leave out of a preview what is empty now and will not be."""
    return {key: value for key, value in live.items() if not (preview and key == "status")}


def _partly_done(text: str, checkpoint: state.Checkpoint, given: Object) -> Failure:
    """Tell that an object is written but not as it should be, with its state for the engine to keep."""
    detail = provider_pb2.ErrorResourceInitFailed(
        id=identifier(checkpoint.live), properties=encode(state.write(checkpoint, given)), reasons=[text]
    )
    return Failure(text, detail)


def _failed_create(declared: Object, error: Exception) -> Failure:
    where = identifier(declared)
    if isinstance(error, NoMatch):
        return Failure(
            f"creation of resource {where} failed because the Kubernetes API server reported that the apiVersion for "
            f"this resource does not exist. Verify that any required CRDs have been created: {error}"
        )
    if isinstance(error, Unreachable):
        return Failure(str(error))
    return Failure(f"resource {where} was not successfully created by the Kubernetes API server: {error}")


def _strict_failures(urn: str, values: Object, config: str) -> list[Message]:
    """Return what strict mode forbids: the default provider, and one without kubeconfig and context."""
    configured = json.loads(config).get("strictMode") if config else None
    if str(values.get("strictMode", configured)).lower() != "true":
        return []
    failures = [
        provider_pb2.CheckFailure(property=option, reason=f'strict mode requires Provider "{option}" argument')
        for option in ("kubeconfig", "context")
        if not values.get(option)
    ]
    if urn.rpartition("::")[2].startswith("default"):
        failures.append(provider_pb2.CheckFailure(reason="strict mode prohibits default provider"))
    return failures
