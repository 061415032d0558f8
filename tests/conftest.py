"""What all tests share: a property-based test has no deadline, because a busy machine is not a failure."""

from hypothesis import settings

settings.register_profile("project", deadline=None)
settings.load_profile("project")
