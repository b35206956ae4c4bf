"""Receivers: each of their integrations becomes a channel, by mail, by webhook, or through apprise.

Credentials stay where they are: the manifest refers to a secret, and what to set it to is said. OnCue writes its messages
itself, so texts and templates have no place here.

Source: Alertmanager 0.28 and 0.29, docs/configuration.md; apprise's URLs, https://github.com/caronc/apprise/wiki.
"""

from email.utils import getaddresses
from typing import Any, Final

import msgspec

from oncue.manifests.alertmanager.reading import Reading
from oncue.manifests.document import Path_
from oncue.manifests.imported import valid_name


class Service(msgspec.Struct, frozen=True):
    """A service that apprise reaches."""

    label: str
    value: str
    """What the secret is; words in capitals stand for what is to be put there."""
    used: frozenset[str]
    """Fields that go into it."""
    anchors: tuple[str, ...]
    """Fields at which the credential stands, the likeliest first; `global.` in front is one of the defaults."""
    resolved: bool = True
    """Whether Alertmanager tells of the end unless it is told otherwise."""
    remark: str = ""
    """What is to be known beyond that."""


def _service(label: str, value: str, used: str, anchors: str, *, resolved: bool = True, remark: str = "") -> Service:
    return Service(label, value, frozenset(used.split()), tuple(anchors.split()), resolved, remark)


SERVICES: Final[dict[str, Service]] = {
    "slack_configs": _service(
        "slack", "slack://A/B/C/#CHANNEL, where A/B/C are the last three parts of {anchor}; of a bot token "
        "slack://xoxb-TOKEN/#CHANNEL", "api_url api_url_file app_token app_token_file app_url channel",
        "api_url api_url_file app_token app_token_file global.slack_api_url global.slack_api_url_file "
        "global.slack_app_token global.slack_app_token_file", resolved=False,
    ),
    "pagerduty_configs": _service(
        "pagerduty", "pagerduty://ROUTING_KEY@API_KEY, where ROUTING_KEY is {anchor}, and API_KEY one of the account",
        "routing_key routing_key_file service_key service_key_file", "routing_key routing_key_file service_key service_key_file",
        remark="a key of PagerDuty's old API (service_key) is not taken: make one of Events API v2",
    ),
    "opsgenie_configs": _service(
        "opsgenie", "opsgenie://API_KEY/#TEAM, where API_KEY is {anchor}; ?region=eu at the end for the EU's",
        "api_key api_key_file api_url responders", "api_key api_key_file global.opsgenie_api_key global.opsgenie_api_key_file",
    ),
    "telegram_configs": _service(
        "telegram", "tgram://BOT_TOKEN/CHAT_ID, where BOT_TOKEN is {anchor}",
        "bot_token bot_token_file chat_id chat_id_file api_url message_thread_id",
        "bot_token bot_token_file global.telegram_bot_token global.telegram_bot_token_file",
    ),
    "discord_configs": _service(
        "discord", "{anchor}, as it is", "webhook_url webhook_url_file", "webhook_url webhook_url_file",
    ),
    "msteamsv2_configs": _service(
        "msteams", "{anchor}, as it is", "webhook_url webhook_url_file", "webhook_url webhook_url_file",
    ),
    "pushover_configs": _service(
        "pushover", "pover://USER_KEY@TOKEN, where the two are user_key and {anchor}",
        "user_key user_key_file token token_file device", "token token_file",
    ),
    "sns_configs": _service(
        "sns", "sns://ACCESS_KEY/SECRET_KEY/REGION/TOPIC, where the keys and the region are in sigv4, and TOPIC is the last "
        "part of topic_arn", "api_url sigv4 topic_arn phone_number", "sigv4 topic_arn phone_number",
        remark="keys are needed: a role of the machine is not used",
    ),
    "victorops_configs": _service(
        "victorops", "splunk://ROUTING_KEY@API_KEY, where the two are routing_key and {anchor}",
        "api_key api_key_file api_url routing_key",
        "api_key api_key_file global.victorops_api_key global.victorops_api_key_file",
    ),
    "webex_configs": _service(
        "webex", "wxteams://TOKEN/ROOM_ID, where TOKEN is the credential in {anchor}", "api_url room_id http_config",
        "http_config global.http_config",
    ),
    "rocketchat_configs": _service(
        "rocketchat", "rockets://USER_ID:TOKEN@HOST/#CHANNEL, where USER_ID and TOKEN are token_id and {anchor}",
        "api_url channel token token_file token_id token_id_file",
        "token token_file global.rocketchat_token global.rocketchat_token_file", resolved=False,
    ),
    "mattermost_configs": _service(
        "mattermost", "mmosts://HOST/TOKEN?channel=CHANNEL, where HOST and TOKEN are those in {anchor}",
        "webhook_url webhook_url_file channel", "webhook_url webhook_url_file global.mattermost_webhook_url",
    ),
}  # fmt: skip
"""Integrations that become a channel of the type apprise."""

