"""Places: what alerts are about, a resource or a service of a namespace, each as one string.

An alert looks at a hundred of them around its own. One string for one place, everywhere the same object, is found in a look-up
without being read. It begins with how long the namespace is, so that no two places look alike, whatever they are called.
"""

from sys import intern


def of_resource(namespace: str, name: str) -> str:
    """Where alerts about this resource are."""
    return intern(f"{len(namespace)}/{namespace}/{name}")


def of_service(namespace: str, name: str) -> str:
    """Where alerts about this service are."""
    return intern(f"{len(namespace)}:{namespace}:{name}")
