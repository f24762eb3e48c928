# SPDX-License-Identifier: GPL-2.0-or-later
"""What must be refused: is each refusal told clearly, and does nothing else move?

A refused start is tried on host a while b leads alone and is asked all the time: neither b nor anything of a's
network may be another afterwards.
"""

import contextlib
import json
import os
import signal
import time

import pytest

import lab as room
import traffic
from controller import SECRET, Batond, Pair, other
from lab import VIP, wait_until

FORGE = os.path.join(os.path.dirname(__file__), "forge.py")
PYTHON = "/usr/bin/python3"


# ---- a witness: b leads, a is to be refused ----------------------------------------------------------

class Witness:
    def __init__(self, lab):
        self.lab = lab
        traffic.answerer(lab, "b")
        lab.a.run("tc", "qdisc", "add", "dev", "eth0", "clsact")	# shared with others: never removed by batond
        self.b = Batond(lab, "b").start()
        self.b.wait_role("primary")

    def of_host_a(self):
        """All that a start could change outside of its own directories."""
        run = self.lab.a.run
        return {
            "addresses": run("ip", "addr").stdout,
            "routes": "".join(run("ip", family, "route", "show", "table", "all").stdout for family in ("-4", "-6")),
            "xdp": run("ip", "-d", "link", "show", "eth0").stdout,
            "tc": run("tc", "filter", "show", "dev", "eth0", "egress").stdout,
            "settings": settings_of(self.lab.a),
            "pins": sorted(os.listdir(self.lab.a.pin_dir)) if os.path.isdir(self.lab.a.pin_dir) else [],
        }

    @contextlib.contextmanager
    def sees_nothing_move(self):
        before, changes, term = self.of_host_a(), self.b.role_changes(), self.b.term
        asked = traffic.Probe(self.lab)
        asked.wait_answered_by("b")
        with asked.event("start"):
            yield
        seen = asked.stop()
        assert seen["marks"]["start"]["lost"] == 0 and len(seen["segments"]) == 1, f"clients noticed: {seen}"
        assert (self.b.role_changes(), self.b.term) == (changes, term), "b moved"
        for what, was in before.items():
            assert self.of_host_a()[what] == was, f"{what} of a: was {was}, is {self.of_host_a()[what]}"


def settings_of(node):
    return node.run("sysctl", "-a", "--pattern", r"ip_nonlocal_bind|\.(all|eth0)\.arp_(ignore|announce)").stdout


@pytest.fixture(scope="module")
def witness():
    with room.Lab() as lab:
        yield Witness(lab)


