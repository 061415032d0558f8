"""The policy pack that judges FederatedContexts before anything is created."""
