"""Packages of plugins that a test writes itself, installed as an installer leaves them, for the servers that it starts."""

import os
from pathlib import Path


def install(site: Path, name: str, text: str, points: str) -> None:
    """A package of one module is there, with these entry points."""
    info = site / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (site / f"{name}.py").write_text(text)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(points)


def seeing(site: Path) -> dict[str, str]:
    """Variables by which a server sees what is installed there, before all else that it sees."""
    return {"PYTHONPATH": os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH")]))}