def start_refused(batond):
    """Start it; the line with which it gave up, its last."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(os.path.join(batond.lab.dir, f"{batond.host}-controller.log"))
    batond.forget_state()
    batond.start(wait=False)
    assert batond.process.wait(10) == 1, f"started, or ended oddly: {batond.log()}"
    last = batond.log().splitlines()[-1]
    assert last.startswith("start failed "), f"no reason given: {batond.log()}"
    return last


def refused(witness, *texts, settings=None, batond=None):
    batond = batond or Batond(witness.lab, "a", settings)
    with witness.sees_nothing_move():
        said = start_refused(batond)
    for text in texts:
        assert text in said, f"'{text}' is not in: {said}"


# ---- interfaces, ports, secrets ----------------------------------------------------------------------

@pytest.mark.parametrize("settings", [
    {"group sip": {"interface": "eth7"}},
    {"group sip": {"sip-address": [f"{VIP}/24", "10.79.0.100/24 dev eth7"]}},
    {"peer": {"path": ["eth0 10.77.0.2", "eth7 10.78.0.2"]}},
], ids=["group", "vip", "path"])
def test_missing_interface(witness, settings):
    refused(witness, "no interface eth7 on this host", settings=settings)


SQUAT = """
import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
s.bind(("", 4270))
print("here", flush=True)
time.sleep(60)
"""


def test_taken_pulse_port(witness):
    squatter = witness.lab.a.start("squatter", PYTHON, "-c", SQUAT)
    wait_until(lambda: "here" in squatter.text(), 5, "the port to be taken")
    with contextlib.ExitStack() as after:
        after.callback(squatter.kill)
        refused(witness, "path eth0 10.77.0.2", "pulse port", "Address already in use")


@contextlib.contextmanager
def foreign_xdp(node):
    node.ip(f"link set dev eth0 xdpdrv obj {os.path.join(room.BUILD, 'lab/pass.o')} sec xdp")
    yield
    node.ip("link set dev eth0 xdpdrv off")


def test_foreign_xdp_program(witness):
    with foreign_xdp(witness.lab.a):
        refused(witness, "eth0", "is attached and not ours")


def spoil_short(path):
    with open(path, "w") as f:
        f.write("x" * 31)


def spoil_readable(path):
    os.chmod(path, 0o644)


def spoil_missing(path):
    os.unlink(path)


def spoil_link(path):
    os.rename(path, path + ".real")
    os.symlink(path + ".real", path)


def spoil_directory(path):
    os.unlink(path)
    os.mkdir(path)


@pytest.mark.parametrize("spoil, text", [
    (spoil_short, "has 31 bytes, at least 32 are needed"),
    (spoil_readable, "is open to others (mode 0644), make it 0600"),
    (spoil_missing, "cannot be opened: No such file or directory"),
    (spoil_link, "is a symbolic link"),
    (spoil_directory, "is no regular file"),
], ids=lambda p: getattr(p, "__name__", None))
def test_secret(witness, tmp_path, spoil, text):
    batond = Batond(witness.lab, "a")
    secret = os.path.join(tmp_path, "secret")
    room._write(secret, SECRET)
    spoil(secret)
    batond.configure({"node": {"secret-file": secret}})
    refused(witness, f"secret-file {secret} {text}", batond=batond)


# ---- state-dir ---------------------------------------------------------------------------------------

@contextlib.contextmanager
def small_disk(path, *options):
    os.makedirs(path, exist_ok=True)
    room._run(["mount", "-t", "tmpfs", "-o", ",".join(["size=64k", *options]), "nf-disk", path])
    try:
        yield path
    finally:
        room._run(["umount", "-l", path])


def fill(path):
    """To the last byte; returns the file that does it."""
    name = os.path.join(path, "filler")
    with contextlib.suppress(OSError), open(name, "wb", buffering=0) as f:
        while f.write(b"x" * 4096):
            pass
    return name


def with_state_dir(witness, path):
    batond = Batond(witness.lab, "a", {"node": {"state-dir": path}})
    batond.state_dir = path
    batond.forget_state = lambda: None	# it is the test's
    return batond


def test_full_state_dir(witness, tmp_path):
    with small_disk(str(tmp_path / "disk")) as disk:
        fill(disk)
        refused(witness, f"state-dir {disk}", "No space left on device", batond=with_state_dir(witness, disk))


def test_read_only_state_dir(witness, tmp_path):
    with small_disk(str(tmp_path / "disk"), "ro") as disk:
        refused(witness, f"state-dir {disk}", "Read-only file system", batond=with_state_dir(witness, disk))


def test_state_dir_is_a_file(witness, tmp_path):
    (tmp_path / "state").write_text("")
    refused(witness, f"state-dir {tmp_path}/state", "Not a directory",
            batond=with_state_dir(witness, str(tmp_path / "state")))


def alarm(batond, id):
    return next((a["text"] for a in batond.json("alarms")["alarms"] if a["id"] == id), None)


def test_state_dir_fills_up_while_running(lab, servers, tmp_path, probe):
    with small_disk(str(tmp_path / "disk")) as disk:
        pair = Pair(lab, of={"a": {"node": {"state-dir": disk}}})
        pair.a.state_dir = disk
        pair.start()
        asked = probe()
        asked.wait_answered_by("a")
        filler = fill(disk)
        pair.switchover()		# a then wants to stand by for the next term
        asked.wait_answered_by("b", 3)
        wait_until(lambda: alarm(pair.a, "state-dir sip"), 4, "the alarm state-dir")
        assert f"state-dir {disk}: cannot write term" in alarm(pair.a, "state-dir sip")
        assert "No space left on device" in alarm(pair.a, "state-dir sip")
        with pair.nothing_moves():
            done = pair.b.cli("switchover", check=False)
            assert done.returncode == 1 and "not armed" in done.stderr, done.stderr
            assert asked.answered_by() == "b" and pair.a.gate != "armed"
        os.unlink(filler)
        pair.settle()
        wait_until(lambda: not alarm(pair.a, "state-dir sip"), 2, "the alarm to clear")
        assert pair.primary == "b"
        pair.stop()


# ---- what lies there already ---------------------------------------------------------------------------

def patched_abi(pin_dir):
    """The pinned meta says that another ABI made it."""
    meta = os.path.join(pin_dir, "meta")
    told = json.loads(room._run(["bpftool", "-j", "map", "dump", "pinned", meta]).stdout)[0]
    value = [b[2:] for b in told["value"]]
    value[8:12] = ["63", "00", "00", "00"]
    room._run(["bpftool", "map", "update", "pinned", meta, "key", "hex", *["00"] * 4, "value", "hex", *value])


def test_pins_of_another_abi(lab, pair, probe):
    holder, backup = pair.primary, pair.backup
    asked = probe()
    asked.wait_answered_by(holder)
    pair[backup].kill()
    patched_abi(pair[backup].pin_dir)
    pins = sorted(os.listdir(pair[backup].pin_dir))
    changes = pair[holder].role_changes()
    pair[backup].start(wait=False)
    assert pair[backup].process.wait(10) == 1
    said = pair[backup].log().splitlines()[-1]
    assert f"pins in {pair[backup].pin_dir} were made by batond" in said and "(ABI 99," in said, said
    assert "Start that build again and stop it in order, or" in said and f"rm -r {pair[backup].pin_dir}" in said, said
    assert sorted(os.listdir(pair[backup].pin_dir)) == pins, "what another build made was touched"
    seen = asked.stop()
    assert seen["holders"] == [holder] and seen["lost"] == 0, seen
    assert pair[holder].role_changes() == changes


@pytest.mark.parametrize("pins", ["shared", "own"])
def test_second_batond_with_a_run_dir_of_its_own(lab, pair, probe, pins):
    """It must leave the first one's pins and addresses as they are, whether it finds the pins or not."""
    holder = pair.primary
    asked = probe()
    asked.wait_answered_by(holder)
    repaired = pair[holder].log().count("vip repaired")
    with pair.nothing_moves():
        for host in "ab":
            run_dir = pair[host].run_dir + "2"
            pin_dir = pair[host].pin_dir + ("2" if pins == "own" else "")
            second = lab.nodes[host].start("second", f"{room.BUILD}/batond", "-c", pair[host].conf,
                                           "--run-dir", run_dir, "--pin-dir", pin_dir)
            assert second.wait(10) == 1
            assert "pulse port: Address already in use" in second.text(), second.text()
        for _ in range(20):
            ready = pair[holder].group()["ready"]
            assert ready["switchover"], f"the backup is not ready any more: {ready}"
    seen = asked.stop()
    assert seen["holders"] == [holder] and seen["lost"] == 0, seen
    assert lab.nodes[holder].holds() and pair[holder].log().count("vip repaired") == repaired


