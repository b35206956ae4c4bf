"""Every ticket system is whole, by what can be seen without one."""

import msgspec
import pytest

from oncue.plugins.itsm import github, gitlab, jira, servicenow, webhook
from oncue.sdk import System, testing

SYSTEMS = [github.GitHub, gitlab.GitLab, jira.Jira, servicenow.ServiceNow, webhook.Webhook]


@pytest.mark.parametrize("made", SYSTEMS, ids=lambda made: made.name)
def test_a_system_is_whole(made: type[System]) -> None:
    testing.check_plugin(made())


@pytest.mark.parametrize("made", SYSTEMS, ids=lambda made: made.name)
def test_no_credential_has_a_place_in_the_manifest(made: type[System]) -> None:
    for field in msgspec.structs.fields(made().settings):
        if field.name in ("token", "password", "secret"):
            with pytest.raises(msgspec.ValidationError):
                msgspec.convert("in clear text", field.type)
