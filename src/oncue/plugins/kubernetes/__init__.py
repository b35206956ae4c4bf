"""Kubernetes: what the actions on its objects share.

Plain REST over the guarded HTTP client, by the published API (https://kubernetes.io/docs/reference/using-api/). The official
client brings two dozen packages and a connection of its own, past the guard; what is needed here is a few requests.
"""
