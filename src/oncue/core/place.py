"""Places: what alerts are about, a resource or a service of a namespace, each as one string.

An alert looks at a hundred of them around its own. One string for one place, everywhere the same object, is found in a look-up
without being read.
"""

from sys import intern


def of_resource(namespace: str, name: str) -> str:
    """Where alerts about this resource are."""
    return intern(f"{namespace}/{name}")


def of_service(namespace: str, name: str) -> str:
    """Where alerts about this service are. No namespace has a colon, nor a slash: it is no resource's place."""
    return intern(f"{namespace}:{name}")
