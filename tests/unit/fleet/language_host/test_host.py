"""The language host's pure parts."""

import json
from pathlib import Path

from fleet.language_host.host import plugin_arguments, program_arguments, required_plugins
from fleet.language_host.protocol import language_pb2


def test_installed_packages_ask_for_their_plugins_unless_they_say_that_they_have_none(tmp_path: Path) -> None:
    asked = {
        "pulumi_kubernetes": {"resource": True, "name": "kubernetes", "version": "4.34.2"},
        "pulumi_policy": {"resource": False},
        "pulumi_other": {"resource": True, "name": "other", "server": "file:///somewhere"},
    }
    for package, content in asked.items():
        (tmp_path / package).mkdir()
        (tmp_path / package / "pulumi-plugin.json").write_text(json.dumps(content))
    assert required_plugins(iter([tmp_path, tmp_path / "missing"])) == [
        {"name": "kubernetes", "version": "4.34.2"},
        {"name": "other", "server": "file:///somewhere"},
    ]


def test_a_program_is_started_with_what_the_engine_says() -> None:
    info = language_pb2.ProgramInfo(root_directory="/project", program_directory="/project/main", entry_point=".")
    request = language_pb2.RunRequest(
        project="p",
        stack="s",
        pwd="/project/main",
        monitor_address="m:1",
        dryRun=True,
        parallel=4,
        info=info,
        args=["x"],
    )
    options = "--monitor m:1 --engine e:2 --project p --stack s --pwd /project/main --root_directory /project"
    expected = [*options.split(), "--dry_run", "true", "--parallel", "4", "/project/main", "x"]
    assert program_arguments(request, "e:2") == expected


def test_a_policy_pack_runs_under_the_sdk_and_another_plugin_by_itself() -> None:
    info = language_pb2.ProgramInfo(program_directory="/pack", entry_point=".")
    request = language_pb2.RunPluginRequest(kind="analyzer", args=["e:2"], info=info)
    assert plugin_arguments(request) == ["-m", "pulumi.policy", "e:2", "/pack"]
    request.kind = "resource"
    assert plugin_arguments(request) == ["/pack", "e:2"]
