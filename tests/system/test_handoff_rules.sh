#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Real connections through handoff's rules: a client asks the edge, a server behind it that has
# an address of its own answers, and the client sees the edge. The edge's chain at XDP sends on
# what comes in; its chain at TC egress, with the same table, rewrites what goes out, large
# segments with checksums that are still to be filled in among it. No connection is moved: it is
# redirected from its first packet on. Its rules are left, and the agent removes them.

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"

VIP=192.0.2.1:80
VIP_6='[2001:db8:1::1]:80'
SERVER=$SERVER4:80
SERVER_6="[$SERVER6]:80"
SIZE=4000000
# More than the client's stack has room for: while it is read slowly, packets go to and fro.
SIZE_HUGE=32000000
TIMES=200000
[[ ${SLOTD_TIER:-} != vm ]] || TIMES=5000

# Each connection has a port of its own.
PORT=40000

in_ctl() {
	bed_ctl --chain eth0 handoff "$@"
}

out_ctl() {
	bed_ctl --chain eth0:tc-egress handoff_out "$@"
}

setup() {
	bed_conf <<-END
		slot 10 { name = "handoff" owner = "nobody" object = "handoff.bpf.o" }
	END
	cat >>"$BED/slots.conf" <<-END
		chain "eth0" {
			hook = "tc-egress"
			slot 10 {
				name = "handoff_out" owner = "nobody" object = "handoff_out.bpf.o"
				maps_of = "xdp:handoff"
			}
		}
	END
	# What XDP sends into a veth is received by NAPI; what the server sends is summed up at the edge.
	in_ns server ethtool -K s0 gro on tx on tso on >/dev/null
	bed_slotd_fresh
	DIR=$(bed_ctl --chain eth0 slots --json | jq -r '.slots[] | select(.name == "handoff").map_dir')
	nginx_start
	head -c "$SIZE" /dev/urandom >"$BED/www/large"
	SUM=$(sha256sum <"$BED/www/large")
	head -c "$SIZE_HUGE" /dev/urandom >"$BED/www/huge"
	SUM_HUGE=$(sha256sum <"$BED/www/huge")
	in_ctl drop all >/dev/null
}

rule() {
	in_ns edge "$BED_TOOLS/handoff_rule" "$DIR" "$@"
}

# Of the connection from the port $PORT, and of family 6 with -6.
block() {
	if [[ $1 == -6 ]]; then
		rule block "[$CLIENT6]:$PORT" "$VIP_6" "$2"
	else
		rule block "$CLIENT4:$PORT" "$VIP" "$1"
	fi
}

# redirect [-6] [TIMES]
redirect() {
	if [[ ${1:-} == -6 ]]; then
		rule redirect "[$CLIENT6]:$PORT" "$VIP_6" "$SERVER_6"
	else
		rule redirect "$CLIENT4:$PORT" "$VIP" "$SERVER" "${1:-1}"
	fi
}

rewrite() {
	if [[ ${1:-} == -6 ]]; then
		rule rewrite "[$CLIENT6]:$PORT" "$SERVER_6" "$VIP_6"
	else
		rule rewrite "$CLIENT4:$PORT" "$SERVER" "$VIP"
	fi
}

# ask WHERE FILE [OPTION...]: the answer's hash
ask() {
	in_ns client curl -fsS -m 60 --local-port "$PORT" "${@:3}" "http://$1/$2" | sha256sum
}

# counted COUNTER: by handoff; counted out COUNTER: by handoff_out
counted() {
	if [[ $1 == out ]]; then
		out_ctl stats --json | jq --arg name "$2" '.counters[] | select(.name == $name).packets'
	else
		in_ctl stats --json | jq --arg name "$1" '.counters[] | select(.name == $name).packets'
	fi
}

# number NS NAME: a counter of the namespace's stack
number() {
	in_ns "$1" nstat -asz "$2" | awk -v name="$2" '$1 == name { print $2 }'
}

