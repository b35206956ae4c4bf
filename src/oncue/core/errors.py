"""Every foreseeable refusal, in one table: stable code, title, HTTP status, hint.

The same code and hint reach the API (RFC 9457), the CLI, logs and decision records.
"""

from typing import Final

import msgspec


class Code(msgspec.Struct, frozen=True):
    """One kind of refusal."""

    code: str
    title: str
    status: int
    hint: str


def _table(*rows: tuple[str, str, int, str]) -> dict[str, Code]:
    return {code: Code(code, title, status, hint) for code, title, status, hint in rows}


# fmt: off
CODES: Final = _table(
    # requests
    ("request.malformed", "The request cannot be read", 400, "Send valid JSON in UTF-8; the detail says where it breaks."),
    ("request.invalid", "A value does not fit", 400, "The detail names the field; the API reference, or --help of the command, says what fits."),
    ("request.too_large", "The request is too large", 413, "Split it; the limits are in the API reference."),
    ("request.unsupported_media_type", "This content type is not taken here", 415, "See which types the endpoint takes."),
    ("request.unsupported_encoding", "This content encoding is not taken here", 415, "Send the body plain, or compressed with gzip, deflate or zstd."),
    ("request.not_found", "There is nothing at this address", 404, "Check the path against /api/v1/openapi.json."),
    ("request.method_not_allowed", "This method is not taken here", 405, "See the Allow header."),
    ("request.cursor_invalid", "The cursor is not one of ours", 400, "Use `next` of the previous page, unchanged."),
    ("request.timeout", "The request did not arrive in time", 408, "Send the whole body within 30 seconds."),
    ("query.too_slow", "The query took too long", 503, "Narrow it: a shorter time range, one namespace, one type."),
    ("internal", "The server failed", 500, "It is logged with its trace; please report it."),
    ("request.conflict", "The thing has changed meanwhile", 409, "Read it again and retry."),
    # access
    ("auth.required", "Sign in or send a token", 401, "Send `Authorization: Bearer TOKEN`, or sign in to the console."),
    ("auth.invalid", "These credentials are not valid", 401, "Check the token or password; it may have been revoked or have expired."),
    ("auth.throttled", "Too many failed attempts", 429, "Wait as long as Retry-After says."),
    ("auth.csrf", "The request lacks its CSRF token", 403, "Send the value of the csrf cookie as X-CSRF-Token."),
    ("access.denied", "You may not do this", 403, "Ask an administrator of the namespace for the permission that the detail names."),
    # events
    ("event.malformed", "The event is not a CloudEvent", 400, "The detail names the attribute and the rule it breaks."),
    ("event.type_reserved", "Types that begin with oncue. are OnCue's own", 400, "Choose a type in your own reverse-DNS name."),
    ("event.namespace_forbidden", "You may not write to this namespace", 403, "Leave `namespace` out, or use a token of that namespace."),
    ("event.too_large", "The event is too large", 400, "Keep one event under 256 KiB; put large data elsewhere and link to it."),
    ("event.too_deep", "The event is nested too deeply", 400, "Flatten the payload to at most 64 levels."),
    ("event.labels_invalid", "labels is not a JSON object of strings", 400, "On the wire `labels` is a string that holds a JSON object with string values."),
    ("event.poison", "The engine could not process this event", 400, "See the dead letter for the reason; redrive it when that is mended."),
    # overload and store
    ("ingest.overloaded", "Too much is waiting", 429, "Retry after the time in Retry-After."),
    ("store.unavailable", "The journal cannot be written now", 503, "Nothing was accepted. Retry after the time in Retry-After; see `oncue doctor`."),
    ("server.exhausted", "The server can open no more files", 503, "Retry after the time in Retry-After; too many connections are open, or too few are allowed (LimitNOFILE)."),
    ("engine.unavailable", "The engine is not ready", 503, "It is starting or restarting; retry shortly."),
    # things
    ("alert.not_found", "No such alert", 404, "It may be past retention; list alerts to find it."),
    ("alert.enriched_full", "Too much was added to the alert", 409, "Take labels or annotations back by adding them empty, or say more in a note."),
    ("alert.resolved", "The alert is resolved already", 409, "Nothing is left to do."),
    ("alert.duplicate", "The alert cannot be a duplicate of that one", 409, "Of alerts that are about the same thing, one must call people."),
    ("incident.not_found", "No such incident", 404, "List incidents to find it."),
    ("incident.closed", "The incident is closed", 409, "Closed incidents do not change; a new alert opens a new one."),
    ("incident.not_member", "The alert is not in this incident", 409, "The incident lists its alerts; this one may have been moved."),
    ("contact.nobody", "Only people have ways to be told", 409, "Sign in, or use a token that belongs to a user."),
    ("pause.invalid", "The pause does not hold together", 400, "Give a reason, and an end within 30 days."),
    ("pause.none", "Nothing is paused there", 404, "List what is: `oncue pause`, without a reason."),
    ("policy.override_tied", "Two overrides are equally precise", 400, "Add a condition to one of them, or keep their hours apart, so that one goes before the other."),
    ("policy.override_dead", "An override can never count", 400, "Take it away, or make it narrower than the one that always goes before it."),
    ("policy.contradicted", "Two manifests do not go together", 400, "Take one of the two away, or make one of them narrower."),
    ("escalation.none", "There is no further level", 409, "Say whom to call: user:NAME, team:NAME, channel:NAME or escalation:NAME."),
    ("escalation.no_addressee", "Nobody is reached by that", 409, "The detail says which name nothing has; list people, teams and channels."),
    ("escalation.cyclic", "Escalation policies go round in a circle", 400, "Take one `then` out of the circle; `repeat` begins a policy again."),
    ("incident.state", "The incident is not in a state for this", 409, "The detail says which state it is in."),
    ("incident.full", "There is no room for more of these", 409, "The detail says which; take some away first."),
    ("task.not_found", "No such task", 404, "List tasks to find it; one that ended with a closed incident does not change any more."),
    ("task.state", "The task is not in a state for this", 409, "The detail says which state it is in."),
    ("runbook.not_found", "No such runbook", 404, "Apply a Runbook of that name in the same namespace first."),
    ("checklist.not_found", "No such checklist", 404, "The incident lists its checklists; those of a closed one do not change any more."),
    ("status_template.not_found", "No such template", 404, "Apply a StatusTemplate of that name in the same namespace first."),
    ("problem.not_found", "No such problem", 404, "List problems to find it; a closed one does not change any more."),
    ("problem.state", "The problem cannot go there from here", 409, "The detail lists the states it can go to."),
    ("change.not_found", "No such change", 404, "List changes to find it; one that is closed does not change any more."),
    ("change.state", "The change cannot go there from here", 409, "The detail says in which state it is, and why."),
    ("change.plan_unknown", "The change had no such plan", 404, "Its timeline has the plans that it had, each by its hash; those past retention are gone."),
    ("change.template", "A change takes a template, or brings a plan", 400, "Name a ChangeTemplate of the namespace in `template`, or write `plan`."),
    ("change.configuration", "This is no change of configuration that can be proposed", 409, "The detail says why: what is in force already, or needs no change, is not proposed."),
    ("change.steps", "The plan of the change does not hold together", 400, "The detail says what is wrong; the reference of ChangeTemplate says what fits."),
    ("change.targets", "The change has no targets that it may have", 400, "The detail names them; look at `targets` of the template, and at the catalogue."),
    ("change.not_clear", "Something speaks against it now", 409, "The detail says what. One that has a time begins by itself when nothing does any more; in an emergency, break the glass."),
    ("change.unapproved", "It was done without agreement, and is not closed before", 409, "Have those who are asked decide; or submit a change that undoes it."),
    ("evidence.bent", "The bundle of evidence does not hold together", 422, "`oncue evidence verify` says what was changed, and where."),
    ("evidence.erased", "The beginning of the change is past retention", 410, "Take evidence before `retention.max_age_days` have passed, and keep it; of this change a backup may still have all."),
    ("evidence.too_large", "There is more evidence than one bundle holds", 422, "The detail says how much; `oncue journal verify` on a copy of the data directory proves all of it."),
    ("evidence.pdf_missing", "PDF cannot be made here", 501, "Install what makes it where this runs, and restart a server: pip install 'oncue[pdf]'. JSON and HTML need nothing more."),
    ("change_record.not_found", "No such change record", 404, "List change records to find it; one that was over long ago does not change any more."),
    ("change_record.over", "The change is over already", 409, "Begin another one with the same key if it goes on."),
    ("review.not_found", "No such review", 404, "Begin one for the incident first; one that was published long ago does not change any more."),
    ("review.state", "The review is not in a state for this", 409, "The detail says which state it is in."),
    ("handover.not_found", "No such handover", 404, "List handovers to find it; a confirmed one does not change any more."),
    ("handover.own", "Nobody confirms a handover to themselves", 409, "Have someone of the next shift confirm it."),
    ("mirror.not_found", "Nothing of it is mirrored", 404, "See `oncue get ticket-mirrors`; what is closed is mirrored no more."),
    ("ticket.not_found", "No such ticket", 404, "List tickets to find it."),
    ("ticket.assignee", "Nobody has that name", 409, "Name a user, a person or a member of a team of the namespace, or team:NAME; list users, people and teams."),
    ("ticket.full", "The ticket has all the links that it can have", 409, "Take one away first."),
    ("ticket.state", "The ticket cannot go there from here", 409, "The detail lists the states it can go to."),
    ("run.not_found", "No such run", 404, "List runs to find it."),
    ("run.ended", "The run has ended", 409, "Start a new one."),
    ("run.state", "The run is not in a state for this", 409, "The detail says which state it is in; get the run to see what can be done."),
    ("run.stopping", "The run was stopped already", 409, "It ends when what is under finally is done. To end it at once, say so: oncue runs cancel RUN --at-once, or at_once over the API."),
    ("run.busy", "The workflow is under way already", 409, "Wait until it has ended, or let it queue: concurrency.when_busy."),
    ("run.queue_full", "Too many runs wait already", 429, "Cancel some of them, or raise concurrency.max_queued."),
    ("run.too_often", "The workflow began too often", 429, "Wait; its `rate` says how often it may begin."),
    ("run.fan_out", "One event has led to too many runs", 429, "Policies that start workflows whose events start others go on for ever; end that."),
    ("run.too_deep", "Too many runs lie in each other", 409, "At most eight may lie in each other; let one of them start the next by an event."),
    ("step.not_found", "No such step", 404, "Steps are named by their address, as in others[host-1]/check; get the run to see them."),
    ("step.state", "The step is not in a state for this", 409, "The detail says which state it is in; get the run to see what can be done."),
    ("approval.not_found", "No such approval", 404, "List approvals to find it; one that is over does not change any more."),
    ("approval.person", "Only a person decides this", 409, "Sign in as one, or use a token of theirs (`oncue token create NAME --user WHO`)."),
    ("approval.own", "Nobody approves what they asked for", 403, "Have someone else of those who are asked decide."),
    ("approval.not_asked", "You are not asked", 403, "The detail says who is; one of them may hand it on to you."),
    ("approval.unskippable", "An approval cannot be passed over", 409, "Have those who are asked decide, or cancel the run."),
    ("approval.reason", "It was rejected; to ask again needs a reason", 409, "Give `reason`: those who are asked read it, and so does whoever rejected it."),
    ("approval.decided", "That was decided already", 409, "Each person decides once, in one of the stages."),
    ("approval.needed_later", "A later stage needs you", 409, "Have another of those who are asked agree now, and agree in that stage."),
    ("run.does_again", "Steps before that one would be done again", 409, "Run it anew from the first of them, or say `again` (`--again`) if that is meant: a loop, what runs side by side and what did not succeed is not taken over."),
    ("workflow.cyclic", "The workflows run each other in a circle", 400, "Take one of them out of the circle."),
    ("workflow.not_found", "No such workflow", 404, "Apply it first, in the same namespace."),
    ("workflow.inputs_invalid", "The inputs do not fit", 400, "The detail names the input and the rule."),
    ("workflow.missing_input", "An input is not given", 400, "Give it in `with`, or give it a default in the inputs of the workflow."),
    ("workflow.inputs_schema", "The inputs are not declared as they should be", 400, "Inputs are a JSON Schema of type object; see the reference of kinds for the rules that it may have."),
    ("workflow.unknown_step", "There is no such step before this one", 400, "Expressions see steps that come before, where they lie or around that."),
    ("workflow.unknown_name", "An expression names what is not there", 400, "Declare the input, set the variable, or give the output in the step; the reference of expressions has what is there at which place."),
    ("workflow.duplicate_name", "The name is taken in this workflow", 400, "Rename one of the two."),
    ("workflow.step_form", "The step does not say one thing to do", 400, "Give one form, and only what belongs to it; the reference of kinds has them."),
    ("workflow.expression", "The expression compiles, and cannot be meant", 400, "Compare values of one type, and let conditions depend on what a run finds."),
    ("workflow.unreachable", "This can never be reached", 400, "Take it away, or change the condition before it."),
    ("workflow.timing", "These times do not go together", 400, "The detail says which is longer than it can be."),
    ("workflow.validation", "What is validated does not hold together", 400, "The detail says what to write instead; see the reference of kinds."),
    ("workflow.rollback", "This cannot be undone so", 400, "Give the steps that do something a `rollback`, or undo them in a `catch`."),
    ("workflow.identity", "The workflow may not do this", 400, "Let it act as a role that may, with `identity`."),
    ("workflow.inputs_hidden", "These inputs must not be written down", 409, "Give each one's value anew, or secret://NAME; what a run was given is forgotten when it is over."),
    ("silence.not_found", "No such silence", 404, "List silences to find it."),
    ("silence.invalid", "The silence does not hold together", 400, "It needs a matcher that does not match everything, and an end after its start."),
    ("silence.too_long", "It would be quiet for too long", 400, "Choose an end within a year."),
    ("recurrence.invalid", "The times do not hold together", 400, "The detail says which; see docs/how-to/quiet.md."),
    ("recurrence.costly", "The rule asks for too much", 400, "Write what recurs within a day with BYHOUR, and what goes on long with UNTIL."),
    ("run.denied", "The run may not do this", 403, "What a run does within OnCue is bound by its workflow's identity, and by what whoever asked for it may."),
    ("self_service.person", "Only people ask", 409, "Sign in, or use a token of your own."),
    ("self_service.not_offered", "That is offered to nobody", 404, "List what is offered, or give the workflow a `self_service`."),
    ("self_service.not_yours", "That is not offered to you, or not yours", 403, "The workflow's self_service says who may ask."),
    ("self_service.beyond_rights", "The run would do what you may not", 403, "Ask someone who may, or for a role in the namespace."),
    ("self_service.too_often", "You asked for it too often", 429, "Wait until the time is over that the detail names."),
    ("self_service.changed", "The workflow was changed since it was asked for", 409, "Ask for it again."),
    ("self_service.not_found", "No such request", 404, "List your requests to find it; one that was decided does not change any more."),
    ("trigger.invalid", "The trigger does not hold together", 400, "The detail says what; see docs/how-to/workflows.md."),
    ("event.not_found", "No such event", 404, "It may be past retention; list events to find it."),
    ("monitor.not_found", "No such monitor", 404, "List monitors to find it."),
    ("topology.not_found", "No such resource or service", 404, "List the topology of the namespace, or apply a Resource of that name."),
    ("source.not_found", "No such source", 404, "Apply a Source of that name first."),
    ("source.handshake_failed", "The sender's service did not answer as it should", 502, "What a signature or a confirmation needs could not be had; the sender tries again."),
    ("subscription.not_found", "No such subscription", 404, "List subscriptions to find it, or apply a Subscription of that name."),
    ("subscription.not_stream", "The subscription is delivered by webhook", 409, "Read another one, or apply it without `webhook`."),
    ("subscription.is_stream", "The subscription is a stream", 409, "Nothing is sent, so nothing can be paused or redriven; its consumer reads, and can seek."),
    ("subscription.busy", "Too many dead letters are on their way again", 429, "Wait until they are settled; list the dead letters to see."),
    ("mail.not_found", "No such mail", 404, "List the mailbox to find it."),
    ("dead_letter.not_found", "No such dead letter", 404, "It may have been redriven already."),
    # manifests
    ("test.none", "There is no policy test", 404, "A test file ends in .test.yaml and stands beside the manifests that it is about."),
    ("test.invalid", "The policy test does not fit its schema", 400, "The detail names the field; see the reference of policy tests."),
    ("test.endless", "The story of a policy test does not end", 400, "Look for policies and workflows that cause each other."),
    ("manifest.malformed", "The manifest cannot be read", 400, "The detail gives line and column."),
    ("manifest.invalid", "The manifest does not fit its schema", 400, "The detail names the field, and a near one if there is one."),
    ("manifest.kind_unknown", "There is no such kind", 400, "See the reference of kinds."),
    ("manifest.not_found", "No such manifest", 404, "List the kind to find it."),
    ("manifest.reference_unknown", "It names something that is not there", 400, "Apply what it names together with it, or before; names are of the same namespace."),
    ("policy.keys_full", "There is no room for so many keys", 409, "Declare fewer, or raise max_keys; `oncue get windows NAMESPACE/NAME` lists those of a policy."),
    ("manifest.changed_meanwhile", "It was changed meanwhile", 409, "Read it again, and make your change to what it is now."),
    ("manifest.protected", "The namespace's configuration is changed by changes alone", 409, "Propose it, with `--propose 'why'` of apply or delete. It is taken as soon as those whom the ChangeRule names have agreed."),
    ("manifest.in_use", "Others need it", 409, "Change or delete those first, in the same apply or before; or delete with force."),
    ("expression.invalid", "The expression does not compile", 400, "The detail gives line and column."),
    ("expression.costly", "The expression could take too long", 400, "Nest fewer loops, and let replace, join and matches work on less or with constants."),
    ("expression.failed", "The expression failed when it ran", 422, "Guard optional fields with has()."),
    # acting
    ("action.unknown", "There is no such action", 400, "See the reference of actions."),
    ("action.disabled", "This action is switched off", 403, "An administrator can allow it in oncue.toml."),
    ("outbound.refused", "The address is not allowed", 403, "Private, loopback and link-local addresses need an OutboundAllow manifest."),
    ("timeout", "It took too long", 504, "Raise the timeout or look at the target."),
    # command line and configuration
    ("config.invalid", "The configuration does not hold together", 400, "The detail names the place, and a near word if there is one; `oncue check` reads it without starting."),
    ("server.cannot_listen", "The server cannot listen at its address", 503, "Stop what listens there, or choose another with --port or --host; ports below 1024 need a privilege."),
    ("server.running", "A server runs over this data directory already", 409, "Use that one, stop it, or name another directory with --data."),
    ("data.foreign", "The database in the data directory is another program's", 409, "Name another directory with --data; nothing was changed in this one."),
    ("data.newer", "A later version of OnCue wrote the data directory", 409, "Run that version, or put back the backup from before it was upgraded."),
    ("data.older", "The journal was written before the first release, in a form that is no longer read", 409, "Begin on a new directory with --data, or run the commit that wrote it; nothing was changed in this one."),
    ("data.damaged", "The database in the data directory cannot be read", 409, "Put back the newest backup; `oncue doctor --data` says more."),
    ("server.unreachable", "The server does not answer", 503, "Is `oncue up` running? Check ONCUE_SERVER."),
    ("user.exists", "There is such a user already", 409, "Choose another name."),
    ("user.not_found", "No such user", 404, "List users to find it."),
    ("token.not_found", "No such token", 404, "List tokens to find it."),
    ("secret.not_found", "No such secret", 404, "Set it first: oncue secret set NAME."),
    ("password.weak", "The password is too weak", 400, "Use at least 12 characters."),
    ("link.used", "This was done by the link already", 409, "Open the incident to see how it stands."),
    ("link.invalid", "The link is used up or expired", 410, "Ask for a new one: oncue user link NAME."),
)
# fmt: on


class Refusal(Exception):
    """A foreseeable refusal on its way to whoever asked. `code` is a key of `CODES`."""

    def __init__(self, code: str, detail: str = "", **more: object) -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail
        self.more = more
        """Extra members of the problem document, as `index` or `line`."""

    @property
    def entry(self) -> Code:
        """The table's row for this refusal."""
        return CODES[self.code]
