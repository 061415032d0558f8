"""The MCP Context Controller, one per member: takes the pods' changes up and reports what is served.

Two reconcilers with a queue each, `Mirror` and `StatusReporter`: so the status is kept while the control plane is away.
"""
