"""Reading and composing kubeconfigs."""

import subprocess
import sys
from typing import Any

import pytest
import yaml

from kube.kubeconfig import Entry, compose, parse

CONFIG: dict[str, Any] = {
    "current-context": "one",
    "contexts": [
        {"name": "one", "context": {"cluster": "c", "user": "u"}},
        {"name": "anonymous", "context": {"cluster": "c"}},
        {"name": "stranger", "context": {"cluster": "c", "user": "absent"}},
    ],
    "clusters": [{"name": "c", "cluster": {"server": "https://c.test"}}],
    "users": [{"name": "u", "user": {"token": "t"}}],
}


def test_the_current_context_counts_unless_another_is_named() -> None:
    assert Entry(CONFIG).user == {"token": "t"}
    assert Entry(CONFIG, "anonymous").user == {}


def test_a_cluster_can_be_read_without_its_user() -> None:
    stranger = Entry(CONFIG, "stranger")
    assert stranger.cluster == {"server": "https://c.test"}
    with pytest.raises(ValueError, match="no user 'absent'; it has: u"):
        _ = stranger.user


def test_what_is_composed_is_read_again() -> None:
    text = yaml.safe_dump(compose("c", {"server": "https://c.test"}, "u", {"token": "t"}))
    entry = Entry(parse(text))
    assert (entry.context, entry.cluster, entry.user) == ("c", {"server": "https://c.test"}, {"token": "t"})


def test_malformed_yaml_is_not_quoted() -> None:
    with pytest.raises(ValueError, match=r"^not valid YAML$") as caught:
        parse("users: [{user: {token: secret")
    assert caught.value.__suppress_context__


def test_the_reader_needs_nothing_of_the_client() -> None:
    code = "import sys, kube.kubeconfig; print(sorted({'aiohttp', 'msgspec', 'structlog'} & sys.modules.keys()))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
