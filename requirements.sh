#!/bin/sh
# Pins every set of requirements from pyproject.toml, with hashes. Usage: ./requirements.sh path/to/uv
set -eu
# The provider's SDK has the version of the provider that the local fleet builds: else every run of Pulumi warns.
constraint="pulumi-kubernetes==4.25.0"
pin() { # file, extras
    file=$1; shift
    echo "$constraint" | "$uv" pip compile pyproject.toml "$@" --constraint /dev/stdin \
        --universal --python-version 3.11 --generate-hashes --no-header --quiet -o "$file"
}
uv=$1
pin requirements-controllers.txt --extra controllers
pin requirements-stack.txt --extra stack
pin requirements-dev.txt --extra controllers --extra stack --extra fleet --extra cli --extra dev
