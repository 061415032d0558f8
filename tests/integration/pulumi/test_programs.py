"""Pulumi with its Kubernetes provider on a real API server: previewed, brought up, destroyed and interrupted."""

from __future__ import annotations

import json
import signal
import textwrap
from base64 import b64encode

import psutil

from fleet.toolchain.catalogue import KUBERNETES_PROVIDER
from tests.support.pulumi_project import (
    CRDS,
    DEADLINE,
    DECLARED,
    Project,
    until,
)

EVERYTHING = """
    opts = pulumi.ResourceOptions(provider=provider)
    crd = k8s.apiextensions.v1.CustomResourceDefinition("crd", metadata={"name": "notes.full.example"}, spec={
        "group": "full.example", "scope": "Namespaced",
        "names": {"kind": "Note", "plural": "notes", "singular": "note"},
        "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {
            "type": "object", "x-kubernetes-preserve-unknown-fields": True}}}]}, opts=opts)
    made = k8s.core.v1.Namespace("made", metadata={"name": namespace + "-made"}, opts=opts)
    inside = pulumi.ResourceOptions(provider=provider, depends_on=[made])
    config = k8s.core.v1.ConfigMap("config", metadata={"namespace": made.metadata.name, "labels": {}},
                                   data={"key": given.get("value", "1")}, opts=opts)
    k8s.core.v1.Secret("secret", metadata={"name": "secret", "namespace": made.metadata.name},
                       string_data={"password": "correct horse"}, opts=opts)
    account = k8s.core.v1.ServiceAccount("account", opts=opts, metadata={
        "name": "account", "namespace": made.metadata.name})
    after = pulumi.ResourceOptions.merge(inside, pulumi.ResourceOptions(depends_on=[account]))  # else it is collected
    token = k8s.core.v1.Secret("token", type="kubernetes.io/service-account-token", opts=after, metadata={
        "name": "token", "namespace": made.metadata.name,
        "annotations": {"kubernetes.io/service-account.name": "account"}})
    k8s.apps.v1.Deployment("app", opts=inside, metadata={"name": "app", "namespace": made.metadata.name}, spec={
        "replicas": 0, "selector": {"matchLabels": {"app": "app"}}, "template": {
            "metadata": {"labels": {"app": "app"}}, "spec": {"containers": [{
                "name": "main", "image": "example", "resources": {"limits": {"cpu": "1000m", "memory": "1024Mi"}}}]}}})
    k8s.core.v1.Service("service", opts=inside, metadata={
                            "name": "app", "namespace": made.metadata.name,
                            "annotations": {"pulumi.com/skipAwait": "true"}},  # no pod will ever be behind it
                        spec={"selector": {"app": "app"}, "ports": [{"port": 80}]})
    k8s.apiextensions.CustomResource("note", api_version="full.example/v1", kind="Note", metadata={
        "name": "note", "namespace": made.metadata.name}, spec={"whole": 2.0, "empty": {}, "nothing": None},
        opts=pulumi.ResourceOptions(provider=provider, depends_on=[crd]))
    pulumi.export("config", config.metadata.name)
    pulumi.export("issued", pulumi.Output.unsecret(token.data.apply(lambda data: bool(data.get("token")))))
"""


def test_a_program_is_created_found_unchanged_changed_and_destroyed_without_a_trace(project: Project) -> None:
    project.program(EVERYTHING)
    project.succeed("up", "--yes")
    project.succeed("up", "--yes", "--skip-preview", "--expect-no-changes")
    project.succeed("up", "--yes", "--refresh", "--skip-preview", "--expect-no-changes")
    state = project.succeed("stack", "export")
    assert "correct horse" not in state
    assert b64encode(b"correct horse").decode() not in state
    assert "client-key" not in state
    assert "token:" not in state
    note = project.kube.get(f"/apis/full.example/v1/namespaces/{project.namespace}-made/notes/note")
    assert note["spec"] == {"whole": 2, "empty": {}}

    assert project.succeed("stack", "output", "issued").strip() == "true"
    first = project.succeed("stack", "output", "config").strip()
    assert first.startswith("config-")
    project.variables["GIVEN"] = json.dumps({"value": "2"})
    project.succeed("up", "--yes", "--skip-preview")
    second = project.succeed("stack", "output", "config").strip()
    maps = f"/api/v1/namespaces/{project.namespace}-made/configmaps"
    assert project.kube.get(f"{maps}/{second}")["data"] == {"key": "2"}
    assert second != first
    assert project.kube.find(f"{maps}/{first}") is None

    project.succeed("destroy", "--yes", "--skip-preview")
    assert project.kube.find(f"/api/v1/namespaces/{project.namespace}-made") is None
    assert project.kube.find(f"{CRDS}/notes.full.example") is None


