#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# deps: is every Debian package here that building, testing, the demo and the bench need?
#
# Says nothing and changes nothing when all are installed, which needs no root. Otherwise installs
# the missing ones. keepalived and Kamailio are here to be measured and tested against in the lab's
# namespaces: neither is started on this host, now or at the next boot.
set -euo pipefail

build="gcc libc6-dev make pkg-config clang libbpf-dev linux-libc-dev libmnl-dev libnftnl-dev libjansson-dev
       libinih-dev libsystemd-dev libssl-dev libcurl4-openssl-dev libosip2-dev libmicrohttpd-dev scdoc"
tests="libcmocka-dev bpftool iproute2 iputils-ping ethtool nftables procps util-linux python3
       python3-pytest python3-jsonschema sip-tester keepalived kamailio
       qemu-system-x86 busybox-static cpio etcd-server etcd-client spin"
daemons="keepalived kamailio etcd-server"
policy=/usr/sbin/policy-rc.d
policy_mark="# made by baton's tools/deps.sh for one installation; may be removed"

fail() {
	echo "deps: $*" >&2
	exit 1
}

# Of the names given, those that are not installed.
missing_of() {
	local have
	have=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null | sed -n 's/^installed //p') || true
	comm -23 <(printf '%s\n' "$@" | sort -u) <(sort -u <<<"$have")
}

forget_policy() {
	if grep -qsxF "$policy_mark" $policy; then
		rm -f $policy
	fi
}

# A package's script asks policy-rc.d whether it may start its daemon: 101 is no. One that is there
# already is the host's own and stays.
forbid_starting() {
	trap forget_policy EXIT
	if (set -o noclobber; printf '#!/bin/sh\n%s\nexit 101\n' "$policy_mark" >$policy) 2>/dev/null; then
		chmod 755 $policy
	fi
}

not_at_boot() {
	if command -v systemctl >/dev/null; then
		systemctl --quiet disable "$1"
	else
		update-rc.d "$1" disable
	fi
}

# Only those that came with this run: a daemon that was here before is the host's own.
forbid_booting() {
	local new
	new=$(comm -12 <(printf '%s\n' $daemons | sort) <(printf '%s\n' "$@" | sort))
	for daemon in $new; do
		not_at_boot "$daemon" >/dev/null 2>&1 ||
			echo "deps: $daemon may start at the next boot; see to it" >&2
	done
}

command -v dpkg-query >/dev/null || fail "this is not Debian; install what these packages hold:" $build $tests
missing=$(missing_of $build $tests)
[ -n "$missing" ] || exit 0

[ "$(id -u)" -eq 0 ] || fail "missing, and installing needs root:" $missing
echo "deps: installing" $missing
export DEBIAN_FRONTEND=noninteractive
apt="apt-get -q -y -o DPkg::Lock::Timeout=120"
$apt update || echo "deps: apt-get update failed; trying with the lists that are here" >&2
forbid_starting
$apt install --no-install-recommends $missing || fail "apt-get could not install:" $missing
forbid_booting $missing
