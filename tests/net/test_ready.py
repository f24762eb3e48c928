# SPDX-License-Identifier: GPL-2.0-or-later
"""Is the backup ready, and what follows when it is not: backup-init-check; `baton ready`."""

import json
import pathlib

import jsonschema
import pytest

from controller import Pair
from etcd import Etcd
from lab import PORT, wait_until
from test_alarms import texts

SCHEMAS = pathlib.Path(__file__).resolve().parents[1] / "schema"
CHECKED = {"TServer": {"backup-init-check": "true", "backup-init-check-timeout": "15"}}

# Bound, but listening on nothing: no server could open the port, and no lookup for a frame finds who has it.
STRANGER = f"""
import socket, time
s = socket.socket()
s.bind(("0.0.0.0", {PORT}))
print("has it", flush=True)
time.sleep(600)
"""


def stranger(node):
    process = node.start("stranger", "/usr/bin/python3", "-c", STRANGER)
    wait_until(lambda: "has it" in process.text(), 5, f"the stranger to take the port: {process.text()}")
    return process


def not_ready(batond):
    group = batond.group()
    return group["service"] == "unavailable" and group["service_reason"].startswith("not-ready: ")


@pytest.mark.parametrize("settings", [CHECKED])
@pytest.mark.parametrize("mode", ["alone", "witness"])
def test_a_backup_that_is_not_ready_serves_only_as_the_last_one(lab, servers, settings, mode):
    taken = stranger(lab.b)
    etcd = Etcd(lab).start() if mode == "witness" else None
    pair = Pair(lab, settings, of=etcd.settings() if etcd else None).start()
    wait_until(lambda: not_ready(pair.b), 40, f"b to be found not ready: {pair.b.group()}")
    text = f"port 10.77.0.100:{PORT}/tcp: Address already in use"
    wait_until(lambda: pair.b.gate == "shut", 5, f"its gate to be shut: {pair.b.group()}")
    assert text in pair.b.group()["service_reason"] and text in texts(pair.b)["backup-not-ready sip"], texts(pair.b)
    assert pair.a.group()["service"] == "running" and "backup-not-ready sip" not in texts(pair.a), texts(pair.a)
    assert pair.a.cli("switchover", check=False).returncode == 1, "nobody asks a backup that is not ready"
    assert pair.a.role == "primary"
    if mode == "alone":
        lab.death("a")
        pair.b.wait_role("primary", 10)
        assert "backup-not-ready sip" not in texts(pair.b), "a primary is not judged by it"
        return
    etcd.cut("a")
    lab.death("a")
    wait_until(lambda: pair.b.status()["peer"]["state"] == "down", 10, "the peer to be found dead")
    wait_until(lambda: "peer-down" in texts(pair.b), 5, texts(pair.b))
    with pytest.raises(Exception, match="to be primary"):
        pair.b.wait_role("primary", 3)
    taken.kill()
    pair.b.wait_role("primary", 10)	# ready later


def ready(batond, *what):
    """Exit code, and the group's row; the document is held against its schema."""
    done = batond.cli("-j", "ready", *what, check=False)
    doc = json.loads(done.stdout)
    jsonschema.validate(doc, json.loads((SCHEMAS / "ready.json").read_text()))
    assert doc["ready"] == (done.returncode == 0) and doc["asked"] == (what[0] if what else "switchover"), (done, doc)
    return done.returncode, doc["groups"][0]


def test_who_is_ready_for_what(pair):
    """The guide's 60 s are told, and delay nobody: what `switchover` goes by is in status."""
    primary, backup = pair[pair.primary], pair[pair.backup]
    code, row = ready(primary)
    assert code == 1 and row["switchover_reason"].startswith("the pair is whole for "), row
    assert "is not ready for a switchover: the pair is whole" in primary.cli("ready", check=False).stderr
    assert primary.group()["ready"] == {"switchover": True, "upgrade": False, "reason": ""}
    assert ready(primary, "upgrade")[0] == 1 and ready(backup, "upgrade")[0] == 0
    wait_until(lambda: ready(backup, "switchover")[0] == 0, 5, f"the backup to be ready: {ready(backup)}")
    assert "ready" in backup.cli("ready").stdout
    primary.cli("switchover")
    pair.settle()
    assert ready(primary, "upgrade")[0] == 0, "it is the backup now"
    pair.lab.death(pair.backup)
    left = pair["a" if pair.a.role == "primary" else "b"]
    wait_until(lambda: ready(left)[1]["switchover_reason"] == "peer is down", 5, f"nobody to switch to: {ready(left)}")
