"""Volumes of pods on a process node follow what they are made of."""

from __future__ import annotations

import base64
import time

from fleet.node.layout import volume_path
from fleet.node.tokens import PodTokens
from fleet.node.volumes import TokenClaim
from kube.client import Api
from kube.kinds import CONFIG_MAP, POD, SECRET, Object
from tests.support.apiserver import ApiServer
from tests.support.node_process import (
    SLEEP,
    Cluster,
    is_ready,
    python,
    until,
    waiting,
)


async def test_a_secret_volume_follows_its_secret_atomically(cluster: Cluster) -> None:
    secret: Object = {"metadata": {"name": "s", "namespace": cluster.namespace}, "stringData": {"a": "1", "b": "1"}}
    await cluster.api.create(SECRET, secret)
    volume: Object = {"name": "secret", "secret": {"secretName": "s", "defaultMode": 0o400}}
    code = (
        "import os, time\n"
        "while True:\n"
        "  d = os.open('/secret/..data', os.O_PATH)\n"
        "  a, b = (open(f'/proc/self/fd/{d}/{n}').read() for n in 'ab')\n"
        "  print(a, b, flush=True); time.sleep(0.01)\n"
    )
    await cluster.create(
        "one", python(code, volumeMounts=[{"name": "secret", "mountPath": "/secret"}]), volumes=[volume]
    )
    pod = await cluster.until("one", is_ready)
    await cluster.log_with(pod, "1 1")
    await cluster.api.patch(SECRET, cluster.namespace, "s", {"stringData": {"a": "2", "b": "2"}})
    seen = set((await cluster.log_with(pod, "2 2")).splitlines())
    assert seen == {"1 1", "2 2"}


async def test_a_projected_token_authenticates_its_service_account(cluster: Cluster, apiserver: ApiServer) -> None:
    sources = [
        {"serviceAccountToken": {"path": "token", "expirationSeconds": 600}},
        {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}]}},
    ]
    volume: Object = {"name": "access", "projected": {"sources": sources}}
    mount = {"name": "access", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "readOnly": True}
    await cluster.create("one", python(SLEEP, volumeMounts=[mount]), volumes=[volume])
    pod = await cluster.until("one", is_ready)
    access = volume_path(cluster.node.root, pod, "access")
    async with await Api.from_kubeconfig(apiserver.kubeconfig_for(token=(access / "token").read_text())) as own:
        review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        answer = await own.request("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", review)
    user = answer["status"]["userInfo"]
    assert user["username"] == f"system:serviceaccount:{cluster.namespace}:default"
    assert user["extra"]["authentication.kubernetes.io/pod-name"] == ["one"]
    assert (access / "namespace").read_text() == cluster.namespace


async def test_a_pod_waits_for_a_missing_secret_and_starts_when_it_appears(cluster: Cluster) -> None:
    volume: Object = {"name": "late", "secret": {"secretName": "late"}}
    env = [{"name": "FROM", "valueFrom": {"configMapKeyRef": {"name": "late", "key": "from"}}}]
    code = "import os; print(os.environ['FROM'], open('/late/key').read(), flush=True); " + SLEEP
    mount = {"name": "late", "mountPath": "/late"}
    await cluster.create("one", python(code, env=env, volumeMounts=[mount]), volumes=[volume])
    pod = await cluster.until("one", lambda pod: "message" in waiting(pod))
    assert pod["status"]["phase"] == "Pending"
    assert waiting(pod)["reason"] == "ContainerCreating"
    assert 'secret "late" not found' in waiting(pod)["message"]
    named = {"metadata": {"name": "late", "namespace": cluster.namespace}}
    await cluster.api.create(SECRET, named | {"data": {"key": base64.b64encode(b"secret").decode()}})
    pod = await cluster.until("one", lambda pod: waiting(pod).get("reason") == "CreateContainerConfigError")
    assert 'configmap "late" not found' in waiting(pod)["message"]
    await cluster.api.create(CONFIG_MAP, named | {"data": {"from": "configmap"}})
    pod = await cluster.until("one", is_ready)
    await cluster.log_with(pod, "configmap secret")


async def test_labels_follow_in_a_downward_volume_and_the_root_can_be_read_only(cluster: Cluster) -> None:
    items = [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]
    volume: Object = {"name": "me", "downwardAPI": {"items": items}}
    code = "import os\ntry: open('/x', 'w')\nexcept OSError as error: print(error.strerror, os.getuid(), flush=True)\n"
    mount = {"name": "me", "mountPath": "/etc/me"}
    context = {"readOnlyRootFilesystem": True, "runAsUser": 1234}
    await cluster.create("one", python(code + SLEEP, volumeMounts=[mount], securityContext=context), volumes=[volume])
    pod = await cluster.until("one", is_ready)
    await cluster.log_with(pod, "Read-only file system 1234\n")
    await cluster.api.patch(POD, cluster.namespace, "one", {"metadata": {"labels": {"new": "label"}}})
    labels = volume_path(cluster.node.root, pod, "me") / "labels"
    await until(labels.read_text, lambda text: text == 'new="label"')


async def test_tokens_are_renewed_at_four_fifths_of_their_life(cluster: Cluster) -> None:
    await cluster.create("one", python(SLEEP))
    pod = await cluster.until("one", is_ready)
    clock = [time.time()]
    tokens, claim = PodTokens(cluster.api, lambda: clock[0]), TokenClaim(None, 600)
    first = await tokens.current(pod, [claim])
    remaining = tokens.seconds_to_renewal()
    assert remaining
    assert 470 < remaining < 490
    clock[0] += 460
    assert await tokens.current(pod, [claim]) == first
    clock[0] += 30
    assert await tokens.current(pod, [claim]) != first