# rule_of FIELD: of the connection's rule at the edge
rule_of() {
	in_ctl show "$CLIENT4:$PORT" "$VIP" --json | jq -r ".rules[0].$1"
}

test_redirected_connection() {
	local before resets

	PORT=40001
	before=$(counted redirect_away)
	resets=$(number edge TcpOutRsts)
	redirect
	rewrite
	is "the client gets what the server has" "$(ask "$VIP" large)" "$SUM"
	succeeds "by rules" test "$(counted redirect_away)" -gt "$before"
	succeeds "in both directions" test "$(counted out rewrite)" -gt 0
	is "of which none was refused" "$(counted out broken)" 0
	is "the edge reset nothing" "$(number edge TcpOutRsts)" "$resets"
	is "the rule has seen the client's end" "$(rule_of 'seen | join(" ")')" client_fin
	succeeds "and counts" test "$(rule_of in_packets)" -gt 3
	PORT=40002
	redirect -6
	rewrite -6
	is "so it is with IPv6" "$(ask "$VIP_6" large)" "$SUM"
}

test_large_segments() {
	local size

	PORT=40003
	redirect
	rewrite
	is "what the server sends in large segments arrives" "$(ask "$VIP" large)" "$SUM"
	size=$(in_ctl show "$CLIENT4:$PORT" "$SERVER" --json |
		jq '.rules[0] | .out_bytes / .out_packets | floor')
	succeeds "and came as such" test "$size" -gt 2000
	is "the client's stack found no wrong checksum" "$(number client TcpInCsumErrors)" 0
}

# A SYN is dropped while the rule blocks; the next one, a second later, meets the redirect.
test_block_becomes_redirect() {
	local asked

	PORT=40004
	block 60
	rewrite
	ask "$VIP" index.html >"$BED/answer" &
	asked=$!
	succeeds "packets are dropped" wait_for 10 is_blocked
	redirect
	wait "$asked"
	is "after one update the connection is served" "$(<"$BED/answer")" \
		"$(sha256sum <"$BED/www/index.html")"
	is "and the rule tells of it" "$(rule_of ingress)" redirect
	succeeds "and of what was dropped" is_blocked
}

is_blocked() {
	(($(rule_of blocked) > 0))
}

# In the midst of a download: what the client acknowledges is the rule's.
test_pause() {
	local asked

	PORT=40005
	redirect
	rewrite
	ask "$VIP" huge --limit-rate $((SIZE_HUGE / 2)) >"$BED/answer" &
	asked=$!
	wait_for 10 has_begun
	block 60
	succeeds "a connection in use is held" wait_for 10 is_blocked
	redirect
	wait "$asked"
	is "and goes on, with every byte" "$(<"$BED/answer")" "$SUM_HUGE"
}

has_begun() {
	(($(rule_of in_packets) > 3))
}

# Every packet meets another version of the rule; what met none the edge would answer with a reset.
test_updates_under_load() {
	local asked resets

	PORT=40006
	redirect
	rewrite
	resets=$(number edge TcpOutRsts)
	ask "$VIP" huge --limit-rate "$SIZE_HUGE" >"$BED/answer" &
	asked=$!
	wait_for 10 has_begun
	tap_note "ns for one update: $(redirect "$TIMES")"
	wait "$asked"
	is "no byte is lost by updates of the rule" "$(<"$BED/answer")" "$SUM_HUGE"
	is "and no packet met a moment without it" "$(number edge TcpOutRsts)" "$resets"
}

test_nobody_hangs() {
	PORT=40007
	block 1
	matches "where a block's deadline is over, the client is told" \
		"$(in_ns client curl -sS -m 20 --local-port "$PORT" "http://$VIP/" 2>&1)" '^curl: \(7\)'
	succeeds "which is counted" test "$(counted expired)" -gt 0
	PORT=40008
	redirect
	succeeds "a rule is dropped" in_ctl drop "$CLIENT4:$PORT" "$VIP"
	matches "and its client is told" \
		"$(in_ns client curl -sS -m 20 --local-port "$PORT" "http://$VIP/" 2>&1)" '^curl: \(7\)'
}

