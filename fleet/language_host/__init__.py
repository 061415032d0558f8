"""Pulumi's Python language host, for machines on which the official one is not installed.

The interpreter that runs it also runs programs, policy packs and plugins: the project's environment has all that they
need. So `virtualenv` and `toolchain` in Pulumi.yaml have no effect, and there is nothing to install. A program itself
is started by Pulumi's own `pulumi-language-python-exec`.
"""
