"""Enrol on object storage by one process, identify from another, by the real command line."""

from __future__ import annotations

import json

import pytest
from s3server import BUCKET, serving

pytestmark = pytest.mark.slow

DB = f"s3://{BUCKET}/people"


def test_who_is_enrolled_at_an_address_is_identified_from_elsewhere(gait, walkers, monkeypatch):
    with serving() as server:
        for name, value in server.users["all"].items():
            monkeypatch.setenv(name, value)
        done = gait("enrol", walkers("gallery"), "--db", DB, "--name", "1=Ada", "--set", "output.videos=false")
        assert done.returncode == 0, done.stderr
        for name, value in server.users["reader"].items():
            monkeypatch.setenv(name, value)
        done = gait("identify", walkers("gallery"), "--db", DB, "--set", "output.videos=false")
        assert done.returncode == 0, done.stderr
        folder = gait.cwd / done.stdout.splitlines()[-1]
        results = json.loads((folder / "results.json").read_text())
        assert results["db"] == DB and [person["name"] for person in results["people"].values()] == ["Ada"]
        (tracks,) = results["probes"].values()
        assert [track for track, found in tracks.items() if found["name"] == "Ada"] == ["001"]
        refused = gait("identify", walkers("gallery"), "--db", DB, "--unknown-as", "new")
        assert refused.returncode == 2 and "access denied" in refused.stderr.splitlines()[-1]
        assert not (gait.cwd / "s3:").exists()
        secrets = [user["AWS_SECRET_ACCESS_KEY"].encode() for user in server.users.values()]
        written = [path.read_bytes() for path in gait.cwd.rglob("*") if path.is_file()]
        assert written and not any(secret in content for secret in secrets for content in written)
