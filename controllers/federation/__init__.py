"""The federation controller: runs in the host cluster, works on the control plane. One is enough, several are safe.

`contexts` takes every FederatedContext through declare, merge, commit, project; `members` prepares registered clusters.
"""
