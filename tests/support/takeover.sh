# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Servers at the edge behind a chain of sk_reuseport programs, "web", whose slot is nobody's: what
# they do, they do without root. The load comes from the client. Source it after bed.sh.

TAKEOVER_IP=192.0.2.1
TAKEOVER_PORT=7443
# Of the client: UDP flows and TCP connections at a time, requests of each.
TAKEOVER_LOAD=(4 4 20)
# What a UDP flow that is silent is remembered for, in seconds.
TAKEOVER_MEMORY=1

# takeover_vip PORT...: TCP and UDP there are the chain's
takeover_vip() {
	local port

	for port; do
		as_nobody socket_lb vip add "tcp/$TAKEOVER_IP:$port" tcp || return 1
		as_nobody socket_lb vip add "udp/$TAKEOVER_IP:$port" flow \
			"memory=$TAKEOVER_MEMORY" || return 1
	done
}

takeover_bed() {
	make_namespaces client edge || bail "the bed is there"
	copy_build && cp "$BED_ROOT/build/examples/echo_server" "$BED_TOOLS" ||
		bail "slotd, its programs and the test tools are built" "run make checks first"
	make_client_wire || bail "the bed is there"
	wait_for 10 in_ns client ping -c 1 -W 1 "$TAKEOVER_IP" || bail "client and server reach each other"
	export SOCKETLB_BPFFS=$BED/bpf
	cat >"$BED/slots.conf" <<-END
		chain "web" {
			hook = "sk_reuseport"
			slot 3 { name = "balance" object = "socket_lb.bpf.o" owner = "nobody" }
		}
	END
	bed_slotd || bail "slotd runs a chain of sk_reuseport programs" "$(cat "$BED/log/slotd")"
	takeover_vip "$TAKEOVER_PORT" || bail "the chain has VIPs"
}

# spawn_nobody FILE COMMAND...: at the edge, as the slot's owner. Its process is $BED_SPAWNED.
spawn_nobody() {
	: >"$1"
	spawn edge "$1" setpriv --reuid nobody --regid nogroup --clear-groups "${@:2}"
}

# notify_start SOCKET FILE: what a service manager hears at this socket is in the file
notify_start() {
	spawn edge "$2" "$BED_TOOLS/notify_sink" "$1"
	wait_for 5 test -S "$1"
	chmod 0777 "$1" "${1%/*}"
}

# says FILE PATTERN
says() {
	grep -qE "$2" "$1"
}

# load_start NAME [PORT]: asks until load_end NAME
load_start() {
	: >"$BED/log/load.$1"
	spawn client "$BED/log/load.$1" "$BED_TOOLS/echo_client" "$TAKEOVER_IP" \
		"${2:-$TAKEOVER_PORT}" "${TAKEOVER_LOAD[@]}" 600
	printf -v "LOAD_$1" %s "$BED_SPAWNED"
}

# load_end NAME: what became of it, failed, misrouted and reset
load_end() {
	local pid=LOAD_$1

	stop "${!pid}"
	jq -r '"\(.failed) \(.misrouted) \(.reset)"' "$BED/log/load.$1"
}

# ask_once PORT: the number of the server that answers by TCP, nothing where none does
ask_once() {
	in_ns client timeout "$((2 * TAP_SCALE))" bash -c "exec 3<>/dev/tcp/$TAKEOVER_IP/$1 &&
		printf x >&3 && read -r -d ' ' server <&3 && echo \$server" 2>/dev/null
}

# hold PID: a connection to this server that stays, so that it drains for as long: $TAKEOVER_HOLD
hold() {
	: >"$BED/log/hold"
	spawn client "$BED/log/hold" bash -c "exec 3<>/dev/tcp/$TAKEOVER_IP/$TAKEOVER_PORT &&
		printf x >&3 && read -r -d ' ' server <&3 && echo \$server && exec cat <&3"
	TAKEOVER_HOLD=$BED_SPAWNED
	wait_for 5 says "$BED/log/hold" "^$1$"
}

# served_by COUNT: the processes that answer so many new connections
served_by() {
	local i

	for ((i = 0; i < $1; i++)); do
		ask_once "$TAKEOVER_PORT"
	done | sort -u
}

# renew_chain: forgets the VIPs, which it adds again, and who is registered
renew_chain() {
	bed_ctl --chain web:sk_reuseport detach && bed_ctl --chain web:sk_reuseport apply &&
		takeover_vip "$TAKEOVER_PORT"
}

# takeover_run: every function of the script named test_*
takeover_run() {
	local test

	takeover_bed
	for test in $(compgen -A function test_); do
		[[ ${SLOTD_TEST_ONLY:-$test} == "$test" ]] || continue
		"$test"
	done
	done_testing
}
