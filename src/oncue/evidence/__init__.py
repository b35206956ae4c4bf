"""The evidence of a change: what happened, each journaled record of it with its proof, and a seal over the whole.

`bundle` says what is in it, `story` tells a change from its records alone, `gather` reads it from the store, `check` finds
out whether all of it holds together without a server, and `html` makes it readable.
"""
