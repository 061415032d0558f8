"""Pulumi's generated protocol modules. They are untyped: their message classes exist only at run time."""

from importlib import import_module
from typing import Any, Final, TypeAlias

Message: TypeAlias = Any
"""A protocol message."""

empty_pb2: Final[Any] = import_module("google.protobuf.empty_pb2")
language_pb2: Final[Any] = import_module("pulumi.runtime.proto.language_pb2")
language_pb2_grpc: Final[Any] = import_module("pulumi.runtime.proto.language_pb2_grpc")
plugin_pb2: Final[Any] = import_module("pulumi.runtime.proto.plugin_pb2")