NOT_THERE: Final = {
    "jira_configs": "let a policy write OnCue's own ticket (`respond: [{ticket: {}}]`), or call Jira in a workflow with http.request",
    "wechat_configs": "make a group robot in WeCom, and a Channel of the type apprise with wecombot://KEY",
    "msteams_configs": "Microsoft has retired these webhooks: make a workflow in Teams, and a Channel of the type apprise "
    "with the workflow's address",
    "incidentio_configs": "take OnCue's incidents by a Subscription, or make a Channel of the type webhook",
}
"""Integrations that become nothing, and what to do instead."""

_EMAIL: Final = frozenset({"to", "from", "smarthost", "hello", "auth_username", "auth_password", "auth_password_file",
                           "auth_secret", "auth_secret_file", "auth_identity", "require_tls", "send_resolved"})  # fmt: skip
_RELAY: Final = ("smarthost", "auth_username", "auth_password", "auth_password_file", "auth_secret", "auth_secret_file")
_WEBHOOK: Final = frozenset({"url", "url_file", "send_resolved", "http_config"})
_TOKENS: Final = ("authorization", "bearer_token", "bearer_token_file")


class Receiver(msgspec.Struct):
    """What has become of a receiver."""

    name: str
    channels: list[str] = []
    """Names of manifests."""
    silent: bool = False
    """Nobody was ever told by it."""


