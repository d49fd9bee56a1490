#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Servers that use libsocketlb (bpf/socket_lb/examples/echo_server.c) are restarted under load, and
# killed at each step of that, without root.
# guest: test-all
# timeout: 600

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"
# shellcheck source=tests/support/takeover.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/takeover.sh"

# Ports that are restarted at the same time, and how often each: an old server remembers UDP flows
# for a second before it ends, and there is no third one meanwhile.
PORTS=({7501..7520})
RESTARTS=5
[[ ${SLOTD_TIER:-} != vm ]] || PORTS=(7501 7502) RESTARTS=3

# echo_start LOG PORT
echo_start() {
	spawn_nobody "$1" "$BED_TOOLS/echo_server" web 2 "$TAKEOVER_IP" "$2"
}

# echo_serves LOG: or has ended
echo_serves() {
	says "$1" '^serves'
}

# Of a port: one server after the other, each when the one before the last has left.
restart_port() {
	local port=$1 i

	for ((i = 1; i <= RESTARTS; i++)); do
		echo_start "$BED/log/$port.$i" "$port"
		wait_for 20 echo_serves "$BED/log/$port.$i" || return 1
		wait_for 20 says "$BED/log/$port.$((i - 1))" '^ends' || return 1
	done
}

# Servers that serve end without a successor.
end_servers() {
	local pids

	mapfile -t pids < <(pgrep -x echo_server --ns $$ --nslist mnt)
	[[ ${#pids[@]} -eq 0 ]] || kill "${pids[@]}"
	wait_for 10 no_servers
}

no_servers() {
	! pgrep -x echo_server --ns $$ --nslist mnt
}

restart_ports() {
	local port jobs=() job status=0

	for port in "${PORTS[@]}"; do
		restart_port "$port" &
		jobs+=($!)
	done
	for job in "${jobs[@]}"; do
		wait "$job" || status=1
	done
	return "$status"
}

test_restarts() {
	local port losses=() restarts

	takeover_vip "${PORTS[@]}" || bail "the chain has more VIPs"
	for port in "${PORTS[@]}"; do
		echo_start "$BED/log/$port.0" "$port"
	done
	TAKEOVER_LOAD=(2 2 20)
	for port in "${PORTS[@]}"; do
		wait_for 10 echo_serves "$BED/log/$port.0"
		load_start "$port" "$port"
	done
	succeeds "servers of ${#PORTS[@]} ports are restarted $RESTARTS times each" restart_ports
	for port in "${PORTS[@]}"; do
		losses+=("$(load_end "$port")")
	done
	is "no request fails, is misrouted or reset" "$(printf '%s\n' "${losses[@]}" | sort -u)" "0 0 0"
	restarts=$(jq -s 'map(.servers - 1) | add' "$BED"/log/load.75*)
	is "every server had requests" "$restarts" "$((${#PORTS[@]} * RESTARTS))"
	end_servers
}

# announced: how often the VIPs were given to an instance
announced() {
	bpftool -j map dump pinned "$BED/bpf/slotd/sk_reuseport/web/maps/balance/sl_active" |
		jq 'map(.formatted.value.changes) | add'
}

# The new one is killed before its n-th write, until it was not, as it serves. What it took while
# some of the VIPs were its own already is lost with it: connections of the load, no more.
test_killed_starts() {
	local old new n before early=0 loss wrong=()

	echo_start "$BED/log/old" "$TAKEOVER_PORT"
	old=$BED_SPAWNED
	wait_for 10 echo_serves "$BED/log/old" || bail "a server serves" "$(<"$BED/log/old")"
	for ((n = 1; n < 40; n++)); do
		before=$(announced)
		load_start kills
		spawn_nobody "$BED/log/killed" "$BED_TOOLS/kill_at" "$n" "$BED_TOOLS/echo_server" web 2 \
			"$TAKEOVER_IP" "$TAKEOVER_PORT"
		new=$BED_SPAWNED
		wait_for 10 is_killed_or_serves "$new" || wrong+=("$n: neither killed nor serving")
		! says "$BED/log/killed" '^serves' || break
		[[ $(ask_once "$TAKEOVER_PORT") == "$old" ]] || wrong+=("$n: the old one does not serve")
		loss=$(load_end kills)
		if [[ $(announced) == "$before" ]]; then
			early=$n
			[[ $loss == "0 0 0" ]] || wrong+=("$n: lost $loss")
		else
			[[ $loss =~ ^0\ 0\ [0-${TAKEOVER_LOAD[1]}]$ ]] || wrong+=("$n, announced: lost $loss")
		fi
	done
	[[ $early -gt 10 && $n -gt $early && $n -lt 40 ]] || wrong+=("$n kills, $early early ones")
	is "a server that is killed before any of its writes leaves the old one serving" \
		"${wrong[*]}" ""
	stop "$new"
	in_time "the old one ends" 10 says "$BED/log/old" '^ends'
	is "nobody noticed" "$(load_end kills)" "0 0 0"
	end_servers
}

is_killed_or_serves() {
	is_gone "$1" || says "$BED/log/killed" '^serves'
}

# A service manager is told the end of a reload that comes to nothing, too.
test_failed_reload() {
	local server=$BED/bin/reloaded heard=$BED/log/reloaded.heard pid

	mkdir -p "$BED/bin" && cp "$BED_TOOLS/echo_server" "$server" && chmod 0755 "$BED/bin"
	notify_start "$BED/run/reloaded.notify" "$heard"
	export NOTIFY_SOCKET=$BED/run/reloaded.notify
	spawn_nobody "$BED/log/reloaded" "$server" web 2 "$TAKEOVER_IP" "$TAKEOVER_PORT"
	pid=$BED_SPAWNED
	unset NOTIFY_SOCKET
	in_time "a service manager hears of a server that is ready" 10 says "$heard" "^MAINPID=$pid"
	mv "$server" "$server.gone"
	kill -HUP "$pid"
	in_time "a successor that cannot be run is told of" 10 says "$BED/log/reloaded" 'the successor ended'
	is "the service manager hears that the reload is over" \
		"$(grep -E '^(RELOADING|READY|MAINPID)=' "$heard" | tail -n 3 | xargs)" \
		"RELOADING=1 READY=1 MAINPID=$pid"
	is "the server serves on" "$(ask_once "$TAKEOVER_PORT")" "$pid"
	mv "$server.gone" "$server"
	kill -HUP "$pid"
	in_time "the next reload has its successor" 10 has_two_mains "$heard"
	in_time "and the one before ends" 20 is_gone "$pid"
	end_servers
}

# has_two_mains FILE: two processes have said that they are the main one
has_two_mains() {
	[[ $(grep -E '^MAINPID=' "$1" | sort -u | wc -l) == 2 ]]
}

answers_as() {
	[[ $(ask_once "$TAKEOVER_PORT") == "$1" ]]
}

# What the killed one had is lost with it; what is new goes to the one that is left.
test_killed_after() {
	local old new next

	echo_start "$BED/log/one" "$TAKEOVER_PORT"
	old=$BED_SPAWNED
	wait_for 10 echo_serves "$BED/log/one"
	load_start hold
	in_time "an old server has flows" 5 answers_as "$old"
	echo_start "$BED/log/two" "$TAKEOVER_PORT"
	new=$BED_SPAWNED
	wait_for 10 echo_serves "$BED/log/two"
	is "what is new goes to the new server" "$(ask_once "$TAKEOVER_PORT")" "$new"
	stop "$new" KILL
	is "a new server that is killed leaves the one that drains serving" \
		"$(ask_once "$TAKEOVER_PORT")" "$old"
	echo_start "$BED/log/three" "$TAKEOVER_PORT"
	next=$BED_SPAWNED
	in_time "the next one takes the place of the dead" 5 echo_serves "$BED/log/three"
	stop "$old" KILL
	is "an old server that is killed while it drains leaves the new one serving" \
		"$(ask_once "$TAKEOVER_PORT")" "$next"
	load_end hold >/dev/null
	end_servers
}

test_two_starters() {
	local first second

	echo_start "$BED/log/serving" "$TAKEOVER_PORT"
	wait_for 10 echo_serves "$BED/log/serving"
	load_start starters
	echo_start "$BED/log/first" "$TAKEOVER_PORT"
	first=$BED_SPAWNED
	echo_start "$BED/log/second" "$TAKEOVER_PORT"
	second=$BED_SPAWNED
	in_time "of two that start at once one serves" 10 says "$BED/log/first" '^serves'
	in_time "and the other one, after it" 10 says "$BED/log/second" '^serves'
	in_time "both older ones end" 20 has_one_server
	is "nobody noticed two starters" "$(load_end starters)" "0 0 0"
	matches "the one that is left serves" "$first $second" "$(ask_once "$TAKEOVER_PORT")"
	end_servers
}

has_one_server() {
	[[ $(pgrep -cx echo_server --ns $$ --nslist mnt) == 1 ]]
}

test_no_instance() {
	local pid

	echo_start "$BED/log/alone" "$TAKEOVER_PORT"
	pid=$BED_SPAWNED
	wait_for 10 echo_serves "$BED/log/alone"
	as_nobody socket_lb active "tcp/$TAKEOVER_IP:$TAKEOVER_PORT" none
	is "a VIP without an instance refuses connections" "$(ask_once "$TAKEOVER_PORT")" ""
	matches "and counts them" "$(bed_ctl socket_lb stats)" 'no_active +drop +[1-9]'
	stop "$pid"
	is "a server that ended leaves nothing at the VIP" "$(ask_once "$TAKEOVER_PORT")" ""
}

test_strangers() {
	local out

	out=$(in_ns edge setpriv --reuid daemon --regid daemon --clear-groups \
		"$BED_TOOLS/echo_server" web 2 "$TAKEOVER_IP" "$TAKEOVER_PORT" 2>&1)
	matches "who does not own the slot is refused in one line" "$out" \
		"^echo_server: socketlb_open: chain 'web' has no slot of yours .* one of user $(id -u nobody): Permission denied"
	out=$(in_ns edge "$BED_TOOLS/echo_server" mail 2 "$TAKEOVER_IP" "$TAKEOVER_PORT" 2>&1)
	matches "a chain that is not there is named" "$out" "'mail'"
	out=$(in_ns edge setpriv --reuid nobody --regid nogroup --clear-groups \
		"$BED_TOOLS/echo_server" web 2 "$TAKEOVER_IP" 7999 2>&1)
	matches "an address that is no VIP is named" "$out" "$TAKEOVER_IP:7999"
}

only_in_vm restarts killed_after no_instance
takeover_run
