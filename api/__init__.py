"""WHAT is federated: the kinds of group mcpfed.io/v1alpha1 as pydantic types, the only source of the CRDs."""