def test_second_batond_with_ports_of_its_own(lab, pair, probe):
    """Nothing but the pins tells it that they are in use: it must not take them for those of a dead one."""
    holder = pair.primary
    asked = probe()
    asked.wait_answered_by(holder)
    one = pair[holder]
    conf = one.conf + "2"
    with open(conf, "w") as f:
        f.write(one.text().replace("[peer]\n", "[peer]\npulse-port = 4999\nlink-port = 4998\n").replace(f"{VIP}/", "10.77.0.101/"))
    with pair.nothing_moves():
        second = lab.nodes[holder].start("second", f"{room.BUILD}/batond", "-c", conf, "--run-dir", one.run_dir + "2")
        assert second.wait(10) == 1
        assert f"pin-dir {one.pin_dir} is in use by another batond" in second.text(), second.text()
    seen = asked.stop()
    assert seen["holders"] == [holder] and seen["lost"] == 0, seen


@contextlib.contextmanager
def left_over(node):
    """An address of an earlier life, which the block must have removed."""
    node.ip(f"addr add {VIP}/32 dev eth0")
    yield
    stayed = node.holds()
    node.run("ip", "addr", "del", f"{VIP}/32", "dev", "eth0", check=False)
    assert not stayed, "the address of an earlier life stayed"


def test_an_address_left_over_is_removed_before_anything_else(witness):
    """The start is refused later on; by then it is gone already."""
    with left_over(witness.lab.a), foreign_xdp(witness.lab.a):
        assert "is attached and not ours" in start_refused(Batond(witness.lab, "a"))


