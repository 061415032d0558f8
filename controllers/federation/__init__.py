"""The federation controller: runs in the host cluster, works on the control plane. One is enough, several are safe.

Three reconcilers read the same `caches`: `contexts` (gather, commit, project: the head becomes MCPContext and
PropagationPolicy), `reports` (status, decisions, pruning) and `members` (prepares clusters; `member_tokens` renews
their credentials). `triggers` wakes them.
"""
