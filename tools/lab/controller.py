# SPDX-License-Identifier: GPL-2.0-or-later
"""controller: batond on a host of the lab: its configuration, its life, and what it says of itself."""

import contextlib
import json
import os
import shutil
import signal

from lab import BUILD, HOSTS, PORT, SERVICE, VIP, LabError, _run, _write, wait_until

SECRET = "the lab's secret: thirty-two bytes or more, the same on both hosts\n"


# In real time, and started again at once whenever a signal has ended it.
SUPERVISOR = ["chrt", "-f", "40", "sh", "-c", 'while :; do "$0" "$@"; [ $? -gt 128 ] || break; done']


def other(host):
    return HOSTS[1 - HOSTS.index(host)]


class Batond:
    """One batond. Settings are {section: {key: value}}: they are laid over the lab's own, and a list
    of values writes one line each; None leaves a key out."""

    def __init__(self, lab, host, settings=None, secret=SECRET):
        self.lab, self.host, self.node = lab, host, lab.nodes[host]
        self.conf = os.path.join(self.node.dir, "baton.conf")
        self.secret_file = os.path.join(self.node.dir, "secret")
        self.run_dir = os.path.join(self.node.dir, "run")
        self.state_dir = os.path.join(self.node.dir, "state")
        self.pin_dir = self.node.pin_dir
        self.process, self.supervised = None, False
        self.settings = self._defaults()
        for directory in (self.run_dir, self.state_dir):
            os.makedirs(directory, mode=0o700, exist_ok=True)
        _write(self.secret_file, secret)
        self.configure(settings or {})

    def _defaults(self):
        last = other(self.host)
        number = HOSTS.index(last) + 1
        return {
            "node": {"name": self.host, "pair-id": "1", "secret-file": self.secret_file, "run-dir": self.run_dir,
                     "state-dir": self.state_dir, "pin-dir": self.pin_dir},
            "peer": {"name": last,
                     "path": [f"eth{i} 10.7{7 + i}.0.{number}" for i in range(self.lab.paths)]},
            "group sip": {"mode": "takeover", "interface": "eth0", "sip-address": f"{VIP}/24",
                          "sip-port": str(PORT), "prefer": HOSTS[0]},
        }

    def configure(self, settings):
        """Lay settings over what there is and write the file; a running batond wants reload()."""
        for section, keys in settings.items():
            if keys is None:
                self.settings.pop(section, None)
                continue
            self.settings.setdefault(section, {}).update(keys)
        self.write(self.text())

    def text(self):
        lines = []
        for section, keys in self.settings.items():
            lines.append(f"[{section}]")
            for key, value in keys.items():
                values = value if isinstance(value, (list, tuple)) else [] if value is None else [value]
                lines += [f"{key} = {v}" for v in values]
            lines.append("")
        return "\n".join(lines)

    def write(self, text):
        """The configuration file, as it is given: also a broken one."""
        _write(self.conf, text, 0o644)

    # -- life ---------------------------------------------------------------------------------

    def start(self, wait=True, detached=False, build=BUILD, supervised=False):
        """supervised: as systemd does by conf/batond.service; build: a directory or link with another batond."""
        self.supervised = supervised
        self.process = self.node.start("controller", *(SUPERVISOR if supervised else []), f"{build}/batond", "-c", self.conf, "--run-dir", self.run_dir,
                                       "--state-dir", self.state_dir, "--pin-dir", self.pin_dir,
                                       detached=detached)
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self, timeout=60):
        """Until it answers on its socket; an early end is told with its last words."""
        def answers():
            if not self.process.alive:
                raise LabError(f"batond of {self.host} ended with {self.process.wait()}:\n{self.log()[-3000:]}")
            return self.cli("-j", "status", check=False).returncode == 0
        wait_until(answers, timeout, f"batond of {self.host} to be ready:\n{self.log()[-3000:]}")

    def check(self):
        """`batond -n`: exit code and what it said of the configuration."""
        done = _run([f"{BUILD}/batond", "-n", "-c", self.conf], check=False)
        return done.returncode, done.stderr + done.stdout

    def stop(self, timeout=10):
        """SIGTERM: hands the role over first."""
        if not self.supervised:
            return self.process.stop(timeout)
        self.signal(signal.SIGTERM)
        return self.process.wait(timeout)

    def kill(self):
        self.process.kill()

    def pid(self):
        """Of batond itself, also under a supervisor; it leaves it in the run-dir."""
        with open(os.path.join(self.run_dir, "lock")) as f:
            return int(f.read() or 0)

    def signal(self, number):
        os.kill(self.pid(), number)

    def pause(self):
        self.lab.controller_stop(self.host)

    def resume(self):
        self.lab.controller_cont(self.host)

    def pids(self):
        return [self.process.pid]

    def forget_state(self):
        """As after a new disk: no term is known any more."""
        shutil.rmtree(self.state_dir)
        os.makedirs(self.state_dir, mode=0o700)

    def forget_pins(self):
        """As after a boot: the kernel knows nothing of an earlier life."""
        shutil.rmtree(self.pin_dir, ignore_errors=True)

    # -- what it says -------------------------------------------------------------------------

    def log(self):
        return self.process.text() if self.process else ""

    def cli(self, *verb, check=True, timeout=60):
        """`baton VERB`: the finished process (returncode, stdout, stderr)."""
        return self.node.run(f"{BUILD}/baton", "--run-dir", self.run_dir, *verb, check=check, timeout=timeout)

    def json(self, *verb):
        return json.loads(self.cli("-j", *verb).stdout)

    def doctor(self, check):
        """The rows of `baton doctor` that are called so; it ends with 1 where anything is bad."""
        rows = json.loads(self.cli("-j", "doctor", check=False).stdout)["checks"]
        return [row for row in rows if row["check"] == check]

    def status(self):
        return self.json("status")

    def group(self, name="sip"):
        for group in self.status()["groups"]:
            if group["name"] == name:
                return group
        raise LabError(f"batond of {self.host} knows no group '{name}'")

    @property
    def role(self):
        return self.group()["role"]

    @property
    def gate(self):
        return self.group()["gate"]

    @property
    def term(self):
        return self.group()["term"]

    def wait_role(self, role, timeout=10, group="sip"):
        wait_until(lambda: self.group(group)["role"] == role, timeout,
                   lambda: f"{self.host} to be {role}; it is {self.group(group)}")

    def role_changes(self):
        """Its log lines that tell of a change of role, oldest first."""
        return [line for line in self.log().splitlines() if line.startswith("role change ")]

    def counter(self, name, hook="xdp"):
        """Packets that left by one exit, named as `baton counters` does: "vip-accepted"."""
        for row in self.json("counters")[hook]["exits"]:
            if row["name"] == name:
                return row["packets"]
        raise LabError(f"no exit '{name}' among the {hook} counters")