def test_an_address_left_over_is_removed_though_the_disk_is_full(witness, tmp_path):
    with left_over(witness.lab.a), small_disk(str(tmp_path / "disk")) as disk:
        fill(disk)
        assert "No space left" in start_refused(with_state_dir(witness, disk))


@pytest.mark.parametrize("role", ["primary", "backup"])
def test_an_address_that_left_the_configuration_is_removed(lab, role):
    """Killed with one VIP, started with another: nobody but the pins knows the first one any more."""
    gone, v6 = [f"{VIP}/24", "fd00:77::100/64"], "fd00:77::100"
    a = Batond(lab, "a", {"group sip": {"sip-address": gone, **({} if role == "primary" else {"prefer": "b"})}}).start()
    routes = lambda: lab.a.run("ip", "route", "show", "table", "local", "proto", "98").stdout + \
        lab.a.run("ip", "-6", "route", "show", "table", "local", "proto", "98").stdout
    if role == "primary":
        a.wait_role("primary")
        room.wait_until(lambda: lab.a.holds() and lab.a.holds(v6), 2, "both addresses")
    assert VIP in routes() and v6 in routes(), routes()
    a.kill()
    a.configure({"group sip": {"sip-address": "10.77.0.101/24"}})
    a.start()
    assert not lab.a.holds() and not lab.a.holds(v6), f"left over: {lab.a.addresses()}"
    assert VIP not in routes() and v6 not in routes() and "10.77.0.101" in routes(), routes()
    a.stop()
    assert routes() == ""


def test_settings_are_given_back(witness):
    node = witness.lab.a
    node.sysctl(net__ipv4__conf__eth0__arp_announce=1)
    before = settings_of(node)
    a = Batond(witness.lab, "a")
    with witness.sees_nothing_move():
        a.start()
        assert settings_of(node) != before, "nothing was set: this shows nothing"
        a.stop()
        assert settings_of(node) == before
        a.start()
        a.kill()
        assert settings_of(node) != before
        a.start()
        a.stop()
        assert settings_of(node) == before, "a killed life's notes must not be lost"
    node.sysctl(net__ipv4__conf__eth0__arp_announce=0)


# ---- configuration -------------------------------------------------------------------------------------

