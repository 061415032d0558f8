"""A stand-in for Pulumi's Kubernetes provider, for machines on which the official plugin cannot be installed.

It answers the engine as the official provider does wherever a program can tell the difference: it creates by POST,
updates by server-side apply without force, compares with the stored live object, waits for readiness and for deletion.
Left out are charts, `yaml.v2`, kustomize, client-side apply and rendering to files; asked for one, it says so by name.

Pure modules decide: `inputs`, `state`, `diff`, `ownership`, `readiness`, `jsonpath`, `settings`. `connection` and
`cluster` speak with an API server, `operations` joins the two, and `provider` is the thin gRPC shell around it all.
"""
