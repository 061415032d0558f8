"""The MCP Context Controller, one per member: takes the pods' changes up and reports what is served.

Two reconcilers with a queue each, `Mirror` and `Report`: so the report goes on while the control plane is away.
"""