# Lines put behind a good configuration, in its [group sip], and what must be said of the last of them.
FAULTS = [
    (["lingr = 5s"], "unknown key 'lingr' in [group]; did you mean 'linger'?"),
    (["linger = 5"], "linger: '5' needs a unit: us, ms or s"),
    (["announce-rate = -3"], "announce-rate: '-3', valid is 1 .. 100000"),
    (["sip-address = 10.77.0.300/24"], "sip-address: '10.77.0.300' is no IPv4 or IPv6 address"),
    (["drain-deadline = 2s", "drain-deadline = 3s"], "drain-deadline: stands already in line {before}"),
    (["listener = maybe"], "listener: 'maybe', valid is auto, off"),
    (["no equals sign"], "neither [section] nor name = value"),
    (["[group"], "a section is written [name] and nothing behind it"),
    (["notify = run.sh"], "notify: 'run.sh', valid is an absolute path"),
    (["alarm-notify = /" + "x" * 300], "line longer than 197 bytes"),
    (["route = 10.88.0.0/16"], "route: write NETWORK/LENGTH via GATEWAY"),
    (["server-unit = a.service", "server-pidfile = /run/a.pid"],
     "server-pidfile: the server is already named in line {before}"),
    (["sip-hang-timeout = 1\0s"], "NUL byte in the line"),
    (["[interface eth0]", "xdp-mode = fast"], "xdp-mode: 'fast', valid is auto, native, generic, off"),
    (["[nod]"], "unknown section [nod]; did you mean [node]?"),
]


def written(batond, faults):
    """Write them behind the good part; every line that must be said, in the order of the file."""
    text, told = batond.text(), []
    for lines, error in faults:
        text += "\n".join(lines) + "\n"
        last = text.count("\n")
        told.append(f"{batond.conf}:{last}: {error.format(before=last - 1)}")
    batond.write(text)
    return told


def by_line(lines):
    return sorted(lines, key=lambda line: int(line.split(":")[1]))


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f[0][-1][:12].replace("\0", "0"))
def test_a_malformed_file(witness, fault):
    batond = Batond(witness.lab, "a")
    told = written(batond, [fault])
    assert batond.check() == (1, told[0] + "\n")


def test_all_errors_in_one_run_and_no_start(witness):
    batond = Batond(witness.lab, "a")
    told = written(batond, FAULTS)
    code, said = batond.check()
    assert code == 1 and by_line(said.splitlines()) == told
    with witness.sees_nothing_move():
        batond.start(wait=False)
        assert batond.process.wait(10) == 1
        assert by_line(batond.log().splitlines()[-len(told):]) == told, batond.log()


def test_no_file(witness):
    batond = Batond(witness.lab, "a")
    os.unlink(batond.conf)
    code, said = batond.check()
    assert code == 1 and f"{batond.conf}: No such file or directory" in said


def options_of(batond):
    return batond.json("options")


def hang_up(batond, word):
    """SIGHUP, and the reload line that it leads to."""
    before = batond.log().count("\nreload ")
    batond.process.signal(signal.SIGHUP)
    wait_until(lambda: batond.log().count("\nreload ") > before, 2, "the reload to be told of")
    line = [li for li in batond.log().splitlines() if li.startswith("reload ")][-1]
    assert f"result={word}" in line, line
    return line


def test_reload_of_a_bad_file_changes_nothing(pair):
    before = options_of(pair.a)
    pair.a.configure({"node": {"log-level": "debug"}, "peer": {"pulse-misses": "20"}})
    told = written(pair.a, FAULTS)
    with pair.nothing_moves():
        assert hang_up(pair.a, "refused").endswith("changed=0")
        done = pair.a.cli("reload", check=False)
    assert done.returncode == 1 and told[0] in done.stderr, done.stderr
    assert options_of(pair.a) == before
    for line in told:
        file, number, error = line.split(":", 2)
        assert f'at={file}:{number} error="{error.strip()[:20]}' in pair.a.log(), f"not in the log: {line}"


def value(batond, section, name):
    rows = [o for o in options_of(batond)["options"] if o["name"] == name and o["section"].startswith(section)]
    assert len(rows) == 1, rows
    return rows[0]["value"]


