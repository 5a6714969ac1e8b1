"""Run by Python in a container of Plane's image: create the bucket if it is missing, and write a test file to it."""

import json
import os
import time

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError

KEY = "plane-deploy-write-test"
TRIES = int(os.environ.get("BUCKET_TRIES", "15"))


def main() -> dict[str, object]:
    get = os.environ.get
    endpoint, region, bucket = get("AWS_S3_ENDPOINT_URL") or get("MINIO_ENDPOINT_URL"), get("AWS_REGION"), ""
    try:
        bucket = os.environ["AWS_S3_BUCKET_NAME"]
        client = boto3.client(
            "s3",
            endpoint_url=endpoint or None,
            aws_access_key_id=get("AWS_ACCESS_KEY_ID"),
            aws_secret_access_key=get("AWS_SECRET_ACCESS_KEY"),
            region_name=region or None,
            config=Config(signature_version="s3v4", connect_timeout=10, read_timeout=20, retries={"max_attempts": 5}),
        )
        created = not awaited(lambda: exists(client, bucket))
        if created:
            # AWS requires the region, except for the first one; MinIO requires none.
            wants_region = not endpoint and region not in (None, "", "us-east-1")
            options = {"CreateBucketConfiguration": {"LocationConstraint": region}} if wants_region else {}
            client.create_bucket(Bucket=bucket, **options)
        client.put_object(Bucket=bucket, Key=KEY, Body=b"")
        client.delete_object(Bucket=bucket, Key=KEY)
    except (BotoCoreError, ClientError, ValueError, KeyError) as error:
        return {"error": f"{type(error).__name__}: {error}"}
    return {"created": created}


def awaited(ask):  # type: ignore[no-untyped-def]
    """Retry for some seconds, because storage that was just started may not listen yet."""
    for _ in range(TRIES):
        try:
            return ask()
        except EndpointConnectionError:
            time.sleep(1)
    return ask()


def exists(client, bucket) -> bool:  # type: ignore[no-untyped-def]
    try:
        client.head_bucket(Bucket=bucket)
    except ClientError as error:
        if str(error.response.get("Error", {}).get("Code")) in ("404", "NoSuchBucket"):
            return False
        if str(error.response.get("Error", {}).get("Code")) == "403":
            return True  # keys that may only read and write objects; writing shows whether the bucket exists
        raise
    return True


print(json.dumps(main()))
