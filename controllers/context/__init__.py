"""The MCP Context Controller, one per member: takes the pods' changes up and reports what is served.

Two reconcilers with a queue each, `mirror` and `status`: so the status is kept up while the control plane is away.
`remote` is the client of the control plane, with the `credential` delivered to this member; `caches` is this member.
"""