def test_reload_takes_at_once_what_it_can_and_names_the_rest(pair):
    pair.a.configure({"group sip": {"linger": "5s", "server-pidfile": "/run/nobody.pid"},
                      "peer": {"pulse-misses": "20"}, "arbiter": {"type": "etcd"}})
    with pair.nothing_moves():
        assert hang_up(pair.a, "done").endswith("changed=1")
        done = pair.a.cli("reload")
    assert done.stdout == "configuration reloaded; what needs a restart of batond waits for it, see `baton options`\n", done.stdout
    assert value(pair.a, "group", "linger") == "5s"
    assert value(pair.a, "peer", "pulse-misses") == "10"
    for text in ('option changed section="group sip" option=linger from="32s" to="5s"',
                 'needs restart section="peer" option=pulse-misses now="10" wanted="20"',
                 'needs restart section="arbiter" option=type now="none" wanted="etcd"',
                 'needs restart section="group sip" option=server-pidfile'):
        assert text in pair.a.log(), f"not in the log: {text}"


def test_reload_neither_adds_nor_takes_away_a_group(pair):
    """Words, leases and an armed watchdog are known by a group's place."""
    before = options_of(pair.a)
    pair.a.configure({"group other": {"interface": "eth0", "sip-address": "10.77.0.101/24", "sip-port": "5070"}, "group sip": {"linger": "5s"}})
    with pair.nothing_moves():
        assert hang_up(pair.a, "refused").endswith("changed=0")
        done = pair.a.cli("reload", check=False)
    assert done.returncode == 1 and "groups were added, removed or reordered: that needs a restart" in done.stderr, done.stderr
    assert options_of(pair.a) == before


# ---- pulses of others ----------------------------------------------------------------------------------

REFUSED = ["length", "version", "pair", "mac", "boot", "replay", "range", "unbelieved", "stranger"]


def peer_state(batond):
    return batond.status()["peer"]["state"]


def refusals(batond):
    rows = {row["name"]: row["packets"] for row in batond.json("counters")["xdp"]["exits"]}
    return {name: rows[f"pulse-{name}"] for name in REFUSED}


def claims_of(batond):
    """A start is a change too: it becomes backup. This is what it must not."""
    return [line for line in batond.role_changes() if "to=claiming" in line or "to=primary" in line]


def test_another_secret_on_the_backup(lab, pair, probe):
    holder, backup = pair.primary, pair.backup
    asked = probe()
    asked.wait_answered_by(holder)
    changes, claims = pair[holder].role_changes(), claims_of(pair[backup])
    pair[backup].stop()
    wait_until(lambda: peer_state(pair[holder]) == "down", 2, "the backup to be gone")
    room._write(pair[backup].secret_file, SECRET[::-1])
    pair[backup].start()
    for host in "ab":
        wait_until(lambda: peer_state(pair[host]) == "unauthentic", 2, f"{host} to call its peer unauthentic")
        assert "same secret" in alarm(pair[host], "peer-unauthentic")
    counted = {host: refusals(pair[host])["mac"] for host in "ab"}
    time.sleep(1.5)			# longer than a peer that is not heard takes to count as down
    assert pair[backup].gate == "shut"
    for host in "ab":
        assert refusals(pair[host])["mac"] > counted[host] + 100, f"{host} counts no wrong MACs"
    assert pair[holder].role_changes() == changes and claims_of(pair[backup]) == claims
    assert asked.answered_by() == holder
    room._write(pair[backup].secret_file, SECRET)
    pair[backup].stop()
    pair[backup].start()
    assert pair.settle().primary == holder
    assert not alarm(pair[holder], "peer-unauthentic")
    seen = asked.stop()
    assert len(seen["segments"]) == 1 and seen["lost"] == 0, seen