class Receivers:
    """All receivers, and the channels that they became."""

    def __init__(self, reading: Reading, given: dict[str, Any]) -> None:
        self._reading = reading
        self._global = reading.mapping(given.get("global"), ("global",))
        self._taken: set[str] = set()
        self._unsaid_resolved: list[Path_] = []
        self.channels: list[tuple[str, dict[str, Any], Path_]] = []
        """Name, spec, and where it comes from."""
        self.by_name: dict[str, Receiver] = {}
        for index, one in enumerate(reading.items(given.get("receivers"), ("receivers",))):
            self._receiver(reading.mapping(one, ("receivers", index)), ("receivers", index))
        if self._unsaid_resolved:
            many = len(self._unsaid_resolved)
            silent = "1 integration tells" if many == 1 else f"{many} integrations tell"
            self._reading.differs(
                self._unsaid_resolved[0],
                f"{silent} nothing of the end of an alert, as is the default; "
                "OnCue tells whoever was told of the beginning",
                "nothing, if that is welcome; it cannot be turned off",
            )

    def _receiver(self, given: dict[str, Any], path: Path_) -> None:
        reading = self._reading
        name = reading.text(given.get("name"), (*path, "name")) or ""
        if not name or name in self.by_name:
            reading.left_out(path, "it has no name of its own", "Alertmanager refuses it, too")
            return
        found = self.by_name[name] = Receiver(name)
        known = {"email_configs", "webhook_configs", *SERVICES, *NOT_THERE}
        reading.unknown(given, frozenset({"name", *known}), path)
        there = [(kind, (*path, kind, index), one)
                 for kind in given if kind in known
                 for index, one in enumerate(reading.items(given[kind], (*path, kind)))]  # fmt: skip
        found.silent = not there
        for kind, below, one in there:
            one = reading.mapping(one, below)
            label = SERVICES[kind].label if kind in SERVICES else kind.removesuffix("_configs")
            if kind in NOT_THERE:
                reading.left_out(
                    below, f"OnCue has no channel of this kind, so {name} is not told this way", NOT_THERE[kind]
                )
                continue
            channel = self._name(valid_name(name if len(there) == 1 else f"{name}-{label}") or label)
            make = self._email if kind == "email_configs" else self._webhook if kind == "webhook_configs" else None
            spec = make(one, below, channel) if make else self._apprise(SERVICES[kind], one, below, channel)
            if spec is None:
                continue
            self._resolved(one, below, kind in ("webhook_configs",) or (kind in SERVICES and SERVICES[kind].resolved))
            self.channels.append((channel, spec, below))
            found.channels.append(channel)

    def _name(self, wanted: str) -> str:
        name, number = wanted, 2
        while name in self._taken:
            name = f"{wanted[:60]}{number}"
            number += 1
        self._taken.add(name)
        return name

    def _resolved(self, given: dict[str, Any], path: Path_, default: bool) -> None:
        if given.get("send_resolved") is False:
            self._reading.differs(
                (*path, "send_resolved"), "OnCue tells whoever was told of the beginning of the end, too",
                "nothing, if that is welcome; it cannot be turned off",
            )  # fmt: skip
        elif "send_resolved" not in given and not default:
            self._unsaid_resolved.append(path)

    def _ignored(self, given: dict[str, Any], used: frozenset[str], path: Path_) -> None:
        rest = sorted(name for name in given if name not in used and name != "send_resolved")
        if "http_config" in rest:
            rest.remove("http_config")
            self._reading.left_out(
                (*path, "http_config"), "proxies, certificates and credentials of the connection are not carried over",
                "OnCue connects directly; `oncue doctor` says what it reaches",
            )  # fmt: skip
        if rest:
            self._reading.left_out(
                (*path, rest[0]), f"{', '.join(rest)}: OnCue writes its own messages, without templates",
                "give alerts a title, a description and a runbook, in Prometheus' annotations or a policy's `alert`",
            )  # fmt: skip

    def _email(self, given: dict[str, Any], path: Path_, channel: str) -> dict[str, Any] | None:
        reading = self._reading
        text = reading.text(given.get("to"), (*path, "to")) or ""
        addresses = [address for _, address in getaddresses([text]) if "@" in address]
        if not addresses or "{{" in text:
            reading.left_out((*path, "to"), "the addressees are a template, or none", "make a Channel for each of them")
            return None
        self._ignored(given, _EMAIL, path)
        inner: dict[str, Any] = {"to": addresses}
        if any(given.get(name) is not None for name in _RELAY):
            inner["relay"] = reading.secret(
                f"{channel}-relay", (*path, next(name for name in _RELAY if given.get(name) is not None)),
                "smtp://USER:PASSWORD@HOST:PORT?starttls, of the integration's smarthost and auth_username and its password",
            )  # fmt: skip
            sender = reading.text(given.get("from"), (*path, "from"))
            sender = sender or reading.text(self._global.get("smtp_from"), ("global", "smtp_from"))
            if sender is not None and "{{" not in sender:
                inner["sender"] = sender
        elif given.get("from") is not None:
            reading.left_out(
                (*path, "from"), "mail comes from the server's own address", "a sender of its own needs a relay"
            )
        return {"type": "email", "with": inner}

    def _webhook(self, given: dict[str, Any], path: Path_, channel: str) -> dict[str, Any] | None:
        reading = self._reading
        where = next((name for name in ("url", "url_file") if given.get(name) is not None), None)
        if where is None:
            reading.left_out(path, "it has no url", "Alertmanager refuses it, too")
            return None
        what = "as it is" if where == "url" else "what stands in that file"
        inner: dict[str, Any] = {"url": reading.secret(f"{channel}-url", (*path, where), f"{where}, {what}")}
        connection = reading.mapping(given.get("http_config"), (*path, "http_config"))
        token = next((name for name in _TOKENS if connection.get(name) is not None), None)
        if token == "authorization":
            scheme = reading.mapping(connection[token], (*path, "http_config", token)).get("type", "Bearer")
            if str(scheme).lower() != "bearer":
                reading.left_out(
                    (*path, "http_config", token),
                    f"the scheme {scheme} is not taken",
                    "let the receiver take a Bearer token",
                )
                token = None
        if token is not None:
            inner["token"] = reading.secret(
                f"{channel}-token", (*path, "http_config", token), f"the token that {token} holds or names"
            )
        others = sorted(name for name in connection if name not in (token, "follow_redirects"))
        if others:
            reading.left_out(
                (*path, "http_config", others[0]), f"{', '.join(others)} of the connection are not carried over",
                "let the receiver check OnCue's signature (`secret`) or a Bearer token (`token`)",
            )  # fmt: skip
        self._ignored(given, _WEBHOOK, path)
        reading.differs(
            path, "the receiver gets one CloudEvent for each notification about an incident, not Alertmanager's JSON about a "
            "group of alerts", "change the receiver, or let it take OnCue's alerts by a Subscription",
        )  # fmt: skip
        return {"type": "webhook", "with": inner}

    def _apprise(self, service: Service, given: dict[str, Any], path: Path_, channel: str) -> dict[str, Any] | None:
        reading = self._reading
        where: Path_ | None = None
        for name in service.anchors:
            inherited = name.startswith("global.")
            place: Path_ = ("global", name.removeprefix("global.")) if inherited else (*path, name)
            if (self._global if inherited else given).get(str(place[-1])) is not None:
                where = place
                break
        if where is None:
            reading.left_out(path, f"it has none of {', '.join(service.anchors)}", "Alertmanager refuses it, too")
            return None
        if service.label == "pagerduty" and str(where[-1]).startswith("service_key"):
            reading.differs((*path, where[-1]), service.remark, "make an Events API v2 integration in PagerDuty")
        elif service.remark and service.label != "pagerduty":
            reading.differs(path, service.remark, "see apprise's page of the service")
        self._ignored(given, service.used, path)
        anchor = f"{'global ' if where[0] == 'global' else ''}{where[-1]}"
        anchor += " (what stands in that file)" if str(where[-1]).endswith("_file") else ""
        about = [f"{name}: {text}" for name in ("channel", "chat_id", "room_id", "routing_key")
                 if name in service.used and name not in service.anchors and name != where[-1]
                 and (text := reading.text(given.get(name), (*path, name))) is not None]  # fmt: skip
        value = service.value.replace("{anchor}", anchor) + (f" ({'; '.join(about)})" if about else "")
        if any("{{" in text for text in about):
            reading.left_out(
                path, "where it goes is a template", "make a Channel for each place, and a Policy that names it"
            )
        return {"type": "apprise", "with": {"urls": [reading.secret(f"{channel}-url", where, value)]}}
