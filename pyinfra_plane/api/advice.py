"""What messages of this client advise, in words that whoever uses it can replace with its own settings' names."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Advice:
    """The advice at the end of messages, by what went wrong.

    Args:
        address: something else than Plane's API answered.
        certificate: the certificate is not trusted.
        scheme: TLS failed.
        workspace_admin: the account that asked may not do this in the workspace.
        instance_admin: only an instance admin may do this.
        form_limit: Plane took no sign-in for minutes.
    """

    address: str = "is this the address of Plane's API?"
    certificate: str = "trust its CA, or use the name that the certificate is for"
    scheme: str = "is it http rather than https?"
    workspace_admin: str = "change that in Plane (Workspace settings, Members), or ask as such an account"
    instance_admin: str = "ask as one"
    form_limit: str = "raise AUTHENTICATION_RATE_LIMIT"
