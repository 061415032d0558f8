"""The programs of a fleet: found, or built with Go from the pinned modules in the directories beside."""
