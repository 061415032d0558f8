"""The main job: Karmada knows our kinds, `pulumi up` rolls the reference stack out, every context is applied."""
