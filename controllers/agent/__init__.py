"""The agent: renders revisions into a pod's context directories, and proposes what changes there."""
