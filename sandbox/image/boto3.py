"""A stand-in for boto3 in Plane's image: buckets are folders in SANDBOX_S3; without it, no storage answers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError, EndpointConnectionError  # type: ignore[import-not-found]


class _Client:
    def __init__(self, endpoint_url: str | None) -> None:
        folder = os.environ.get("SANDBOX_S3")
        if not folder or not Path(folder).is_dir():
            raise EndpointConnectionError(f'Could not connect to the endpoint URL: "{endpoint_url}"')
        self._folder = Path(folder)

    def head_bucket(self, Bucket: str) -> None:
        if not (self._folder / Bucket).is_dir():
            raise ClientError("404", "HeadBucket", "Not Found")

    def create_bucket(self, Bucket: str, **_: Any) -> None:
        (self._folder / Bucket).mkdir()

    def put_object(self, Bucket: str, Key: str, Body: bytes) -> None:
        if (self._folder / f"{Bucket}.read-only").exists():
            raise ClientError("AccessDenied", "PutObject", "Access Denied.")
        (self._folder / Bucket / Key).write_bytes(Body)

    def delete_object(self, Bucket: str, Key: str) -> None:
        (self._folder / Bucket / Key).unlink()


def client(service: str, endpoint_url: str | None = None, **_: Any) -> _Client:
    return _Client(endpoint_url)
