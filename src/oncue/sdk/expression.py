"""CEL for plugins: expressions over variables that the plugin names, with OnCue's functions."""

from oncue.core.expression import Failed, Language, spoken, tame

__all__ = ["Failed", "Language", "spoken", "tame"]
