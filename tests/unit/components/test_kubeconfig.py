"""Where a kubeconfig says that a cluster is."""

import pytest

from components.kubeconfig import ClusterAddress, cluster_address

TWO_CONTEXTS = """
apiVersion: v1
kind: Config
current-context: one
contexts:
- {name: one, context: {cluster: first, user: u}}
- {name: two, context: {cluster: second, user: u}}
- {name: dangling, context: {cluster: third, user: u}}
- {name: file, context: {cluster: file, user: u}}
clusters:
- {name: first, cluster: {server: https://first.test, certificate-authority-data: Zmlyc3Q=}}
- {name: second, cluster: {server: https://second.test, certificate-authority-data: c2Vjb25k}}
- {name: file, cluster: {server: https://file.test, certificate-authority: ca.crt}}
"""


def test_the_current_context_counts_unless_another_is_named() -> None:
    assert cluster_address(TWO_CONTEXTS) == ClusterAddress("https://first.test", "Zmlyc3Q=")
    assert cluster_address(TWO_CONTEXTS, "two") == ClusterAddress("https://second.test", "c2Vjb25k")


@pytest.mark.parametrize(
    ("text", "context", "message"),
    [
        ("just text", None, "not a kubeconfig"),
        ("", None, "not a kubeconfig"),
        (TWO_CONTEXTS, "three", "no context 'three'; it has: one, two, dangling, file"),
        (TWO_CONTEXTS, "dangling", "no cluster 'third'; it has: first, second, file"),
        (TWO_CONTEXTS, "file", "--flatten"),
    ],
)
def test_what_is_missing_is_named(text: str, context: str | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cluster_address(text, context)
