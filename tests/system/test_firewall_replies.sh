#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# A firewall that denies by default, and fw_egress beside it at the same interface: connections
# from inside get their replies, connections from outside are still refused. With rulesets of
# their own both drop what is not accepted, each in its direction.

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"

OUT=eth0:tc-egress
PORT=8000

write_conf() {
	cat >"$BED/slots.conf" <<-END
		chain "eth0" {
			engine = "$BED_ENGINE"
			slot 2 {
				name = "firewall" owner = "nobody" object = "firewall.bpf.o"
				settings { default_deny = true }
			}
		}
		chain "eth0" {
			hook = "tc-egress"
			slot 2 { name = "fw_egress" owner = "nobody" object = "fw_egress.bpf.o" }
		}
	END
}

is_listening() {
	[[ -n $(in_ns client ss -Hltn "sport = :$PORT") ]]
}

setup() {
	write_conf
	bed_slotd_fresh
	nginx_start
	spawn client "$BED/log/outside" python3 -m http.server --bind :: --directory "$BED/www" "$PORT"
	wait_for $((5 * TAP_SCALE)) is_listening || bail "a server outside"
	MAPS=$(bed_ctl --chain eth0 slots --json | jq -r .slots[2].map_dir)
	FLOWS=$(bed_ctl --chain "$OUT" slots --json | jq -r .slots[2].map_dir)
}

# The owner's commands need no slotd.
fw() {
	as_nobody firewall --map-dir "$MAPS" "$@"
}

# get_out ADDRESS: a server outside, from inside
get_out() {
	in_ns server curl -gsS -o /dev/null -w '%{http_code}' --noproxy '*' \
		-m "${2:-$((2 * TAP_SCALE))}" "http://$1:$PORT/" 2>/dev/null
}

ping_out() {
	in_ns server ping -c 1 -W "${2:-$TAP_SCALE}" "$1" >/dev/null
}

no_ping_out() {
	! ping_out "$1"
}

test_replies() {
	is "without replies a connection from inside hangs" "$(get_out "$CLIENT4" "$SILENCE")" 000
	is "and the firewall says that it has none" "$(fw replies)" off
	succeeds "the owner shows it the flows" fw replies on "$FLOWS"
	matches "which it has then" "$(fw replies)" '^on, by the flows in map [0-9]+$'
	is "a connection from inside works over IPv4" "$(get_out "$CLIENT4")" 200
	is "and over IPv6" "$(get_out "[$CLIENT6]")" 200
	succeeds "so does a ping" ping_out "$CLIENT4"
	succeeds "and one over IPv6" ping_out "$CLIENT6"
	is "a connection from outside does not" "$(fetch "http://$SERVER4/" -m "$SILENCE")" 000
	is "nor over IPv6" "$(fetch "http://[$SERVER6]/" -m "$SILENCE")" 000
	succeeds "nor does a ping" no_ping "$SERVER4"
	matches "the firewall counts replies" "$(fw stats)" 'allow_reply +pass +[1-9]'
	matches "and fw_egress flows" "$(as_nobody fw_egress --map-dir "$FLOWS" stats)" \
		'new_flow +pass +[1-9]'
}

test_upgrades_keep_flows() {
	fw replies on "$FLOWS"
	bed_ctl --chain "$OUT" deploy fw_egress "$BED_OBJECTS/fw_egress.bpf.o" >/dev/null ||
		not_ok "fw_egress is deployed anew"
	is "another fw_egress has the same flows" "$(get_out "$CLIENT4")" 200
	bed_ctl --chain eth0 deploy firewall "$BED_OBJECTS/firewall.bpf.o" >/dev/null ||
		not_ok "the firewall is deployed anew"
	is "another firewall still has them" "$(get_out "$CLIENT4")" 200
	bed_slotd_stop KILL
	bed_slotd
	is "and so it is after a restart" "$(get_out "[$CLIENT6]")" 200
}

test_off() {
	fw replies on "$FLOWS"
	succeeds "replies are turned off" fw replies off
	is "then connections from inside hang again" "$(get_out "$CLIENT4" "$SILENCE")" 000
	matches "a folder without flows is refused" "$(fw replies on "$MAPS" 2>&1)" \
		"cannot open map '.*/fw_flows': No such file"
	is "and changes nothing" "$(fw replies)" off
}

egress() {
	as_nobody fw_egress --map-dir "$FLOWS" "$@"
}

# load COMMAND: the ruleset in stdin
load() {
	cat >"$BED/rules"
	chmod 644 "$BED/rules"
	"$1" load "$BED/rules" >/dev/null || not_ok "$1 loads its ruleset"
}

get_size() {
	in_ns client curl -gsS -o /dev/null -w '%{size_download}' --noproxy '*' \
		-m $((5 * TAP_SCALE)) "$1" 2>/dev/null
}

test_policies_that_drop_both_ways() {
	fw replies on "$FLOWS"
	head -c 3000000 /dev/zero >"$BED/www/large"
	load fw <<<$'policy drop\ntcp dport 80 accept'
	load egress <<<$'policy drop\ntcp sport 80 accept'
	is "the server inside is reached" "$(fetch "http://$SERVER4/")" 200
	is "and over IPv6" "$(fetch "http://[$SERVER6]/")" 200
	is "large segments go out" "$(get_size "http://$SERVER4/large")" 3000000
	is "nothing else does" "$(get_out "$CLIENT4" "$SILENCE")" 000
	succeeds "not even a ping" no_ping_out "$CLIENT4"
	matches "the counters tell why" "$(egress stats)" 'deny_default +drop +[1-9]'
	matches "and each rule has its own" "$(egress show --counters)" \
		'tcp sport 80 counter packets [1-9]'
	load egress <<<$'policy drop\ntcp sport 80 accept\nth dport { 8000, 8001 } accept'
	is "what rules let out has its replies" "$(get_out "$CLIENT4")" 200
	is "over IPv6, too" "$(get_out "[$CLIENT6]")" 200
	load egress <<<$'policy accept\ntcp dport 8000 drop'
	is "a rule drops what the policy would let out" "$(get_out "$CLIENT4" "$SILENCE")" 000
	succeeds "and nothing else" ping_out "$CLIENT4"
}

bed_run
