"""The local fleet: a real multi-cluster control plane as plain processes on loopback. It is three programs.

- The fleet proper, `python -m fleet`: `local` brings it up and down, with `toolchain` (the programs, found or built),
  `clusters` (what is to run), `processes` (what runs) and `provisioning` (`pulumi up`). Two processes of its own help
  it: `processes.keeper` starts again what ended, `publisher` keeps endpoints and context directories in `fleet.json`.
- `node`, one per cluster: runs the cluster's pods as local processes; `publisher` finds volumes by its `layout`.
- `language_host`, which `pulumi` starts: runs Pulumi programs and policy packs where the official plugin is missing.

Neither `node` nor `language_host` uses the fleet proper; it knows their command lines only.
"""
