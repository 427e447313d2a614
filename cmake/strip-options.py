#!/usr/bin/python3
"""strip-options.py IN OUT: a descriptor set without custom options and without the file that declares them."""
import sys

from google.protobuf import descriptor_pb2

OPTIONS = "coracle/options.proto"


def strip(file):
    kept = [d for d in file.dependency if d != OPTIONS]
    del file.dependency[:]
    file.dependency.extend(kept)
    del file.public_dependency[:]
    file.options.Clear()
    for message in file.message_type:
        strip_message(message)


def strip_message(message):
    is_map = message.options.map_entry
    message.options.Clear()
    if is_map:
        message.options.map_entry = True
    for field in message.field:
        field.options.Clear()
    for nested in message.nested_type:
        strip_message(nested)


def main(source, target):
    descriptors = descriptor_pb2.FileDescriptorSet()
    with open(source, "rb") as f:
        descriptors.ParseFromString(f.read())
    files = [f for f in descriptors.file if f.name != OPTIONS and not f.name.startswith("google/")]
    for file in files:
        strip(file)
    with open(target, "wb") as f:
        f.write(descriptor_pb2.FileDescriptorSet(file=files).SerializeToString())


main(*sys.argv[1:])
