"""A stand-in for botocore in Plane's image; see boto3.py."""
