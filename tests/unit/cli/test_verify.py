"""A dump is verified without a control plane; what is no dump is refused."""

import json
from pathlib import Path
from typing import Any

import pytest
import typer

from api.names import revision_name
from cli.options import Common, Output
from cli.problem import Problem
from cli.verify import verify
from tests.unit.core.past import began, grown
from tests.unit.core.scene import change, dot


@pytest.fixture
def dump() -> dict[str, Any]:
    history = grown(began(a="1"), change("a", "2", dot("m1/p#1", 2000)))
    return {
        "kind": "ContextRevisionList",
        "items": [
            {
                "kind": "ContextRevision",
                "metadata": {"namespace": "team", "name": revision_name("demo", revision.version)},
                "spec": revision.wire(),
            }
            for revision in history
        ],
    }


def written(directory: Path, document: object) -> Path:
    file = directory / "dump.json"
    file.write_text(json.dumps(document))
    return file


async def test_a_genuine_dump_passes(dump: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    await verify(Common(), file=written(tmp_path, dump))
    assert "team/demo: versions 1 to 2 are as they were committed" in capsys.readouterr().out


async def test_an_unreadable_revision_is_a_flaw_and_its_content_is_not_printed(
    dump: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dump["items"][1]["spec"]["items"][0]["content"]["definition"] = "confidential"
    with pytest.raises(typer.Exit) as ended:
        await verify(Common(output=Output.JSON), file=written(tmp_path, dump))
    assert ended.value.exit_code == 1
    out = capsys.readouterr().out
    assert [flaw["version"] for flaw in json.loads(out)["contexts"][0]["flaws"]] == [2]
    assert "confidential" not in out


async def test_a_revision_under_another_name_is_a_flaw(dump: dict[str, Any], tmp_path: Path) -> None:
    dump["items"][0]["metadata"]["name"] = "demo-0000000007"
    with pytest.raises(typer.Exit):
        await verify(Common(), file=written(tmp_path, dump))


@pytest.mark.parametrize("document", [[], 1, {"kind": "List", "items": []}, {"kind": "Pod"}, {"items": 3}, "x"])
async def test_what_is_no_dump_is_refused(document: object, tmp_path: Path) -> None:
    with pytest.raises(Problem, match=r"dump\.json: "):
        await verify(Common(), file=written(tmp_path, document))


async def test_exactly_one_source_is_to_be_given() -> None:
    with pytest.raises(Problem, match="either CONTEXT or --file"):
        await verify(Common())