# A new version of either program, and another slotd, leave connections as they are.
test_changes() {
	local asked

	PORT=40009
	redirect
	rewrite
	ask "$VIP" huge --limit-rate $((SIZE_HUGE / 2)) >"$BED/answer" &
	asked=$!
	wait_for 10 has_begun
	succeeds "handoff is taken off and comes again" bed_ctl --chain eth0 deploy handoff \
		"$BED_OBJECTS/handoff.bpf.o"
	succeeds "and handoff_out" bed_ctl --chain eth0:tc-egress deploy handoff_out \
		"$BED_OBJECTS/handoff_out.bpf.o"
	bed_slotd_stop KILL
	succeeds "slotd starts again" bed_slotd
	wait "$asked"
	is "the connection does not notice" "$(<"$BED/answer")" "$SUM_HUGE"
	is "and its rule is still there" "$(rule_of ingress)" redirect
}

# has_rules COUNT
has_rules() {
	[[ $(in_ctl show --json | jq '.rules | length') == "$1" ]]
}

agent_of() {
	in_ctl stats --json | jq ".agent.$1"
}

# agent_tells WORD NUMBER: at the end of a look, which is after what it did
agent_tells() {
	[[ $(agent_of "$1") == "$2" ]]
}

# As the owner of the slot, who has no capability.
test_agent() {
	in_ctl drop all >/dev/null
	PORT=40010
	redirect
	rewrite
	PORT=40011
	redirect
	rewrite
	is "a connection comes and goes" "$(ask "$VIP" large)" "$SUM"
	spawn edge "$BED/log/agent" setpriv --reuid nobody --regid nogroup --clear-groups \
		"$BED_BIN/slotctl" --socket "$BED_CTL_SOCKET" --chain eth0 \
		handoff agent linger=1 half=2
	in_time "the agent removes its rules" 20 has_rules 2
	in_time "and says so" 5 agent_tells half 2
	in_time "the others stay" 5 agent_tells rules 2
	matches "there is one agent" "$(in_ctl agent 2>&1)" 'an agent runs already'
	succeeds "it ends when it is told to" stop "$BED_SPAWNED"
	spawn edge "$BED/log/agent" "$BED_BIN/slotctl" --socket "$BED_CTL_SOCKET" --chain eth0 \
		handoff agent idle=1
	in_time "those are removed by one for which they are idle" 20 has_rules 0
	in_time "which says so" 5 agent_tells idle 2
	succeeds "it ends, too" stop "$BED_SPAWNED"
}

# said_by_others: a client's answers, one more after a RST and a SYN that others send in its name,
# and one more after another RST and a silence longer than the agent's half.
said_by_others() {
	in_ns client python3 - "$CLIENT4" "$PORT" "${VIP%:*}" "${VIP##*:}" <<-'END'
		import socket, struct, sys, time
		client, port, vip, vip_port = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
		ends = socket.inet_aton(client) + socket.inet_aton(vip)
		raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
		raw.bind((client, 0))
		def spoof(flags):
		    tcp = struct.pack("!HHIIBBHHH", port, vip_port, 0x5eed, 0, 0x50, flags, 1024, 0, 0)
		    words = struct.unpack("!16H", ends + struct.pack("!HH", 6, 20) + tcp)
		    total = sum(words)
		    total = (total & 0xffff) + (total >> 16)
		    total = ~(total + (total >> 16)) & 0xffff
		    raw.sendto(tcp[:16] + struct.pack("!H", total) + tcp[18:], (vip, 0))
		conn = socket.create_connection((vip, vip_port), 10, (client, port))
		def ask():
		    conn.sendall(b"HEAD /large HTTP/1.1\r\nHost: a\r\n\r\n")
		    print(conn.recv(4096).split()[1].decode(), flush=True)
		ask()
		spoof(4)
		time.sleep(1.5)
		spoof(2)
		time.sleep(0.5)
		ask()
		spoof(4)
		time.sleep(10)
		ask()
	END
}