def test_a_wait_honours_the_observed_generation_and_times_out(project: Project) -> None:
    annotations = {"pulumi.com/waitFor": "condition=Ready", "pulumi.com/timeoutSeconds": "2"}
    project.program(f"thing('waiting', {{'a': 1}}, {annotations!r})")
    early = project.up()
    assert early.code != 0
    assert "successfully created" in early.output
    assert "timed out waiting for the condition" in early.output

    status = f"{project.things}/waiting/status"
    project.kube.patch(
        status, {"status": {"conditions": [{"type": "Ready", "status": "True", "observedGeneration": 0}]}}
    )
    stale = project.up()
    assert stale.code != 0
    assert "Generation 0 is less than expected 1" in stale.output

    project.kube.patch(
        status, {"status": {"conditions": [{"type": "Ready", "status": "True", "observedGeneration": 1}]}}
    )
    project.succeed("up", "--yes", "--skip-preview")


def test_a_deployment_is_awaited_until_its_pods_are_available_unless_it_skips_that(project: Project) -> None:
    project.program("""
        metadata = {"name": "app", "namespace": namespace, "annotations": given["annotations"]}
        containers = [{"name": "main", "image": "example"}]
        k8s.apps.v1.Deployment("app", metadata=metadata, opts=pulumi.ResourceOptions(provider=provider), spec={
            "replicas": 1, "selector": {"matchLabels": {"app": "app"}}, "template": {
                "metadata": {"labels": {"app": "app"}}, "spec": {"containers": containers}}})
    """)
    annotations = {"pulumi.com/timeoutSeconds": "2"}
    project.variables["GIVEN"] = json.dumps({"annotations": annotations})
    refused = project.up()
    assert refused.code != 0
    assert "MinimumReplicasUnavailable" in refused.output

    project.variables["GIVEN"] = json.dumps({"annotations": annotations | {"pulumi.com/skipAwait": "true"}})
    project.succeed("up", "--yes", "--skip-preview")


def test_a_mandatory_policy_stops_the_preview(project: Project) -> None:
    project.program(DECLARED)
    pack = project.directory / "pack"
    pack.mkdir()
    (pack / "PulumiPolicy.yaml").write_text("runtime: python\nversion: 0.0.1\n")
    (pack / "__main__.py").write_text(
        textwrap.dedent("""
        from pulumi_policy import EnforcementLevel, PolicyPack, ResourceValidationPolicy

        def check(args, report):
            if args.resource_type.endswith(":Thing"):
                report("no things, please")

        PolicyPack("pack", [ResourceValidationPolicy("things", "Things", check, EnforcementLevel.MANDATORY)])
        """)
    )
    refused = project.run("preview", "--policy-pack", str(pack))
    assert refused.code != 0
    assert "no things, please" in refused.output


def test_a_destroy_waits_for_finalizers_until_its_deadline(project: Project) -> None:
    project.program("thing('held', {'a': 1}, {'pulumi.com/timeoutSeconds': '2'})")
    project.succeed("up", "--yes", "--skip-preview")
    path = f"{project.things}/held"
    project.kube.patch(path, {"metadata": {"finalizers": ["test.example/held"]}})

    held = project.run("destroy", "--yes", "--skip-preview")
    assert held.code != 0
    assert "test.example/held" in held.output

    project.kube.patch(path, {"metadata": {"finalizers": []}})
    project.succeed("destroy", "--yes", "--skip-preview")
    assert project.kube.find(path) is None


def test_an_interrupt_ends_the_engine_and_every_plugin(project: Project) -> None:
    project.program("thing('endless', {'a': 1}, {'pulumi.com/waitFor': 'condition=Never'})")
    with project.start("up", "--yes", "--skip-preview") as process:
        until(lambda: project.kube.find(f"{project.things}/endless"), "the object is created")
        family = psutil.Process(process.pid).children(recursive=True)
        assert len(family) >= 3
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=DEADLINE)
    assert process.returncode != 0
    _, alive = psutil.wait_procs(family, timeout=10)
    assert alive == []


def test_a_program_and_its_language_host_do_not_outlive_an_engine_that_is_killed(project: Project) -> None:
    project.program("thing('endless', {'a': 1}, {'pulumi.com/waitFor': 'condition=Never'})")
    with project.start("up", "--yes", "--skip-preview") as process:
        until(lambda: project.kube.find(f"{project.things}/endless"), "the object is created")
        family = psutil.Process(process.pid).children(recursive=True)
        providers = [one for one in family if one.name() == KUBERNETES_PROVIDER]
        process.kill()
        _, alive = psutil.wait_procs([one for one in family if one not in providers], timeout=20)
        for provider in providers:  # how long it stays is its own affair
            provider.kill()
    assert alive == []
