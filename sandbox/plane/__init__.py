"""A stand-in for Plane's HTTP API, written from recorded answers of every tried release."""

from .faults import Faults
from .requestlog import LoggedRequest, RequestLog
from .server import DEFAULT_VERSION, PlaneServer
from .state import PlaneState

__all__ = ["DEFAULT_VERSION", "Faults", "LoggedRequest", "PlaneServer", "PlaneState", "RequestLog"]
