"""What a fleet consists of: addresses, keys, kubeconfigs, the command lines of its clusters and of Karmada."""
