# SPDX-License-Identifier: GPL-2.0-or-later
"""Where does each option's value come from, what does a reload change, and what acts?"""

import pytest

SETTINGS = {
    "TServer": {"sip-error-codes-overflow": "487,50X", "network-monitoring-timeout": "2"},
    "site": {"dr-forward": "oos", "dr-peer-trunk": "gw"},
    "device gw": {"contact": "10.77.0.50:5060", "service-type": "trunk"},
    "dn 7001": {"hg-preferred-site": "East Coast"},
    "group sip": {"linger": "5s"},
}


@pytest.fixture
def settings():
    return SETTINGS


def rows(batond):
    return {(row["section"], row["name"]): row for row in batond.json("options")["options"]}


def line_of(batond, source):
    file, number = source.rsplit(":", 1)
    assert file == batond.conf, source
    with open(file) as f:
        return f.read().splitlines()[int(number) - 1]


def sources_are_true(batond):
    """Every line that is named says what the option is."""
    named = {key: row for key, row in rows(batond).items() if ":" in row["source"]}
    for (section, name), row in named.items():
        line = line_of(batond, row["source"])
        assert line.startswith(f"{name} = ") and row["value"].split(" dev ")[0] in line, f"{section} {name}: {row}: {line}"
    return named


def expect(batond, section, name, value, **more):
    row = rows(batond)[section, name]
    assert row["value"] == value, row
    for key, want in more.items():
        assert row[key] == want, f"{section} {name} {key}: {row[key]}, want {want}"
    return row


def test_lines_defaults_and_what_does_not_act(pair):
    a = pair.a
    named = sources_are_true(a)
    for key in [("node", "name"), ("group sip", "linger"), ("group sip", "sip-address"), ("TServer", "sip-error-codes-overflow"),
                ("group sip", "sip-error-codes-overflow"), ("site", "dr-forward"), ("dn 7001", "hg-preferred-site"),
                ("group sip", "network-monitoring-timeout")]:
        assert key in named, f"{key} has no line: {rows(a)[key]}"
    expect(a, "node", "pin-dir", a.pin_dir, source="arguments")
    expect(a, "peer", "lease", "250ms", source="default", acts=True, wanted=None)
    expect(a, "site", "dr-forward", "oos", acts=False)
    told = [line for line in a.log().splitlines() if line.startswith("option idle ")]
    for section, name in [("TServer", "sip-error-codes-overflow"), ("site", "dr-forward"), ("site", "dr-peer-trunk"),
                          ("dn 7001", "hg-preferred-site")]:
        source = rows(a)[section, name]["source"]
        assert any(f'section="{section}" option={name} source={source} ' in line for line in told), (section, name, told)

    a.configure({"node": {"log-level": "debug"}, "peer": {"pulse-misses": "20"}, "interface eth0": {"xdp-mode": "generic"},
                 "TServer": {"network-monitoring-timeout": "3", "backup-init-check-timeout": "90"}, "group sip": {"linger": "7s"},
                 "dn 7001": None, "dn 7002": {"dr-forward": "no-agent"}})
    with pair.nothing_moves():
        a.cli("reload")
    expect(a, "group sip", "linger", "7s", wanted=None)
    expect(a, "group sip", "network-monitoring-timeout", "3", wanted=None)
    expect(a, "dn 7002", "dr-forward", "no-agent", wanted=None)
    assert ("dn 7001", "dr-forward") not in rows(a)
    for section, name, now, wanted in [("peer", "pulse-misses", "10", "20"), ("interface eth0", "xdp-mode", "", "generic"),
                                       ("TServer", "backup-init-check-timeout", "60", "90"),
                                       ("group sip", "backup-init-check-timeout", "60", "90")]:
        row = expect(a, section, name, now)
        assert row["wanted"] and row["wanted"]["value"] == wanted, row
        assert line_of(a, row["wanted"]["source"]) == f"{name} = {wanted}", row
    unpending = {key: row for key, row in sources_are_true(a).items() if not row["wanted"]}
    assert ("group sip", "linger") in unpending
    text = a.cli("options").stdout
    assert "wanted: 20" in text and "needs restart" in text, text
    assert 'section added: needs restart section="interface eth0"' in a.log(), "the new [interface] is not told"

    a.configure({"peer": {"pulse-misses": None}, "interface eth0": None,
                 "TServer": {"backup-init-check-timeout": None}})
    a.cli("reload")
    left = [key for key, row in rows(a).items() if row["wanted"]]
    assert not left, f"still wanted after the file went back: {left}"
