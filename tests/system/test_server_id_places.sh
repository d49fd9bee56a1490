#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Whose ids a slot gets from a file: those of the network namespace that its chain is in, or its
# cgroup's processes, and never none because nobody could tell.
# guest: test-all

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"
# shellcheck source=tests/support/cgroup.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/cgroup.sh"

# Engines do not differ in it.
SLOTD_TEST_ENGINE=${SLOTD_TEST_ENGINE:-fused}
SLEEPERS=()

find_group || {
	echo "1..0 # SKIP no cgroup can be made here"
	exit 0
}
trap 'bed_stop; drop_group' EXIT

# A chain of slotd's own netns, one of another, and one of a cgroup.
setup() {
	mkdir -p "$GROUP/web"
	bed_conf <<-'END'
		slot 12 { name = "decap" object = "decap.bpf.o" }
	END
	cat >>"$BED/slots.conf" <<-END
		chain "s0" {
			netns = "$BED/ns/server"
			engine = "$BED_ENGINE"
			slot 12 { name = "decap" object = "decap.bpf.o" }
		}
		chain "web" {
			hook = "sock_ops"
			cgroup = "$GROUP/web"
			slot 4 { name = "ids" object = "tcp_server_id.bpf.o" }
		}
	END
	bed_slotd_fresh
	printf '%s\n' "111 192.0.2.1" "112 198.51.100.2" "113 192.0.2.2" >"$BED/ids"
}

# server_id NS WORD...: there
server_id() {
	in_ns "$1" "$BED_BIN/slotctl" --socket "$BED_CTL_SOCKET" server-id "${@:2}" 2>&1
}

is_member() {
	grep -qx "$1" "$GROUP/web/cgroup.procs"
}

# live_in NS: a process of the cgroup, there
live_in() {
	# shellcheck disable=SC2016
	spawn "$1" "$BED/log/sleeper" sh -c 'echo $$ >"$0/cgroup.procs"; exec sleep 600' "$GROUP/web"
	SLEEPERS+=("$BED_SPAWNED")
	wait_for 5 is_member "$BED_SPAWNED" || not_ok "a process lives in $1"
}

end_sleepers() {
	local pid

	for pid in "${SLEEPERS[@]}"; do
		stop "$pid"
	done
	SLEEPERS=()
}

# ids: of all three
ids() {
	local chain

	for chain in eth0 server:s0; do
		bed_ctl --chain "$chain" decap show --json | jq -c .server_ids
	done | xargs
	bed_ctl --chain web:sock_ops tcp_server_id show | head -n 1
}

test_each_slot_gets_its_own() {
	live_in client
	is "a slot gets the ids of its chain's netns, or its processes'" \
		"$(server_id edge sync "$BED/ids" | sort)" \
		"eth0 decap: add 111 192.0.2.1
server:s0 decap: add 112 198.51.100.2
web:sock_ops tcp_server_id: primary 113 192.0.2.2"
	live_in server
	matches "where its processes are in several, which one has to be said" \
		"$(server_id edge check "$BED/ids")" \
		"^slotctl: .*tcp_server_id of 'web:sock_ops': .* its processes are in several: say real="
	end_sleepers
	is "while it has no processes it is where the command is" \
		"$(server_id edge --chain web:sock_ops check "$BED/ids")" \
		"web:sock_ops tcp_server_id: would set primary 111 192.0.2.1 (now 113)"
}

test_ids_do_not_go_unasked() {
	local before

	live_in client
	server_id edge sync "$BED/ids" >/dev/null
	before=$(ids)
	is "all three have theirs" "$before" "[111] [112]
primary 113"
	sed -i /198.51.100.2/d "$BED/ids"
	matches "a slot whose addresses the file does not have does not lose its ids" \
		"$(server_id edge sync "$BED/ids")" \
		"decap of 'server:s0': its ids would go, .* say real=ADDRESS, or real=none; nothing was changed"
	is "nor does any other" "$(ids)" "$before"
	is "unless it is said that it is none of the reals" \
		"$(server_id edge sync "$BED/ids" --chain server:s0 real=none)" \
		"server:s0 decap: del 112"
	is "one that has none is left alone, which is told" "$(server_id edge sync "$BED/ids")" \
		"note: server:s0 decap: no address in its network namespace is a real of '$BED/ids', so it gets no ids: real=ADDRESS says which it is
no changes"
	matches "of the netns that slotd is in nothing is known elsewhere" \
		"$(server_id client sync "$BED/ids")" \
		"decap of 'eth0': .*this command is in another one: say real="
	matches "and nothing is changed" "$(server_id edge check "$BED/ids")" "no changes$"
	end_sleepers
}

test_what_is_not_there_is_told() {
	cat >>"$BED/slots.conf" <<-END
		chain "later" {
			hook = "sock_ops"
			cgroup = "$GROUP/later"
			slot 4 { name = "ids" object = "tcp_server_id.bpf.o" }
		}
	END
	succeeds "a chain of a cgroup that is not there is taken" bed_ctl reload
	matches "a file that is not there is told before there are slots" \
		"$(server_id edge sync "$BED/nowhere" --chain later:sock_ops)" \
		"cannot open '$BED/nowhere': No such file"
	matches "a chain that waits is named beside what has changed" \
		"$(server_id edge check "$BED/ids" real=none)" \
		"note: later:sock_ops waits for its cgroup '$GROUP/later': where it needs ids, run this again"
	matches "and where there is nothing else" \
		"$(server_id edge --chain later:sock_ops check "$BED/ids")" \
		"no slot here runs what goes by servers' ids.*; later:sock_ops waits for its cgroup '$GROUP/later'"
}

test_what_is_refused_is_told() {
	bed_slotd_stop
	in_ns edge ip link set dev eth1 xdp obj "$BED_OBJECTS/pass.bpf.o" sec xdp
	cat >>"$BED/slots.conf" <<-END
		chain "eth1" {
			engine = "$BED_ENGINE"
			slot 12 { name = "decap" object = "decap.bpf.o" }
		}
	END
	succeeds "slotd starts beside a program of somebody else" bed_slotd
	matches "the chain that it keeps away is named" \
		"$(server_id edge check "$BED/ids" real=none)" \
		"note: .*eth1 is refused \(interface 'eth1' already runs an XDP program that is not slotd's"
	bed_slotd_stop
	in_ns edge ip link set dev eth1 xdp off
}

bed_run
