"""Jenkins' builds, as its Notification plugin posts them: those that fail, and those that deploy, which are changes.

| phase | problem | recovery | resource | check |
|---|---|---|---|---|
| `COMPLETED`, `FINALIZED` | `FAILURE` (`major`), `UNSTABLE` (`warning`) | `SUCCESS` | job | `build` |
| `QUEUED`, `STARTED` | | | job | `build` |

`type` is `jenkins.build`. The job's name has its folders: `shop/deploy`. A build that is completed is finalized later; it
counts once. `ABORTED` and `NOT_BUILT` are neutral. Builds of jobs that `deploys` names are changes of kind `deployment`, from
`STARTED` to their end. The payload is `data`, verbatim.
Source: plugins.jenkins.io/notification, format JSON.
"""

import re
from fnmatch import fnmatchcase
from typing import Any, Final
from urllib.parse import unquote

import msgspec

from oncue.plugins.sources.envelope import (
    Stage,
    Wrapping,
    change,
    decoded,
    first,
    fitted,
    instant,
    line,
    links,
    mapping,
    unknown,
    word,
)
from oncue.sdk.source import Message, Parsed

SEVERITY: Final = {"failure": "major", "unstable": "warning", "success": "clear"}
STAGES: Final[dict[str, Stage]] = {
    "failure": "failed", "unstable": "succeeded", "success": "succeeded", "aborted": "cancelled", "not_built": "cancelled",
}  # fmt: skip
_JOBS: Final = re.compile(r"(?:^|/)job/([^/]+)")


class JenkinsSettings(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What builds mean."""

    deploys: list[str] = []
    """Jobs whose builds change something. Names with folders, as `shop/deploy`, or globs with `*`."""


class JenkinsSource:
    """The Notification plugin sets no header of yours, so the token is in the address."""

    name = "jenkins"
    settings = JenkinsSettings

    def parse(self, message: Message) -> Parsed:
        """The build as an event. Raises `Refusal`: request.malformed."""
        body = decoded(message.body)
        build = mapping(mapping(body).get("build"))
        phase = word(build.get("phase"))
        job = _job(mapping(body))
        if phase is None or job is None:
            return unknown(message, body, "jenkins")
        ended = phase in ("completed", "finalized")
        status = word(build.get("status")) if ended else None
        number, url, scm = line(build.get("number")) or "", first(build.get("full_url")), mapping(build.get("scm"))
        deploys = any(fnmatchcase(job, wanted) for wanted in fitted(message, JenkinsSettings).deploys)
        wrapping = Wrapping(message)
        began = instant(build.get("timestamp"))
        wrapping.add(
            message.body,
            type="jenkins.build",
            id=f"{url}:{'ended' if ended else phase}" if url else None,
            severity=SEVERITY.get(status or ""),
            resource=job,
            check="build",
            title=f"{job} #{number}: {(status or phase).replace('_', ' ')}",
            labels={"branch": scm.get("branch"), "commit": scm.get("commit"), "phase": phase, "status": status},
            more={
                **links(("link", url)),
                "oncue_change": change(
                    STAGES.get(status or "") if ended else "running" if phase == "started" else None,
                    key=f"jenkins:{url or f'{job}:{number}'}", title=f"{job} #{number}", by=_culprit(scm) or "Jenkins",
                    link=url, started_at=began, ended_at=wrapping.now if ended else None,
                )
                if deploys
                else None,
            },
        )  # fmt: skip
        return wrapping.parsed()


def _job(body: dict[str, Any]) -> str | None:
    """The job's name with its folders, as its address has them."""
    url = first(body.get("url"), mapping(body.get("build")).get("url"))
    named = "/".join(unquote(part) for part in _JOBS.findall(url)) if url else ""
    return line(named) or first(body.get("name"), body.get("display_name"))


def _culprit(scm: dict[str, Any]) -> str | None:
    """Who changed what is built, if one alone did."""
    culprits = scm.get("culprits")
    return first(culprits[0]) if isinstance(culprits, list) and len(culprits) == 1 else None
