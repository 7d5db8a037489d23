"""A server that speaks S3, as a process of its own: moto's, which keeps objects in memory and conditional writes.

Run as a program: `python s3server.py PORT`. With `forgetful` behind it, it ignores the conditions of writes, and who
asks (the conditions are part of what is signed).
"""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping

import pytest
from processes import finish

BUCKET = "gaits"
START_SECONDS = 60
MAY = {"all": ["s3:*"], "reader": ["s3:Get*", "s3:List*"]}


class Server:
    """users: by name, the environment in which programs are that user. client: boto3's, of the user `all`."""

    def __init__(self, address: str, checks: bool) -> None:
        import boto3

        everywhere = {"AWS_ENDPOINT_URL": address, "AWS_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true"}
        arguments = {"endpoint_url": address, "region_name": "us-east-1"}
        first = boto3.client("iam", aws_access_key_id="first", aws_secret_access_key="first", **arguments)
        self.users: dict[str, Mapping[str, str]] = {}
        for name, actions in MAY.items():
            first.create_user(UserName=name)
            policy = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": actions, "Resource": "*"}}
            first.put_user_policy(UserName=name, PolicyName="s3", PolicyDocument=json.dumps(policy))
            key = first.create_access_key(UserName=name)["AccessKey"]
            pair = {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
            self.users[name] = {**everywhere, **pair}
        if checks:  # from here on it looks at who asks
            kind = {"Content-Type": "text/plain"}
            asked = urllib.request.Request(f"{address}/moto-api/reset-auth", data=b"0", headers=kind, method="POST")
            urllib.request.urlopen(asked).close()
        key_id, secret = pair_of(self.users["all"])
        self.client = boto3.client("s3", aws_access_key_id=key_id, aws_secret_access_key=secret, **arguments)
        self.client.create_bucket(Bucket=BUCKET)

    def objects(self, prefix: str) -> dict[str, bytes]:
        """Everything under a prefix."""
        found = self.client.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
        return {one["Key"]: self.client.get_object(Bucket=BUCKET, Key=one["Key"])["Body"].read() for one in found}


def pair_of(user: Mapping[str, str]) -> tuple[str, str]:
    """The two halves of the user's key."""
    return user["AWS_ACCESS_KEY_ID"], user["AWS_SECRET_ACCESS_KEY"]


@contextlib.contextmanager
def serving(*how: str) -> Iterator[Server]:
    """A server for the block. Skips the test where a package that it needs is missing."""
    for module in ("boto3", "moto", "flask", "flask_cors"):
        pytest.importorskip(module, reason=f"the S3 server of these tests needs {module}")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryFile("w+") as said:  # a line for each request: no pipe, which would fill
        process = subprocess.Popen([sys.executable, __file__, str(port), *how], stderr=said, text=True)
        try:
            until = time.monotonic() + START_SECONDS
            while not _answers(port) and process.poll() is None and time.monotonic() < until:
                time.sleep(0.1)
            assert _answers(port), f"the S3 server did not start: {said.seek(0) or said.read()}"
            yield Server(f"http://127.0.0.1:{port}", checks="forgetful" not in how)
        finally:
            process.kill()
            finish(process, status=-signal.SIGKILL)


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def _main(port: int, forgetful: bool) -> None:
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import run_simple

    app = DomainDispatcherApplication(create_backend_app)

    def without_conditions(environ, start_response):
        for header in ("HTTP_IF_NONE_MATCH", "HTTP_IF_MATCH"):
            environ.pop(header, None)
        return app(environ, start_response)

    # One request at a time: moto looks at a condition and writes without a lock between
    run_simple("127.0.0.1", port, without_conditions if forgetful else app, threaded=False)


if __name__ == "__main__":
    _main(int(sys.argv[1]), "forgetful" in sys.argv)
