from pathlib import Path

from fleet.processes.limits import inotify_shortage, shortage


def test_enough_instances_need_no_words() -> None:
    assert shortage(limit=128, used=20, new_clusters=4) is None


def test_a_shortage_says_how_many_are_missing_and_how_to_get_more() -> None:
    said = shortage(limit=128, used=100, new_clusters=4)

    assert said is not None
    assert "100 of your 128 inotify instances" in said
    assert "needs about 50" in said
    assert "sysctl fs.inotify.max_user_instances=1024" in said


def test_a_fleet_that_starts_nothing_needs_nothing() -> None:
    assert inotify_shortage(new_clusters=0) is None


def test_instances_in_use_are_counted() -> None:
    limit = int(Path("/proc/sys/fs/inotify/max_user_instances").read_text())

    assert inotify_shortage(new_clusters=limit) is not None
