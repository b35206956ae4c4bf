"""placeholder"""

from oncue.evidence.bundle import Bundle


def page(bundle: Bundle) -> str:
    """x"""
    return "<!doctype html>"
