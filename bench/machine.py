"""Where the figures come from: the machine and the versions, as text for the tables."""

import importlib.metadata
import os
import platform
import sqlite3
import time
from pathlib import Path

import psutil


def describe(data: Path) -> dict[str, str]:
    """What a reader needs to judge the figures."""
    return {
        "cpu": f"{_cpu_model()}, {os.cpu_count()} cores",
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "disk": f"{_file_system(data)}; {_fsync_ms(data):.2f} ms per fsync of 4 KiB (median)",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "oncue": importlib.metadata.version("oncue"),
    }


def _cpu_model() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _file_system(path: Path) -> str:
    mounts = [part for part in psutil.disk_partitions(all=True) if str(path.resolve()).startswith(part.mountpoint)]
    return max(mounts, key=lambda part: len(part.mountpoint)).fstype if mounts else "unknown"


def _fsync_ms(path: Path) -> float:
    target = path / "fsync-probe"
    times = []
    with target.open("wb", buffering=0) as probe:
        for _ in range(50):
            probe.write(b"\0" * 4096)
            before = time.perf_counter()
            os.fsync(probe.fileno())
            times.append((time.perf_counter() - before) * 1000)
    target.unlink()
    return sorted(times)[len(times) // 2]