class Steerer(Batond):
    """batond on a steering node alone: no peer, no group. One pool, `sales`: the service on its eth0, hosts a and b behind it."""

    def __init__(self, lab, host="n", settings=None, forward="l2", service=SERVICE, peer=None):
        """peer: the other of two such nodes; the service is a VIP of theirs."""
        self.forward, self.service, self.peer = forward, service, peer
        if not peer:
            lab.nodes[host].ip(f"addr add {service}/{128 if ':' in service else 32} dev eth0" + (" nodad" if ":" in service else ""))
        super().__init__(lab, host, settings)

    def _defaults(self):
        last = self.peer and {
            "peer": {"name": self.peer, "path": f"eth0 {self.lab.nodes[self.peer].ip4}"},
            "group front": {"mode": "proxy", "interface": "eth0", "sip-address": f"{self.service}/24", "prefer": max(self.host, self.peer)},
        }
        return {
            "node": {"name": self.host, "secret-file": self.peer and self.secret_file, "run-dir": self.run_dir,
                     "state-dir": self.state_dir, "pin-dir": self.pin_dir},
            **(last or {}), "pool sales": pool(self.lab, self.service, self.forward),
        }

    def pool(self, name="sales"):
        for one in self.json("pools")["pools"]:
            if one["name"] == name:
                return one
        raise LabError(f"batond of {self.host} knows no pool '{name}'")

    def wait_reaches(self, *servers, timeout=10):
        """Until the next hop of each is known."""
        wanted = servers or HOSTS
        wait_until(lambda: all(s["reachable"] for s in self.pool()["servers"] if s["name"] in wanted), timeout,
                   f"{self.host} to reach {', '.join(wanted)}")
        return self

    def wait_active(self, server, timeout=20):
        wait_until(lambda: self.pool()["active"] == server, timeout, f"{server} to be active in pool sales of {self.host}")


