"""`rotator demo`: the whole product against a simulated tenant, with days that pass in seconds."""

from rotator.cli.demo.command import demo

__all__ = ["demo"]
