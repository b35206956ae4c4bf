"""The SQL schema, one for SQLite and PostgreSQL.

`segment`, `chain`, `checkpoint`: the journal. `fact`, `fact_ref`: what can be looked up in it. `entity`, `alert_hot`:
present state that lists are made of. `standing`: what held of services, drawn from facts. `cell`: the engine's inner state (timers, windows, counters). `access`: people,
tokens, sessions and secrets; `step_log`, `step_progress`, `run_log`: what work tells while it is under way. Both are
written beside the journal, never in it. Instants are microseconds since 1970 UTC.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    text,
)

metadata = MetaData()

# SQLite makes INTEGER PRIMARY KEY the rowid; BigInteger there would add an index of its own.
Big = BigInteger().with_variant(Integer(), "sqlite")

PARTITION: Final = 0
"""The one there is so far."""

journal: Final = Table(
    "journal",
    metadata,
    Column("partition", SmallInteger, primary_key=True),
    Column("journal_id", Text, nullable=False),
    Column("incarnation", Integer, nullable=False),
    Column("created_at", Big, nullable=False),
    Column("cursor", Big, nullable=False),
    Column("chain_head", LargeBinary, nullable=False),
    Column("recorded_at", Big, nullable=False),
    Column("events", Big, nullable=False),
    Column("hot_batch", Big, nullable=False, comment="The batch that alert_hot is up to date with."),
    comment="One row per partition: who the journal is, and the cursor that each commit moves.",
)

segment: Final = Table(
    "segment",
    metadata,
    Column("batch", Big, primary_key=True, autoincrement=False, comment="The newest whose records it holds."),
    Column("first_position", Big, nullable=False),
    Column("last_position", Big, nullable=False),
    Column("first_recorded_at", Big, nullable=False),
    Column("last_recorded_at", Big, nullable=False),
    Column("count", Integer, nullable=False),
    Column("inputs", Integer, nullable=False),
    Column("size", Big, nullable=False, comment="Bytes before compression."),
    Column("types", Text, nullable=False, comment="JSON array of the event types in it, to prune by."),
    Column("namespaces", Text, nullable=False, comment="JSON array."),
    Column("ids", LargeBinary, nullable=False, comment="Per input: 8 bytes keyed hash of (namespace, source, id)."),
    Column("digests", LargeBinary, nullable=False, comment="Per input: 4 bytes of the digest of its stored bytes."),
    Column(
        "hot",
        LargeBinary,
        comment="Hot rows changed in it and not written then, msgpack.",
    ),
    Column("head", LargeBinary, nullable=False, comment="Per record instant, sizes and flags, by column, zstd."),
    Column("body", LargeBinary, nullable=False, comment="Envelopes and stored bytes back to back, zstd."),
    Index("segment_first", "first_position"),
    Index("segment_time", "last_recorded_at"),
)

chain: Final = Table(
    "chain",
    metadata,
    Column("batch", Big, primary_key=True, autoincrement=False),
    Column("first_position", Big, nullable=False),
    Column("last_position", Big, nullable=False),
    Column("root", LargeBinary, nullable=False, comment="Merkle root (RFC 6962) over the batch's leaves."),
    Column("prev_hash", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
)

checkpoint: Final = Table(
    "checkpoint",
    metadata,
    Column("batch", Big, primary_key=True, autoincrement=False),
    Column("position", Big, nullable=False),
    Column("at", Big, nullable=False),
    Column("note", Text, nullable=False, comment="C2SP signed note."),
)

fact: Final = Table(
    "fact",
    metadata,
    Column("position", Big, primary_key=True, autoincrement=False),
    Column("type", Text, nullable=False),
    Column("namespace", Text, nullable=False),
    Column("kind", Text, nullable=False, comment="Of the entity it is about; empty for an input."),
    Column("id", Text, nullable=False, comment="Of the entity; for an input its event id."),
    Column("recorded_at", Big, nullable=False),
    Column("input_position", Big, nullable=False, comment="The input in whose pass it was derived."),
    Column("cause_position", Big, nullable=False, comment="The event that caused it."),
    Column("severity", Text),
    Column("resource", Text),
    Column("service", Text),
    Column("body", LargeBinary, nullable=False, comment="The event's stored bytes."),
    Index("fact_entity", "kind", "id", "position"),
    Index("fact_type", "type", "position"),
    Index("fact_input", "input_position"),
    Index("fact_cause", "cause_position"),
    comment="Own facts, and the inputs that caused one.",
)

MANY: Final = frozenset(("alert", "membership"))
"""Kinds of which so many may concern one entity that nobody asks for them by `fact_ref`."""

_OF: Final = text('"of" IS NOT NULL')

fact_ref: Final = Table(
    "fact_ref",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("position", Big, primary_key=True, autoincrement=False),
    Column("of", Text, comment="The kind that the fact is about; null if it is one of `MANY`."),
    Index("fact_ref_of", "kind", "id", "of", "position", sqlite_where=_OF, postgresql_where=_OF),
    comment="Which facts concern an entity besides the one they are about: an incident's timeline.",
    sqlite_with_rowid=False,
)

PARTS: Final = frozenset(("definition", "effect", "step"))
"""Kinds that no list has: they are found by their id, or by what they belong to. They are most of what runs write, and in no
index of lists."""

_LISTED: Final = text("position IS NOT NULL")
_STATED: Final = text("state IS NOT NULL")
"""What a query asks for that compares the state has one; a list by position says so: `LISTED`."""

entity: Final = Table(
    "entity",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("live", Boolean, nullable=False, comment="Part of the engine's state in memory."),
    Column("namespace", Text, nullable=False),
    Column("state", Text, comment="Null for `PARTS`."),
    Column("severity", Text),
    Column("type", Text),
    Column("resource", Text),
    Column("service", Text),
    Column("created_at", Big, nullable=False),
    Column("updated_at", Big, nullable=False),
    Column("position", Big, comment="Of its newest fact; what lists are ordered and paged by. Null for `PARTS`."),
    Column("body", LargeBinary, nullable=False, comment="JSON, as the API shows it."),
    Index("entity_list", "kind", "position", sqlite_where=_LISTED, postgresql_where=_LISTED),
    Index("entity_state", "kind", "state", "position", sqlite_where=_STATED, postgresql_where=_STATED),
    Index("entity_live", "kind", sqlite_where=text("live"), postgresql_where=text("live")),
    sqlite_with_rowid=False,
)

LISTED: Final = entity.c.position.is_not(None)
"""Part of every query that lists entities by position without saying more of it: without, no index has what it asks for."""

alert_hot: Final = Table(
    "alert_hot",
    metadata,
    Column("id", Text, primary_key=True),
    Column("count", Big, nullable=False),
    Column("last_seen_at", Big, nullable=False),
    Column("deadline_at", Big),
    Column("updated_at", Big, nullable=False),
    Column("last_position", Big, nullable=False, comment="Of the alert's newest fact."),
    comment="What a repeat of a firing alert changes: narrow and without an index. Behind by what newer segments hold.",
    sqlite_with_rowid=False,
)

cell: Final = Table(
    "cell",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("body", LargeBinary, nullable=False),
    comment="The engine's inner state: timers, windows, counters, near-misses.",
    sqlite_with_rowid=False,
)

snapshot: Final = Table(
    "snapshot",
    metadata,
    Column("position", Big, primary_key=True, autoincrement=False),
    Column("at", Big, nullable=False),
    Column("engine", Text, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False, comment="The whole state, zstd."),
)

dead_letter: Final = Table(
    "dead_letter",
    metadata,
    Column("id", Big, primary_key=True, autoincrement=True),
    Column("namespace", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("at", Big, nullable=False),
    Column("position", Big, comment="Of the journaled input, if it got that far."),
    Column("redriven_at", Big),
    Column("body", LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)

sample: Final = Table(
    "sample",
    metadata,
    Column("series", Text, primary_key=True, comment="namespace, resource, metric and labels, as text."),
    Column("step_s", Integer, primary_key=True, comment="60 or 3600."),
    Column("at", Big, primary_key=True, autoincrement=False, comment="Start of the interval."),
    Column("count", Integer, nullable=False),
    Column("sum", Double, nullable=False),
    Column("min", Double, nullable=False),
    Column("max", Double, nullable=False),
    comment="Roll-ups of monitors' readings, for charts.",
    sqlite_with_rowid=False,
)

standing: Final = Table(
    "standing",
    metadata,
    Column("namespace", Text, primary_key=True),
    Column("service", Text, primary_key=True, comment="Empty for what concerns every service."),
    Column("position", Big, primary_key=True, autoincrement=False, comment="Of the fact that says it."),
    Column("at", Big, nullable=False, comment="When that was recorded."),
    Column("kind", Text, nullable=False, comment="alert, incident, manifest, or absence."),
    Column("id", Text, nullable=False),
    Column("severity", Text),
    Column("flags", Integer, nullable=False, comment="See store/standing.py."),
    Column("since", Big, comment="Of an absence: when it began."),
    comment="What held of services, and since when: drawn from facts in pauses, and kept longer than they are.",
    sqlite_with_rowid=False,
)

progress: Final = Table(
    "progress",
    metadata,
    Column("name", Text, primary_key=True),
    Column("position", Big, nullable=False, comment="Facts up to here are in it."),
    Column("first_position", Big, nullable=False),
    Column("first_at", Big, nullable=False, comment="What was before is not in it."),
    comment="How far what is drawn from facts has come.",
    sqlite_with_rowid=False,
)

access: Final = Table(
    "access",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("body", LargeBinary, nullable=False),
    comment="Users, tokens, sessions, secrets, links. Not part of the journal.",
    sqlite_with_rowid=False,
)

step_log: Final = Table(
    "step_log",
    metadata,
    Column("sequence", Big, primary_key=True, autoincrement=True, comment="In the order of writing; never used again."),
    Column("run", Text, nullable=False),
    Column("step", Text, nullable=False, comment="Its address."),
    Column("attempt", Integer, nullable=False),
    Column("at", Big, nullable=False, comment="When it was told."),
    Column("stream", Text, nullable=False, comment="out, err, or empty for the plugin's own words."),
    Column("text", Text, nullable=False),
    Index("step_log_run", "run", "sequence"),
    Index("step_log_at", "at"),
    comment="Lines that work told. See store/step_log.py.",
    sqlite_autoincrement=True,
)

step_progress: Final = Table(
    "step_progress",
    metadata,
    Column("run", Text, primary_key=True),
    Column("step", Text, primary_key=True),
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    Column("at", Big, nullable=False),
    Column("done", Double, nullable=False, comment="From 0 to 1."),
    Column("text", Text, nullable=False),
    Index("step_progress_at", "at"),
    comment="How far each attempt said that it was, the last time.",
    sqlite_with_rowid=False,
)

run_log: Final = Table(
    "run_log",
    metadata,
    Column("run", Text, primary_key=True),
    Column("size", Big, nullable=False, comment="Of its lines, as store/step_log.py counts them."),
    Column("left_out", Big, nullable=False, comment="Lines that went because there were too many."),
    Column("at", Big, nullable=False, comment="When something was last added."),
    Index("run_log_size", "size"),
    comment="How much the log of each run holds.",
    sqlite_with_rowid=False,
)
