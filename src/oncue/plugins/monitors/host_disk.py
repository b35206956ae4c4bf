"""The monitor `host.disk`: how full this machine's file systems are, and when they will be."""

import asyncio
import os
import socket
from collections import deque
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final

import msgspec
import psutil

from oncue.sdk import ActionError, Context, ErrorDoc, MetricDoc, Probe, Reading

TREND_POINTS: Final = 240
TREND_LEAST: Final = 10
"""Fewer probes than this make no trend."""
TREND_FARTHEST_S: Final = 30 * 86_400.0
"""A time to full beyond this is not worth a forecast."""

_REAL: Final = ("/dev/", "overlay", "zfs", "nfs", "cifs")


class Settings(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Which file systems."""

    mounts: list[str] = []
    """Mount points; empty takes `/` and every file system on a disk."""
    exclude: tuple[str, ...] = ("/boot", "/boot/efi", "/snap")
    """Mount points, and all below them, that are left out when `mounts` is empty."""
    trend: Annotated[int, msgspec.Meta(ge=TREND_LEAST, le=TREND_POINTS)] = 120
    """Over how many probes the time to full is reckoned."""


class HostDisk:
    """Each file system is an instance of its own."""

    name = "host.disk"
    settings = Settings
    primary = "host.disk.used"
    remote = False
    passive = False
    metrics = (
        MetricDoc("host.disk.used", "%", "Disk", "Space that ordinary users cannot write to any more."),
        MetricDoc("host.disk.free", "B", "Free space", "Space that ordinary users can write to."),
        MetricDoc("host.disk.inodes_used", "%", "Inodes", "Inodes in use; absent where the file system counts none."),
        MetricDoc(
            "host.disk.time_to_full",
            "h",
            "Time to full disk",
            "At the present trend; absent while it does not fill up.",
        ),
    )
    errors = (
        ErrorDoc("host.disk.missing", "A mount point that the manifest names does not exist."),
        ErrorDoc("host.disk.hangs", "A file system does not answer, as when the server of a network mount is away."),
    )

    def __init__(self) -> None:
        self._asked: dict[str, asyncio.Future[os.statvfs_result]] = {}
        self._trend: dict[str, deque[tuple[float, float]]] = {}

    def subject(self, settings: Settings) -> str:
        """This machine."""
        return socket.gethostname()

    async def probe(self, settings: Settings, context: Context, at: datetime) -> Probe:
        """The present figures of each file system. A hanging network mount ends in the monitor's timeout."""
        mounts = settings.mounts or await asyncio.to_thread(_mounts, settings.exclude)
        readings: list[Reading] = []
        for mount in mounts:
            try:
                readings += self._readings(mount, await self._ask(mount), settings, at)
            except FileNotFoundError as error:
                raise ActionError("host.disk.missing", f"{mount} does not exist") from error
            except PermissionError:
                continue
        return Probe(readings=readings)

    async def _ask(self, mount: str) -> os.statvfs_result:
        """One question at a time for each file system: a hanging one holds one thread, not one per probe."""
        asked = self._asked.get(mount)
        if asked is not None and not asked.done():
            raise ActionError("host.disk.hangs", f"{mount} has not answered since an earlier probe")
        self._asked[mount] = asyncio.ensure_future(asyncio.to_thread(os.statvfs, mount))
        return await asyncio.shield(self._asked[mount])

    def _readings(self, mount: str, found: os.statvfs_result, settings: Settings, at: datetime) -> list[Reading]:
        labels = {"mount": mount}
        free = found.f_bavail * found.f_frsize
        writable = found.f_blocks - found.f_bfree + found.f_bavail
        if writable == 0:
            return []
        used = 100.0 * (1 - found.f_bavail / writable)
        readings = [
            Reading(metric="host.disk.used", value=round(used, 2), unit="%", instance=mount, labels=labels),
            Reading(metric="host.disk.free", value=float(free), unit="B", instance=mount, labels=labels),
        ]
        if found.f_files:
            inodes = 100.0 * (1 - found.f_ffree / found.f_files)
            readings.append(
                Reading(metric="host.disk.inodes_used", value=round(inodes, 2), unit="%", instance=mount, labels=labels)
            )
        trend = self._trend.setdefault(mount, deque(maxlen=settings.trend))
        trend.append((at.timestamp(), float(free)))
        full_in_s = seconds_to_zero(list(trend))
        if full_in_s is not None:
            readings.append(
                Reading(
                    metric="host.disk.time_to_full",
                    value=round(full_in_s / 3600, 2),
                    unit="h",
                    instance=mount,
                    labels=labels,
                )
            )
        return readings


def seconds_to_zero(points: list[tuple[float, float]]) -> float | None:
    """When the least-squares line through (time, value) reaches zero, from the last point on.

    None if the points are few, the value does not fall, or the time is beyond `TREND_FARTHEST_S`.
    """
    if len(points) < TREND_LEAST:
        return None
    mean_time = sum(time for time, _ in points) / len(points)
    mean_value = sum(value for _, value in points) / len(points)
    spread = sum((time - mean_time) ** 2 for time, _ in points)
    if spread == 0:
        return None
    slope = sum((time - mean_time) * (value - mean_value) for time, value in points) / spread
    if slope >= 0:
        return None
    left = points[-1][1] / -slope
    return left if left <= TREND_FARTHEST_S else None


def _mounts(exclude: tuple[str, ...]) -> list[str]:
    found = ["/"]
    devices = set()
    for partition in psutil.disk_partitions(all=False):
        mount = partition.mountpoint
        below = any(mount == one or mount.startswith(one.rstrip("/") + "/") for one in exclude)
        # The same device is often mounted again into containers and snapshots, and files can be mount points.
        if below or not partition.device.startswith(_REAL) or not Path(mount).is_dir() or partition.device in devices:
            continue
        devices.add(partition.device)
        if mount not in found:
            found.append(mount)
    return found
