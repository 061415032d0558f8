#!/bin/sh
# Pins every set of requirements from pyproject.toml, with hashes. Usage: ./requirements.sh path/to/uv
set -eu
pin() { # file, extras
    file=$1; shift
    "$uv" pip compile pyproject.toml "$@" --universal --python-version 3.11 --generate-hashes --no-header --quiet -o "$file"
}
uv=$1
pin requirements-controllers.txt --extra controllers
pin requirements-stack.txt --extra stack
pin requirements-dev.txt --extra controllers --extra stack --extra fleet --extra cli --extra dev
