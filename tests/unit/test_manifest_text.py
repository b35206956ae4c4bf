"""The text of workflows and policies is kept as their authors wrote it, where it says more than the data."""

import msgspec
import pytest

from oncue import manifests
from oncue.core.errors import Refusal
from oncue.core.manifest import Manifest
from oncue.manifests import parse_yaml
from tests.unit.story import Story

FIRST = """apiVersion: oncue/v1
kind: Workflow
metadata: {name: first}  # called by the policy
spec:
  # why it is done so
  steps:
    - {id: note, set: {a: "1"}}
"""
SECOND = """# what the second is for
apiVersion: oncue/v1
kind: Workflow
metadata: {name: second}
spec: {steps: [{id: note, set: {a: "1"}}]}
"""
PLAIN = SECOND.partition("\n")[2].replace("second", "plain")


@pytest.mark.parametrize("between", ["---\n", "\n---\n\n", "--- \n"])
def test_each_document_of_a_text_has_its_own(between: str) -> None:
    parsed = manifests.parse_yaml(f"---\n{FIRST}{between}{SECOND}{between}{PLAIN}")
    assert [one.text for one in parsed] == [FIRST, SECOND, PLAIN]
    documents, problems = manifests.load(parsed)
    assert problems == []
    assert [one.get("text") for one in manifests.changes(documents)] == [FIRST, SECOND, ""]
    again = manifests.parse_yaml("---\n".join(one.text for one in parsed))
    assert [one.value for one in again] == [one.value for one in parsed]


def test_data_has_no_text_nor_has_what_nobody_edits() -> None:
    team = "# the team\napiVersion: oncue/v1\nkind: Team\nmetadata: {name: basis}\nspec: {members: [basis-1]}\n"
    documents, _ = manifests.load(manifests.parse_yaml(team))
    assert "text" not in manifests.changes(documents)[0]
    documents, _ = manifests.load(manifests.parse_yaml('{"apiVersion": "oncue/v1", "kind": "Team", "metadata": {"name": "x"}, "spec": {}}'))  # fmt: skip
    assert documents[0].source.text == ""


def kept(story: Story, text: str) -> Manifest:
    documents, _ = manifests.load(manifests.parse_yaml(text))
    story.send("oncue.config.applied", {"changes": manifests.changes(documents)})
    found: Manifest = story.state.manifests["Workflow/default/first"]
    return found


def test_a_comment_that_changes_is_a_change_and_what_runs_is_the_same() -> None:
    story = Story()
    manifest = kept(story, FIRST)
    assert (manifest.text, manifest.generation) == (FIRST, 1)
    digest = manifest.hash
    other = FIRST.replace("why it is done so", "why it is done otherwise")
    manifest = kept(story, other)
    assert (manifest.text, manifest.generation, manifest.hash) == (other, 2, digest)
    assert kept(story, other).generation == 2
    bare = "\n".join(line.partition("#")[0].rstrip() for line in FIRST.splitlines() if not line.strip().startswith("#"))
    manifest = kept(story, bare + "\n")
    assert (manifest.generation, manifest.hash, bool(manifest.text)) == (3, digest, False)


def test_who_gives_data_alone_says_nothing_of_how_it_is_written() -> None:
    story = Story()
    manifest = kept(story, FIRST)
    documents, _ = manifests.load(manifests.parse_yaml(FIRST))
    as_data = msgspec.json.encode([one.source.value for one in documents]).decode()
    assert (kept(story, as_data).generation, manifest.text) == (1, FIRST)
    other = kept(story, as_data.replace('"a":"1"', '"a":"2"'))
    assert (other.generation, bool(other.text)) == (2, False), "the text says something else"


def test_a_pipeline_that_gives_a_repository_as_data_goes_on_in_a_protected_namespace() -> None:
    story = Story()
    kept(story, FIRST)
    story.apply("ChangeRule", "four-eyes", {"configuration": "by_change", "approvals": [{"by": ["user:cab-1"]}]})
    documents, _ = manifests.load(manifests.parse_yaml(FIRST))
    as_data = msgspec.json.encode([one.source.value for one in documents]).decode()
    assert kept(story, as_data).generation == 1
    documents, _ = manifests.load(manifests.parse_yaml(FIRST.replace("why", "how")))
    edited = {"changes": manifests.changes(documents)}
    assert story.refused("oncue.config.applied", edited) == "manifest.protected", "a comment is no secret way in"
    proposal = {**edited, "reason": "It is said better"}
    change = story.send("oncue.command.change.propose", proposal, actor="user:basis-1")
    decide = {"approval": "APR-1", "decision": "approve"}
    story.send("oncue.command.approval.decide", decide, actor="user:cab-1")
    story.wait("1s")
    assert "how it is done so" in str(story.state.manifests["Workflow/default/first"].text)
    back = {"changes": [one["back"] for one in change["configuration"]], "reason": "It is not"}
    story.send("oncue.command.change.propose", back, actor="user:basis-1")
    story.send("oncue.command.approval.decide", {**decide, "approval": "APR-2"}, actor="user:cab-1")
    story.wait("1s")
    assert story.state.manifests["Workflow/default/first"].text == FIRST


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        (
            "a: 1\n  b: 2\n",
            "line 2, column 4",
            "a colon does not fit here: indent the line as those that it belongs to",
        ),
        ("a:\n  - x\n - y\n", "line 3, column 2", "indent it as those, with the same number of spaces"),
        ("a:\n  b: 1\n c: 2\n", "line 3, column 2", "indent it as those, with the same number of spaces"),
        ("a:\n\tb: 1\n", "line 2, column 1", "a tab is there: indent with spaces"),
        ("a: @x\n", "line 1, column 4", "a text cannot begin with @: quote it"),
        ("a: 'x\n", "line 2, column 1", "a quote is not closed"),
        ("a: {b: 1\nc: 2\n", "line 2, column 2", "a comma or a } is missing before it"),
        ('if: "a" == "b"\n', "line 1, column 9", "text follows a quoted one: put all of it in quotes"),
        ("a: {url: ${port}}\n", "line 1, column 11", "a text with ${...} must be quoted between brackets"),
        ("a: [${port}]\n", "line 1, column 6", "a text with ${...} must be quoted between brackets"),
    ],
)
def test_what_is_no_yaml_is_said_in_words(text: str, place: str, said: str) -> None:
    with pytest.raises(Refusal) as refused:
        parse_yaml(text)
    assert refused.value.detail.startswith(place) and said in refused.value.detail
