"""How long an edit takes, next to what Karmada and the bare API servers need for the same in the same run."""
