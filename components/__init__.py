"""PROVISION: Pulumi components that roll the federation out over a fleet, and the authoring of payloads."""
