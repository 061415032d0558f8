"""Pulumi's generated protocol modules. They are untyped: their message classes exist only at run time."""

from importlib import import_module
from typing import Any, Final, TypeAlias

Message: TypeAlias = Any
"""A protocol message."""

any_pb2: Final[Any] = import_module("google.protobuf.any_pb2")
empty_pb2: Final[Any] = import_module("google.protobuf.empty_pb2")
struct_pb2: Final[Any] = import_module("google.protobuf.struct_pb2")

_PULUMI = "pulumi.runtime.proto"
engine_pb2: Final[Any] = import_module(f"{_PULUMI}.engine_pb2")
engine_pb2_grpc: Final[Any] = import_module(f"{_PULUMI}.engine_pb2_grpc")
language_pb2: Final[Any] = import_module(f"{_PULUMI}.language_pb2")
language_pb2_grpc: Final[Any] = import_module(f"{_PULUMI}.language_pb2_grpc")
plugin_pb2: Final[Any] = import_module(f"{_PULUMI}.plugin_pb2")
provider_pb2: Final[Any] = import_module(f"{_PULUMI}.provider_pb2")
provider_pb2_grpc: Final[Any] = import_module(f"{_PULUMI}.provider_pb2_grpc")
status_pb2: Final[Any] = import_module(f"{_PULUMI}.status_pb2")