def pool(lab, service=SERVICE, forward="l2", port=PORT):
    """A [pool] section: hosts a and b behind a service."""
    def at(ip):
        return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"
    return {"service": at(service), "forward": forward,
            "server": [f"{h} {at(lab.nodes[h].ip6 if ':' in service else lab.nodes[h].ip4)}" for h in HOSTS]}


class Pair:
    """batond on both hosts; the same settings for both, or others for one by of={"b": {...}}."""

    def __init__(self, lab, settings=None, of=None):
        self.lab = lab
        self.by_host = {h: Batond(lab, h, settings) for h in HOSTS}
        for host, more in (of or {}).items():
            self.by_host[host].configure(more)
        self.a, self.b = self.by_host.values()

    def __getitem__(self, host):
        return self.by_host[host]

    def start(self, settle=True, detached=False, together=False):
        """a, then b when a is there to be heard: who leads does not hang on the machine's load; or both at once.

        Settled, the preferred host leads: if, against the odds, it came last, the role is moved. Tests count changes from here."""
        for batond in self.by_host.values():
            batond.start(wait=not together, detached=detached)
        for batond in self.by_host.values():
            batond.wait_ready()
        if not settle:
            return self
        self.settle()
        preferred = self.a.settings["group sip"].get("prefer")
        if not together and preferred and self.settled() != preferred:
            self.make_primary(preferred)
        return self

    def start_at_once(self, tries=5):
        """Both new, and heard by each other from the start. Whoever comes a second late finds the other alone, which then leads
        whatever is preferred (LISTEN_NS of ha/facts.c): if a busy machine let that happen, they begin anew."""
        for _ in range(tries):
            self.start(settle=False, together=True)
            attached = [next(e["boot_ms"] for e in b.json("events")["events"] if e["text"].startswith("xdp attached "))
                        for b in self.by_host.values()]
            if max(attached) - min(attached) < 700:
                return self
            self.stop()
            for batond in self.by_host.values():
                batond.forget_pins()
                batond.forget_state()
                os.unlink(batond.process.log)
        raise LabError(f"{tries} times one host was ready to be heard more than 0.7 s after the other; the last time {attached} ms")

    def settled(self):
        """The primary, when one host serves and the other stands by armed; else None."""
        groups = {h: b.group() for h, b in self.by_host.items()}
        holders = [h for h, g in groups.items() if g["role"] == "primary" and g["gate"] == "open"]
        if len(holders) != 1:
            return None
        standby = groups[other(holders[0])]
        return holders[0] if standby["role"] == "backup" and standby["gate"] == "armed" else None

    def settle(self, timeout=10):
        try:
            wait_until(self.settled, timeout, "one primary and one armed backup")
        except LabError as e:
            raise LabError(f"{e}; {json.dumps({h: b.group() for h, b in self.by_host.items()})}") from None
        return self

    @property
    def primary(self):
        return wait_until(self.settled, 20, "one primary and one armed backup")

    @property
    def backup(self):
        return other(self.primary)

    def make_primary(self, host):
        """Whoever came first under load: now it is this one; a refusal of the moment is asked again."""
        def is_it():
            holder = self.settled()
            if holder and holder != host:
                self.by_host[holder].cli("switchover", check=False)
            return self.settled() == host
        wait_until(is_it, 10, f"{host} to be primary", every=0.2)

    def switchover(self, *args):
        return self.by_host[self.primary].cli("switchover", *args)

    def role_changes(self):
        return {h: b.role_changes() for h, b in self.by_host.items()}

    @contextlib.contextmanager
    def nothing_moves(self):
        """Fails when a role changed on either host while the block ran."""
        before = {h: len(c) for h, c in self.role_changes().items()}
        yield
        moved = {h: c[before[h]:] for h, c in self.role_changes().items()}
        assert not any(moved.values()), f"roles moved: {moved}"

    def stop(self):
        """SIGTERM to both, also to one that stands still."""
        for batond in self.by_host.values():
            if batond.process:
                for number in (signal.SIGCONT, signal.SIGTERM):
                    (batond if batond.supervised else batond.process).signal(number)
        for batond in self.by_host.values():
            if batond.process:
                batond.process.wait() if batond.supervised else batond.process.stop()
