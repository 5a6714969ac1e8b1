"""A stand-in for Plane's HTTP API, written from recorded answers of Plane 1.2.2 and 1.3.1."""

from .faults import Faults
from .requestlog import LoggedRequest, RequestLog
from .server import PlaneServer
from .state import PlaneState

__all__ = ["Faults", "LoggedRequest", "PlaneServer", "PlaneState", "RequestLog"]
