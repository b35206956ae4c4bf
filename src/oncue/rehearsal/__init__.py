"""Policy tests: given these events at these times, these alerts, messages, runs and tickets, and no others.

The engine that decides in production decides here, in memory, and time is moved by hand: a day takes no longer than its
events. Nothing acts outside; what would act is written down, and comes to what the test says.
"""
