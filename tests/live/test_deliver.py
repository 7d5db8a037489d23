"""Events come to other programs in order and at least once each, whatever happens to those meanwhile."""

from __future__ import annotations

import base64
import time

import pytest
from receivers import Broker, Hook

from pipeline.errors import ConfigError
from pipeline.live import deliver
from pipeline.live.deliver import Delivery, Mqtt, Webhook

pytest.importorskip("paho.mqtt", reason="paho-mqtt is not installed")


def events(count, start=0):
    return [{"id": f"run-{number}", "name": "Ada 王芳\u2028"} for number in range(start, start + count)]


def soon(happens):
    return any(happens() or time.sleep(0.01) for _ in range(2000))


def ids(events):
    return [event["id"] for event in events]


def put(delivery, some):
    for event in some:
        delivery.put(event)


def test_events_are_posted_in_order_as_the_file_has_them():
    with Hook() as hook:
        with Delivery(Webhook(f"http://ada:s3cr%40t@127.0.0.1:{hook.port}/hook/abc?key=x")) as delivery:
            put(delivery, events(20))
        assert hook.got == events(20)  # the end waits for them
        (head, *_) = hook.heads
    assert head["path"] == "/hook/abc?key=x" and head["Content-Type"] == "application/json"
    assert base64.b64decode(head["Authorization"].removeprefix("Basic ")) == b"ada:s3cr@t"


def test_a_webhook_that_fails_gets_each_event_again_until_it_takes_it(lines):
    with Hook([503, None, 404, 302, 200, 200, 500]) as hook:
        with Delivery(Webhook(f"http://ada:s3cret@127.0.0.1:{hook.port}/hook/t0ken"), 0.01) as delivery:
            put(delivery, events(5))
        assert hook.got == events(5)
        assert ids(hook.tried) == ["run-0"] * 5 + ["run-1", "run-2", "run-2", "run-3", "run-4"]
    told = "\n".join(lines)
    assert told.count("events are not received (it answers 503)") == 1
    assert told.count("events are received again") == 2, "an outage each"
    assert "s3cret" not in told and "t0ken" not in told


def test_a_receiver_that_hangs_holds_nobody_up_and_the_oldest_are_dropped(lines, monkeypatch):
    monkeypatch.setattr(deliver, "MOST_WAITING", 3)
    monkeypatch.setattr(deliver, "FAREWELL_S", 0.1)
    with Broker(silent=True) as broker:
        with Delivery(Mqtt(f"mqtt://127.0.0.1:{broker.port}/gait")) as delivery:
            put(delivery, events(1))
            assert soon(lambda: broker.got)
            put(delivery, events(9, start=1))  # though nothing is acknowledged
        assert ids(event for _, event in broker.got) == ["run-0"]
    assert sum("3 events wait; the oldest are dropped" in line for line in lines) == 1
    assert sum("3 events were not delivered" in line for line in lines) == 1


def test_what_was_dropped_is_told_when_the_receiver_is_back(lines, monkeypatch):
    monkeypatch.setattr(deliver, "MOST_WAITING", 3)
    with Hook([503] * 4) as hook, Delivery(Webhook(f"http://127.0.0.1:{hook.port}/"), 0.05) as delivery:
        put(delivery, events(1))
        assert soon(lambda: hook.tried)
        put(delivery, events(9, start=1))
        assert soon(lambda: len(hook.got) == 3)
        assert ids(hook.got) == ["run-0", "run-8", "run-9"], "the first, which was on its way, and the newest"
    assert any("received again; 7 were dropped" in line for line in lines)


def test_a_broker_that_is_killed_gets_the_rest_when_it_is_back(lines, monkeypatch):
    monkeypatch.setattr(deliver, "ANSWER_S", 0.2)
    with Broker(password="s3cret") as broker:
        with Delivery(Mqtt(f"mqtt://ada:s3cret@127.0.0.1:{broker.port}/home/gait"), 0.01) as delivery:
            put(delivery, events(30))
            assert soon(lambda: len(broker.got) >= 30)
            broker.silent = True
            put(delivery, events(30, start=30))
            assert soon(lambda: len(broker.got) == 31), "one is taken and not acknowledged"
            broker.kill()
            assert soon(lambda: any("not received" in line for line in lines))
            broker.silent = False
            broker.start()
            assert soon(lambda: len(broker.got) >= 61)
        came = ids(event for _, event in broker.got)
        assert came == ids(events(31)) + ids(events(30, start=30)), "the one twice, with its id; in order"
        assert {topic for topic, _ in broker.got} == {"home/gait"}
    told = "\n".join(lines)
    assert told.count("not received (it cannot be reached)") + told.count("not received (no answer)") == 1
    assert told.count("received again") == 1
    assert "s3cret" not in told


def test_a_broker_that_refuses_the_password_is_told(lines, monkeypatch):
    monkeypatch.setattr(deliver, "ANSWER_S", 0.5)
    monkeypatch.setattr(deliver, "FAREWELL_S", 0.1)
    with (
        Broker(password="right") as broker,
        Delivery(Mqtt(f"mqtt://ada:wr0ng@127.0.0.1:{broker.port}/gait")) as delivery,
    ):
        put(delivery, events(1))
        assert soon(lambda: any("bad user name or password" in line for line in lines))
        assert not broker.got
    assert not any("wr0ng" in line for line in lines)


@pytest.mark.parametrize(
    ("made", "address"),
    [
        (Webhook, "ftp://ada:s3cret@host:21/x"),
        (Webhook, "ada:s3cret@host/x"),
        (Webhook, "file:///etc/s3cret"),
        (Webhook, "http:///s3cret"),
        (Webhook, "http://ada:s3cret@host:port/"),
        (Webhook, "http://ada:s3cret@host:99999/"),
        (Webhook, "http://ada:s3cret@host/\r\nX: y"),
        (Webhook, "http://ada:s3cret@höst/"),
        (Mqtt, "http://ada:s3cret@host/topic"),
        (Mqtt, "mqtt://ada:s3cret@host"),
        (Mqtt, "mqtt://ada:s3cret@host/#"),
        (Mqtt, "mqtt://ada:s3cret@host/a/+/b"),
        (Mqtt, "mqtt://ada:s3cret@host/a?b"),
    ],
)
def test_other_addresses_are_refused_in_one_line_that_does_not_show_them(made, address):
    with pytest.raises(ConfigError) as refusal:
        made(address)
    said = str(refusal.value)
    assert said.startswith("--webhook" if made is Webhook else "--mqtt") and "\n" not in said and "s3cret" not in said
