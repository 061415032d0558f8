"""The policy pack that judges the payloads of FederatedContexts before anything is created."""
