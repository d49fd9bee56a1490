#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Troubles of sockets that programs choose: made, found by slotctl doctor, and gone once mended.
# guest: test-all

# shellcheck source=tests/support/doctor.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/doctor.sh"
# shellcheck source=tests/support/socks.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/socks.sh"
# shellcheck source=tests/support/restarts.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/restarts.sh"

# shellcheck source=tests/support/cgroup.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/cgroup.sh"

trap 'bed_stop; drop_group' EXIT
SLOTD_TEST_ENGINE=fused # as every chain of sockets is
PREFIX=203.0.113.0/24
VIP=udp/$RESTART_IP:$RESTART_PORT

setup() {
	[[ ! -e /run/netns/edge ]] || return 0
	name_namespaces || bail "namespaces have names"
	cat >"$BED/slots.conf" <<-END
		chain "host" { hook = "sk_lookup" slot 3 { name = "sk_steer" object = "sk_steer.bpf.o" } }
		chain "$RESTART_CHAIN" { hook = "sk_reuseport" slot 0 { name = "socket_lb" object = "socket_lb.bpf.o" } }
	END
	export SOCKETLB_BPFFS=$BED/bpf
	bed_slotd_fresh
}

steer() {
	in_ns edge "$BED_BIN/slotctl" --socket "$BED_CTL_SOCKET" --chain host:sk_lookup sk_steer "$@"
}

test_clean() {
	is "chains of sockets in which all is well are clean" \
		"$(bed_ctl doctor --json 2>/dev/null | jq -r '.findings[] | select(.severity != "note") | .what')" ""
}

test_led() {
	in_ns edge ip route add local "$PREFIX" dev lo
	steer rule add "$PREFIX" tcp 80-89 web
	finds "a rule without a socket is found" led edge warning \
		"sk_steer leads tcp/$PREFIX:80-89 to no socket"
	sock_serve nobody tcp web
	steer socket add web "tcp/127.0.0.1:$GROUP_PORT"
	gone "with one it is gone" led edge
	in_ns edge ip route del local "$PREFIX" dev lo
	finds "a prefix that the netns does not take is found" led edge warning \
		"leads $PREFIX to sockets, and netns 'edge' does not take it"
	in_ns edge ip route add local "$PREFIX" dev lo
	gone "with a route it is gone" led edge
	stop "$SERVING"
	steer rule del "$PREFIX" tcp 80-89
}

test_shared() {
	local server

	RESTART_DIR=$(mktemp -d "$BED/run/shared.XXXXXX")
	restart_ctl vip add "$VIP" flow
	finds "a VIP that nobody serves is found" shared edge warning "no instance serves $VIP"
	flow_start socket_lb 1
	server=$BED_SPAWNED
	in_time "a server registers" 10 flow_is_ready 1
	gone "then it is gone" shared edge
	SERVE_ADDRESS=$RESTART_IP GROUP_PORT=$RESTART_PORT sock_serve root udp stray ||
		not_ok "another socket joins the group"
	finds "a socket that did not register is found" shared edge warning \
		"a process of user 0 is bound to $VIP beside the sockets that socket_lb knows"
	stop "$SERVING"
	flow_start reuseport 2
	in_time "a process with several joins" 10 flow_is_ready 2
	matches "those are one finding" "$(bed_ctl doctor --json 2>/dev/null |
		jq -c '[.findings[] | select(.check == "shared").where | [.process, .sockets]]')" \
		"^..\"[^\"]*flow_server[^\"]*\",$FLOW_SOCKETS..\$"
	stop "$BED_SPAWNED"
	gone "without it that is gone" shared edge
	stop "$server" KILL
	finds "a server that died is missed" shared edge warning "no instance serves $VIP"
	restart_ctl vip del "$VIP"
	gone "unless the VIP goes, too" shared edge
}

is_served() {
	restart_ctl instances "$VIP" | grep -q ' active '
}

# Who runs a server is killed, and the server goes on.
test_orphans() {
	local run server

	RESTART_DIR=$(mktemp -d "$BED/run/orphans.XXXXXX")
	restart_ctl vip add "$VIP" flow
	spawn edge "$BED/log/run" "$BED_BIN/slotctl" socket run --chain "$RESTART_CHAIN" -- \
		"$BED_TOOLS/flow_server" reuseport "$RESTART_IP" "$RESTART_PORT" "$FLOW_SOCKETS" 1 "$RESTART_DIR"
	run=$BED_SPAWNED
	in_time "a server that is run serves" 10 is_served
	server=$(pgrep -P "$run")
	stop "$run" KILL
	gone "whose runner's death is no trouble while it serves" shared edge
	flow_start socket_lb 2
	in_time "another one takes over" 10 flow_is_ready 2
	finds "then nobody ends the first, and that is found" shared edge warning \
		"instance 0 of $VIP, a VIP of socket_lb, drains, and the process that registered it is dead"
	kill -KILL "$server"
	in_time "it ends" 5 is_gone "$server"
	gone "then that is gone" shared edge
	stop "$BED_SPAWNED"
	restart_ctl vip del "$VIP"
}

test_lookup() {
	bpftool prog load "$BED_PROGS/bpf/progs/sk_lookup_ret.bpf.o" "$BED/bpf/theirs" type sk_lookup &&
		"$BED_TOOLS/other_link" "$BED/ns/edge" sk-lookup "$BED/bpf/theirs" \
			"$BED/bpf/theirs_link" || not_ok "somebody else has a program there"
	finds "a program beside a chain's is found" lookup edge warning \
		"program 'sk_lookup_ret' \(id [0-9]+\) runs at sk_lookup of netns 'edge'"
	rm "$BED/bpf/theirs_link" "$BED/bpf/theirs"
	gone "without its link it is gone" lookup edge
}

# with_other_program MODE: somebody's, at the cgroup above the chain's
with_other_program() {
	bpftool prog load "$BED_PROGS/bpf/progs/sock_ops_ret.bpf.o" "$BED/bpf/theirs" type sockops &&
		bpftool cgroup attach "$GROUP" sock_ops pinned "$BED/bpf/theirs" ${1:+"$1"} ||
		not_ok "somebody else has a program there"
	rm -f "$BED/bpf/theirs"
}

without_other_program() {
	bpftool cgroup detach "$GROUP" sock_ops \
		id "$(bpftool -j cgroup show "$GROUP" | jq '.[0].id')"
}

test_cgroup() {
	find_group2 || {
		skip "programs of cgroups are found" "no cgroup v2 can be made here"
		return
	}
	mkdir "$GROUP/web"
	cat >>"$BED/slots.conf" <<-END
		chain "ops" { hook = "sock_ops" cgroup = "$GROUP/web" slot 1 { name = "guest" } }
	END
	bed_ctl reload >/dev/null 2>&1
	with_other_program override
	finds "a program that the chain puts out of work is found" cgroup "" warning \
		"cgroup '$GROUP' has a program of sock_ops that gives way to the chain 'ops:sock_ops'"
	without_other_program
	with_other_program multi
	gone "one that runs beside it is no trouble" cgroup ""
	without_other_program
	bed_ctl --chain ops:sock_ops detach >/dev/null
	with_other_program ""
	finds "one that keeps the chain out is found" cgroup "" warning "that keeps out the chain"
	without_other_program
	bed_ctl --chain ops:sock_ops apply >/dev/null
	gone "without it all is well" cgroup ""
}

bed_run
