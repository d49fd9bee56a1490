#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# guest: test-all
# timeout: 1800
#
# slotd killed after every step, as in test_faults: while chains of sockets are attached, changed
# and taken off, and while one follows its cgroup. Sockets that meet a chain go on meeting it.

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"
# shellcheck source=tests/support/cgroup.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/cgroup.sh"
# shellcheck source=tests/support/socks.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/socks.sh"
# shellcheck source=tests/support/faults.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/faults.sh"
# shellcheck source=tests/support/kills.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/kills.sh"

SLOTD_TEST_ENGINE=fused # chains of sockets always are
PROGS=$BED_PROGS/bpf/progs
# Much is as for any chain.
MOST=3

find_group2 || {
	drop_group
	echo "1..0 # SKIP no cgroup v2 can be made here"
	exit 0
}
trap 'bed_stop; drop_group' EXIT

setup() {
	mkdir -p "$GROUP/web"
	BED_DAEMON=$BED_TOOLS/slotd_faults
	faults_start
}

# sock_start CHAIN PROGRAM <SECTION: beside eth0
sock_start() {
	SOCK=$1
	GUEST=$PROGS/$2.bpf.o
	cat >>"$BED/slots.conf"
	bed_ctl reload >/dev/null || not_ok "a chain of sockets is there: $SOCK"
}

run_sock_on() { bed_ctl --chain "$SOCK" apply; }
# The jump goes as well, so that the next attachment has to make it again.
run_sock_off() { bed_ctl --chain "$SOCK" detach && rm -rf "$BED/bpf/slotd/sk_reuseport"; }
run_sock_deploy() { bed_ctl --chain "$SOCK" deploy guest "$GUEST"; }
run_sock_undeploy() { bed_ctl --chain "$SOCK" undeploy guest; }

# What slots.conf names no more leaves nothing for applications to find.
sock_end() {
	run_sock_off >/dev/null
	write_pair_conf "$PAIR"
	bed_ctl reload >/dev/null
	CHAINS=(eth0)
	nothing_is_left "$SOCK"
}

sock_changes() {
	succeeds "killed while $SOCK is changed, slotd comes back with one generation or the other" \
		at_every_step run_sock_undeploy run_sock_deploy
	matches "there were steps: $KILLS ($SOCK, changed)" "$KILLS" '^([2-9]|[1-9][0-9])'
}

sock_comes_and_goes() {
	local IS_OFF_FINE=''

	run_sock_off >/dev/null
	succeeds "killed while $SOCK is attached, it comes back with it or without it" \
		at_every_step run_sock_off run_sock_on
	matches "there were steps: $KILLS ($SOCK, attached)" "$KILLS" '^([2-9]|[1-9][0-9])'
	run_sock_on >/dev/null
	succeeds "killed while $SOCK is taken off, slotd ends that" \
		at_every_step run_sock_on run_sock_off
	matches "there were steps: $KILLS ($SOCK, taken off)" "$KILLS" '^([2-9]|[1-9][0-9])'
}

test_sk_reuseport() {
	local KILLS=0 IS_OFF_FINE='' CHAINS=(eth0 "$WEB") asked

	sock_start "$WEB" sk_reuseport_ret <<-END
		chain "web" {
			hook = "sk_reuseport"
			slot 2 { name = "guest" }
			slot 4 { name = "pick" object = "$PROGS/sk_reuseport_pick.bpf.o" }
		}
	END
	sock_serve root udp a "$JUMP" "$PICKED" 0 && sock_serve root udp b ||
		not_ok "servers are there"
	load_start udp udp
	sock_changes
	asked=$(load_stop udp)
	matches "each datagram was answered by the socket that the chain picks: $asked" \
		"$asked" '^a [0-9]+$'
	end_servers
	sock_comes_and_goes
	sock_end
}

test_sock_ops() {
	local KILLS=0 IS_OFF_FINE='' CHAINS=(eth0 ops:sock_ops)

	sock_start ops:sock_ops sock_ops_mark <<-END
		chain "ops" {
			hook = "sock_ops"
			cgroup = "$GROUP/web"
			slot 1 { name = "guest" }
			slot 3 { name = "ret" object = "$PROGS/sock_ops_ret.bpf.o" }
		}
	END
	sock_changes
	sock_comes_and_goes
	sock_end
	is "nothing runs in the cgroup" "$(cgroup_programs)" ""
}

is_followed() {
	is_gone "$BED_SLOTD" || is_on ops:sock_ops
}

group_comes() {
	mkdir -p "$GROUP/web"
	wait_for 5 is_followed
}

group_goes() {
	rmdir "$GROUP/web"
	wait_for 5 is_off ops:sock_ops
}

test_cgroup_comes() {
	local KILLS=0 IS_OFF_FINE='' POINTS_OF=. CHAINS=(eth0 ops:sock_ops)

	sock_start ops:sock_ops sock_ops_mark <<-END
		chain "ops" {
			hook = "sock_ops"
			cgroup = "$GROUP/web"
			slot 3 { name = "ret" object = "$PROGS/sock_ops_ret.bpf.o" }
		}
	END
	group_goes || not_ok "slotd notices that the cgroup is gone"
	succeeds "killed after any step of following a cgroup, slotd is on it in the end" \
		at_every_step_by_itself group_goes group_comes
	matches "there were steps: $KILLS (cgroup)" "$KILLS" '^([3-9]|[1-9][0-9]+)$'
	group_comes
	sock_end
}

test_sk_lookup() {
	local KILLS=0 IS_OFF_FINE='' CHAINS=(eth0 host:sk_lookup)

	sock_start host:sk_lookup sk_lookup_ret <<-END
		chain "host" {
			hook = "sk_lookup"
			slot 1 { name = "guest" }
			slot 3 { name = "ret" object = "$PROGS/sk_lookup_ret.bpf.o" }
		}
	END
	sock_serve root udp a
	load_start udp udp
	sock_changes
	sock_comes_and_goes
	matches "lookups went on meanwhile" "$(load_stop udp)" '^a [0-9]+$'
	end_servers
	sock_end
	is "nothing runs in the namespace" "$(netns_programs edge)" ""
}

test_whether_all_steps_are_met() {
	all_steps_are_met
}

only_in_vm sk_reuseport
bed_run
