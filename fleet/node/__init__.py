"""The process node: scheduler and kubelet of one local cluster, which runs every container as a plain process.

Pure modules say what must be: `images`, `environment`, `volumes`, `probes`, `restarts`, `adoption`, `status`,
`scheduling`, `addresses`, `sandbox`. Shells around them act: `process`, `directories`, `mounts`, `tokens`, `checks`,
`health`, `plan`, `container`, `pod_volumes`, `pod`, `sources`, `binder`, `registration`, `node`.

Containers die with the node, however it ends, so nothing is ever left behind. A node that comes back finds its pods
bound to it and their volumes in place, emptyDir included, and starts their containers again with one restart more.

What it does not do, knowingly: no image is unpacked (a reference names a local entry point), no resource limits, no
network policy, no Service addresses, no affinity or taints, no volumes but emptyDir (without size limit), configMap,
secret, downwardAPI and projected, no postStart hooks, gRPC probes or ephemeral containers, no `kubectl logs` and
`exec`; a change of a bound pod's image takes effect at the next restart of the container. Volumes with secrets are
files of the node's user, not memory. Containers share the machine's network; every pod has a loopback address.
"""