# By an agent that has no capability, and so asks by the service.
test_said_by_others() {
	local asked reused repair

	if [[ ${SLOTD_TIER:-} == vm ]]; then
		skip "others say things in a client's name" \
			"the agent has three seconds to ask, and emulated processors may take longer"
		return
	fi
	in_ctl drop all >/dev/null
	PORT=40012
	redirect
	rewrite
	spawn edge "$BED/log/repair" "$BED_BIN/slotctl" --socket "$BED_CTL_SOCKET" --chain eth0 \
		handoff repair socket="$BED/repair"
	repair=$BED_SPAWNED
	in_time "a service asks for those who have no right to" 10 test -S "$BED/repair"
	spawn edge "$BED/log/agent" setpriv --reuid nobody --regid nogroup --clear-groups \
		env HANDOFF_AGENT="$BED/repair" "$BED_BIN/slotctl" --socket "$BED_CTL_SOCKET" \
		--chain eth0 handoff agent linger=1 half=8
	asked=$(agent_of asked)
	reused=$(counted reused)
	# It asks in the last three seconds of half, which is after the SYN.
	is "the client is served all the time" "$(said_by_others | xargs)" "200 200 200"
	is "the SYN was left to the host's own stack" "$(($(counted reused) - reused))" 1
	succeeds "the agent asked it" test "$(agent_of asked)" -gt "$asked"
	is "and its rule is there" "$(rule_of ingress)" redirect
	succeeds "the agent ends" stop "$BED_SPAWNED"
	succeeds "and the service" stop "$repair"
}

# doctor_says: of answers that do not pass handoff_out
doctor_says() {
	bed_ctl doctor --json 2>/dev/null | jq -r '.findings[] | select(.check == "mute") |
		"\(.severity) \(.where.chain): \(.what)"'
}

# meet_edge: one connection to a server at the edge, as one that came from another host
meet_edge() {
	in_ns client python3 -c 'if True:
		import socket, sys
		conn = socket.create_connection((sys.argv[1], 8081), 20, (sys.argv[2], int(sys.argv[3])))
		print(conn.recv(16).decode())' "${VIP%:*}" "$CLIENT4" "$PORT"
}

test_other_half() {
	local server

	in_ctl drop all >/dev/null
	spawn edge "$BED/log/greeter" python3 -u -c 'if True:
		import socket, sys
		listener = socket.create_server((sys.argv[1], 8081))
		print("listens")
		while True:
		    conn, _ = listener.accept()
		    conn.sendall(b"hello")
		    conn.close()' "${VIP%:*}"
	server=$BED_SPAWNED
	in_time "a server listens" 20 grep -q listens "$BED/log/greeter"
	PORT=40013
	rule rewrite "$CLIENT4:$PORT" "${VIP%:*}:8081" "${VIP%:*}:8081"
	is "its client is answered by way of handoff_out" "$(meet_edge)" hello
	is "of which doctor says nothing" "$(doctor_says)" ""
	bed_ctl --chain eth0:tc-egress disable handoff_out >/dev/null
	PORT=40014
	rule rewrite "$CLIENT4:$PORT" "${VIP%:*}:8081" "${VIP%:*}:8081"
	is "the next one without" "$(meet_edge)" hello
	is "which doctor does not miss" "$(doctor_says)" \
		"error eth0: answers of 1 connections that came from other hosts do not pass handoff_out"
	bed_ctl --chain eth0:tc-egress enable handoff_out >/dev/null
	in_ctl drop all >/dev/null
	kill "$server"
	wait_for 10 is_gone "$server"
}

# The rest is between the table and whoever writes it, which the host shows.
only_in_vm redirected_connection large_segments block_becomes_redirect

bed_run
