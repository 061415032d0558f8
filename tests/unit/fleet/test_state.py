import json
from pathlib import Path

from fleet.layout import REPOSITORY, Layout
from fleet.state import ClusterEntry, ProcessEntry, read_state, update_state


def test_an_update_keeps_what_it_does_not_name(layout: Layout) -> None:
    update_state(layout, {"endpoints": {"member1": {"assistant": "http://127.2.1.1:8000/mcp"}}})
    update_state(layout, {"processes": {"etcd": ProcessEntry(pid=7, log="etcd.log")}})

    state = read_state(layout)

    assert state.endpoints == {"member1": {"assistant": "http://127.2.1.1:8000/mcp"}}
    assert state.processes["etcd"].pid == 7


def test_the_file_has_the_documented_field_names(layout: Layout) -> None:
    entry = ClusterEntry(role="host", kubeconfig=".fleet/kubeconfigs/host.yaml", server="https://127.0.0.1:20001")
    update_state(layout, {"clusters": {"host": entry}, "context_directories": {"member1": {"a": {"pod": "p"}}}})

    assert json.loads(layout.state_file.read_text()) == {
        "clusters": {
            "host": {"role": "host", "kubeconfig": ".fleet/kubeconfigs/host.yaml", "server": "https://127.0.0.1:20001"}
        },
        "endpoints": {},
        "contextDirectories": {"member1": {"a": {"pod": "p"}}},
        "processes": {},
    }


def test_there_is_an_empty_state_before_the_first_fleet(layout: Layout) -> None:
    assert read_state(layout).clusters == {}


def test_paths_are_written_relative_to_the_repository_where_they_are_inside_of_it() -> None:
    layout = Layout(REPOSITORY / ".fleet")

    assert layout.relative(layout.kubeconfig("host")) == ".fleet/kubeconfigs/host.yaml"
    assert layout.relative(Path("/elsewhere/log")) == "/elsewhere/log"