def test_another_secret_does_not_keep_a_dead_host_alive(lab, pair):
    holder, backup = pair.primary, pair.backup
    pair[backup].stop()
    room._write(pair[backup].secret_file, SECRET[::-1])
    pair[backup].start()
    wait_until(lambda: peer_state(pair[backup]) == "unauthentic", 2, "the peer to be called unauthentic")
    lab.death(holder)
    pair[backup].wait_role("primary", 3)
    wait_until(lambda: not alarm(pair[backup], "peer-unauthentic"), 2, "the alarm to clear")


def mac(lab, host):
    return json.loads(lab.nodes[host].run("ip", "-j", "link", "show", "eth0").stdout)[0]["address"]


def record(lab, host, count=200):
    """What @host says to its peer, taken at the switch."""
    file = os.path.join(lab.dir, f"pulses-of-{host}")
    lab.switch.run(PYTHON, FORGE, "record", f"{host}0", lab.nodes[host].ip4, str(count), file)
    return file


def forge(lab, to, kind, file, seconds=2.0):
    """Starts it; the client sends as if it were the other host."""
    lab.forged = getattr(lab, "forged", 0) + 1
    return lab.c.start(f"forge{lab.forged}", PYTHON, FORGE, "send", "eth0", lab.nodes[other(to)].ip4,
                       lab.nodes[to].ip4, mac(lab, to), "1000", str(seconds), kind, file)


@pytest.mark.parametrize("kind, exits", [
    ("random", {"length"}), ("mac", {"mac"}), ("flipped", {"length", "version", "pair", "mac"}), ("replay", {"replay"}),
])
def test_forged_pulses_move_nothing(lab, pair, probe, kind, exits):
    """To both hosts at once, a thousand a second each; every one of them is refused, and counted as such."""
    asked = probe()
    asked.wait_answered_by(pair.primary)
    files = {host: record(lab, other(host)) for host in "ab"}
    before = {host: refusals(pair[host]) for host in "ab"}
    with pair.nothing_moves():
        forgers = {host: forge(lab, host, kind, files[host]) for host in "ab"}
        while any(forger.alive for forger in forgers.values()):
            for host in "ab":
                assert peer_state(pair[host]) == "up"
            time.sleep(0.2)
    for host, forger in forgers.items():
        sent, after = int(forger.text()), refusals(pair[host])
        rose = {name: after[name] - before[host][name] for name in REFUSED if after[name] > before[host][name]}
        assert exits <= set(rose) and sum(rose.values()) == sent, f"{sent} sent to {host}, refused {rose}"
        assert pair[host].status()["alarms"] == 0, pair[host].json("alarms")
    seen = asked.stop()
    assert len(seen["segments"]) == 1 and seen["lost"] == 0, seen


def test_replays_do_not_keep_a_dead_host_alive(lab, pair, probe):
    holder, backup = pair.primary, pair.backup
    asked = probe()
    asked.wait_answered_by(holder)
    file = record(lab, holder)
    forge(lab, backup, "replay", file, seconds=30)
    wait_until(lambda: refusals(pair[backup])["replay"] > 0, 3, "the replays to arrive")
    with asked.event("death"):
        lab.death(holder)
    asked.wait_answered_by(backup, 5)
    assert pair[backup].group()["reason"] == "peer-lost"
    assert asked.stop()["marks"]["death"]["silence_ms"] < 5000	# the replays go on for longer


def test_pulses_of_an_earlier_life_move_nothing(lab, pair):
    """Recorded from the primary, then it hands over and starts anew: its old words claim to be open."""
    old, new = pair.primary, pair.backup
    file = record(lab, old)
    pair[old].stop()
    pair[new].wait_role("primary")
    pair[old].start()
    pair.settle()
    before = refusals(pair[new])
    with pair.nothing_moves():
        forger = forge(lab, new, "replay", file, seconds=1)
        assert forger.wait(10) == 0
    after = refusals(pair[new])
    rose = {name: after[name] - before[name] for name in ("boot", "unbelieved")}
    assert sum(rose.values()) >= int(forger.text()) and rose["boot"] and rose["unbelieved"], (before, after)
