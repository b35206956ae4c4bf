"""OnCue: event-driven IT operations on one durable, replayable, tamper-evident journal."""

__version__ = "0.1.0"
