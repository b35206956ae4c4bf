"""Asking databases: what the monitor and the action on SQL share."""
