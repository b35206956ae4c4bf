"""Conditions over time, one module each. `detect` says which judges what; the reference of conditions, what they mean.

Each has a `judge`, for an event that the policy's selector took, and most have something for when a timer of theirs is due.
Time is `recorded_at` throughout. A span is half-open: it holds its first instant, and not the one at which it ends.
"""
