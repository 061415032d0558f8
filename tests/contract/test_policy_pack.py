"""The policy pack as the engine loads it: a process that answers over gRPC."""

import os
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc

from components.context_spec import context_spec
from examples.assistant import contexts as assistant

ROOT = Path(__file__).parents[2]
PACK = ROOT / "policies/context_payload"
DEADLINE_SECONDS = 30


@pytest.fixture(scope="module")
def analyzer() -> Generator[Any]:
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PULUMI_PROJECT": "p",
        "PULUMI_STACK": "s",
        "PULUMI_DRY_RUN": "true",
    }
    command = [sys.executable, "-u", "-m", "pulumi.policy", "127.0.0.1:0", str(PACK)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=PACK, env=environment) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                yield analyzer_pb2_grpc.AnalyzerStub(channel)
        finally:
            process.terminate()
            process.wait(DEADLINE_SECONDS)


def analyze(analyzer: Any, kind: str, spec: dict[str, Any]) -> list[Any]:
    properties = struct_pb2.Struct()
    properties.update({"metadata": {"name": "notes", "namespace": "assistant"}, "spec": spec})
    request = analyzer_pb2.AnalyzeRequest(
        type=f"kubernetes:mcpfed.io/v1alpha1:{kind}",
        properties=properties,
        urn="urn:pulumi:s::p::kubernetes::notes",
        name="notes",
        options=analyzer_pb2.AnalyzerResourceOptions(),
    )
    return list(analyzer.Analyze(request, timeout=DEADLINE_SECONDS).diagnostics)


def broken_tool(name: str) -> dict[str, Any]:
    item = {"name": name, "definition": {"name": name, "inputSchema": {"type": "string"}}}
    return {"mcpServerName": "assistant", "contextType": "tools", "contextPayload": {"items": [item]}}


def test_the_pack_names_its_policies(analyzer: Any) -> None:
    info = analyzer.GetAnalyzerInfo(empty_pb2.Empty(), timeout=DEADLINE_SECONDS)
    assert info.name == "context-payload"
    assert [policy.name for policy in info.policies] == [
        "unique-names",
        "conflict-policy",
        "r01-tool-name",
        "r02-shape",
        "r21-uri",
        "r22-content",
        "r23-size",
    ]
    assert {policy.enforcementLevel for policy in info.policies} == {analyzer_pb2.MANDATORY}


@pytest.mark.parametrize("context", assistant.contexts(), ids=lambda context: context["name"])
def test_the_reference_contexts_pass(analyzer: Any, context: Any) -> None:
    assert analyze(analyzer, "FederatedContext", context_spec(context)) == []


def test_a_broken_item_is_a_mandatory_violation_that_names_context_and_item(analyzer: Any) -> None:
    (found,) = analyze(analyzer, "FederatedContext", broken_tool("search"))
    assert found.enforcementLevel == analyzer_pb2.MANDATORY
    assert found.policyName == "r02-shape"
    assert "context 'notes', item 'search': definition.inputSchema.type" in found.message


def test_other_kinds_are_not_judged(analyzer: Any) -> None:
    assert analyze(analyzer, "MCPContext", broken_tool("search")) == []
