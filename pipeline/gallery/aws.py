"""boto3 and what it says. Credentials, region and endpoint come from where AWS's own tools take them (AWS_… variables,
~/.aws), and go nowhere but to boto3 and LanceDB.
"""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Iterator
from typing import Any

from pipeline.errors import GalleryError
from pipeline.gallery.place import Address

REGION = "us-east-1"  # what S3's own tools take where none is set
RETRY_SECONDS = 20  # of LanceDB; by default it tries for three minutes
GONE = ("NoSuchKey", "NoSuchUpload", "404")


def client(address: Address) -> Any:
    """boto3's client of S3. Raises GalleryError where there is no boto3, or its settings are wrong."""
    with server_refusals(address):
        return _reached(_settings())[1]


def lancedb_options() -> dict[str, str]:
    """What boto3 found, for LanceDB: it would look for some of it elsewhere. Raises boto3's own errors."""
    from botocore.exceptions import NoCredentialsError

    session, reached = _reached(_settings())
    found = session.get_credentials()
    if found is None:
        raise NoCredentialsError
    secrets = found.get_frozen_credentials()
    options = {
        "aws_access_key_id": secrets.access_key,
        "aws_secret_access_key": secrets.secret_key,
        "aws_region": session.region_name,
        "client_retry_timeout": str(RETRY_SECONDS),
    }
    if secrets.token:
        options["aws_session_token"] = secrets.token
    endpoint = reached.meta.endpoint_url
    if "amazonaws.com" not in endpoint:
        options |= {"aws_endpoint": endpoint, "allow_http": str(endpoint.startswith("http://")).lower()}
    return options


@contextlib.contextmanager
def server_refusals(address: Address) -> Iterator[None]:
    """Turn what boto3 says into one line. Raises FileNotFoundError for an object that is not there."""
    try:
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError:
        raise GalleryError(f"{address}: addresses need boto3. Install it: pip install 'gaitid[s3]'") from None
    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code in GONE:
            raise FileNotFoundError(2, "No such object", str(address)) from error
        raise GalleryError(f"{address}: {_refused(address, code, error)}") from error
    except BotoCoreError as error:
        raise GalleryError(f"{address}: {_unreached(error)}") from error


def _refused(address: Address, code: str, error: Exception) -> str:
    """Why the server says no, and what to do."""
    if code == "NoSuchBucket":
        return f"there is no bucket {address.bucket!r}. Make it first, or mind the spelling and AWS_ENDPOINT_URL."
    if code in ("AccessDenied", "403", "Forbidden", "AllAccessDisabled"):
        return f"access denied ({code}). Give the credentials the right to read and write there, or use others."
    if code in ("InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "InvalidClientTokenId"):
        return f"the credentials are refused ({code}). Mind AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
    if code in ("PermanentRedirect", "AuthorizationHeaderMalformed", "301"):
        return f"the bucket is in another region ({code}). Set AWS_REGION."
    return f"refused by the server ({_brief(error)}). Try again, or ask its owner."


def _unreached(error: Exception) -> str:
    """Why the server was not even asked, and what to do."""
    name = type(error).__name__
    if "Credential" in name or "Token" in name:
        return "no credentials. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE."
    if "Connect" in name or "Timeout" in name or "HTTPClient" in name or "SSL" in name:
        return f"the server is not reached ({_brief(error)}). Mind the network and AWS_ENDPOINT_URL."
    return f"AWS's settings cannot be used ({_brief(error)}). Mind the AWS_ variables and ~/.aws/config."


def _brief(error: Exception) -> str:
    return " ".join(str(error).split())[:160] or type(error).__name__


def _settings() -> frozenset[tuple[str, str]]:
    return frozenset(pair for pair in os.environ.items() if pair[0].startswith("AWS_"))


@functools.lru_cache(maxsize=4)
def _reached(settings: frozenset[tuple[str, str]]) -> tuple[Any, Any]:
    """boto3's session and its client of S3 for these AWS_… variables; making them takes a tenth of a second."""
    import boto3
    from botocore.config import Config

    region = os.environ.get("AWS_REGION") or boto3.session.Session().region_name or REGION
    session = boto3.session.Session(region_name=region)
    config = Config(connect_timeout=5, read_timeout=30, retries={"mode": "standard", "max_attempts": 3})
    return session, session.client("s3", config=config)
