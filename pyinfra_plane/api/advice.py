"""The advice in this client's messages, which a program can replace with the names of its own settings."""

from __future__ import annotations

from pyinfra_plane.dataclass import dataclass


@dataclass(frozen=True)
class Advice:
    """The advice at the end of messages, by problem.

    Args:
        address: the answer did not come from Plane's API.
        certificate: the certificate is not trusted.
        scheme: TLS failed.
        workspace_admin: the requesting account may not do this in the workspace.
        instance_admin: only an instance admin may do this.
        form_limit: Plane accepted no sign-in for minutes.
    """

    address: str = "use the address of Plane's API"
    certificate: str = "trust its CA, or use the name that the certificate is for"
    scheme: str = "if Plane uses http there, write http://"
    workspace_admin: str = "change that in Plane (Workspace settings, Members), or use such an account"
    instance_admin: str = "use the account of one"
    form_limit: str = "raise AUTHENTICATION_RATE_LIMIT"
