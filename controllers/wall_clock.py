"""The wall clock, as controllers read it and as Kubernetes objects carry it."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """The time now, UTC."""
    return datetime.now(UTC)


def rfc3339(time: datetime) -> str:
    """A time in UTC to the second, as in `metadata.creationTimestamp`."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")
