#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Rulesets of the firewall on real traffic: an owner without root checks, loads, shows and
# traces them; they are replaced under traffic, and commands are killed while they do it.

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"

RULES=1500

# write_conf [SETTING...]
write_conf() {
	bed_conf <<-END
		slot 2 {
			name = "firewall" owner = "nobody" allow = { "pass", "drop" }
			settings { $* }
		}
	END
}

setup() {
	write_conf
	bed_slotd_fresh
	nginx_start
	bed_ctl deploy firewall "$BED_OBJECTS/firewall.bpf.o" >/dev/null
	MAPS=$(bed_get slots .slots[2].map_dir)
}

# The owner's commands need no slotd.
fw() {
	as_nobody firewall --map-dir "$MAPS" "$@"
}

# write_rules PORT: what the tests live on, and PORT
write_rules() {
	cat >"$BED/rules" <<-END
		# Web and pings for all but some.
		define web = { http, $1 }
		define bad = { $DENIED4, $DENIED6 }

		policy drop
		saddr \$bad comment "see the phone list" drop
		tcp dport \$web accept
		icmp type echo-request limit rate 1000/second per saddr accept
		icmpv6 type { echo-request, 133-137 } accept
		udp dport 7000-7999 accept
	END
}

# write_many PORT: the same behind many rules that match nothing here
write_many() {
	local i

	write_rules "$1"
	for ((i = 0; i < RULES; i++)); do
		echo "ip saddr 10.$((i / 250)).$((i % 250)).0/24 udp dport $((i + 1)) drop"
	done | sed -i '5r /dev/stdin' "$BED/rules"
}

test_ruleset_acts() {
	reaches "without a ruleset all is let through" "http://$SERVER4:8081/"
	write_rules 8080
	matches "a ruleset is checked without slotd" "$(as_nobody --socket /nonexistent firewall \
		check "$BED/rules" 2>&1)" "can be loaded: 5 rules, 1 of them with a limit"
	matches "the owner of the slot loads it" "$(fw load "$BED/rules")" "in force: 5 rules"
	reaches "a port of a definition is open over IPv4" "http://$SERVER4:8080/"
	reaches "and over IPv6" "http://[$SERVER6]:8080/"
	reaches_not "a port of no rule is not" "http://$SERVER4:8081/"
	reaches_not "a denied IPv4 source reaches nothing" "http://$SERVER4/" --interface "$DENIED4"
	reaches_not "nor does a denied IPv6 source" "http://[$SERVER6]/" --interface "$DENIED6"
	succeeds "pings are answered within their limit" ping_once "$SERVER4"
	matches "rules count" "$(fw show --counters)" \
		"saddr \{ $DENIED4, [0-9a-f:]+ \} counter packets [1-9]"
	is "show prints the file" "$(fw show)" "$(cat "$BED/rules")"
	matches "trace names the rule" "$(fw trace ip saddr "$CLIENT4" tcp dport 8080)" \
		"rule 2 \(line 7\) matches: tcp dport .*accept: the first rule"
	as_stranger firewall --map-dir "$MAPS" show >/dev/null 2>&1
	is "a stranger may not even look" $? 1
}

test_wrong_ruleset() {
	write_rules 8080
	fw load "$BED/rules" >/dev/null
	printf '%s\n' "policy accept" "tcp dport 80 acept" "ip saddr 300.1.1.1 drop" >"$BED/wrong"
	matches "every error is told with its line" "$(fw load "$BED/wrong" 2>&1)" \
		"wrong:2: 'acept': .*wrong:3: '300.1.1.1': .*rules from before stay in force"
	reaches_not "and nothing is changed" "http://$SERVER4:8081/"
	is "show still prints the file from before" "$(fw show)" "$(cat "$BED/rules")"
}

test_restart_keeps_rules() {
	write_rules 8080
	fw load "$BED/rules" >/dev/null
	write_conf "drop_fragments = true"
	changes "the program is loaded anew" apply
	reaches_not "which keeps the rules" "http://$SERVER4:8081/"
	bed_slotd_stop KILL
	reaches_not "no slotd is needed for them" "http://$SERVER4:8081/"
	bed_slotd
	is "and their text is still there" "$(fw show)" "$(cat "$BED/rules")"
}

test_reload_under_traffic() {
	local sent i wrong=0

	write_many 8080
	cp "$BED/rules" "$BED/rules.8080"
	write_many 8081
	cp "$BED/rules" "$BED/rules.8081"
	fw load "$BED/rules.8080" >/dev/null
	sink_start 7001
	sink_start 7002
	flood_start denied "$RATE" "$DENIED4" "$SERVER4" 7001
	flood_start allowed "$RATE" "$CLIENT4" "$SERVER4" 7002
	wait_for 5 sink_has 7002 20 || not_ok "allowed packets arrive"
	for ((i = 0; i < MANY; i++)); do
		fw load "$BED/rules.$((8080 + i % 2))" >/dev/null || wrong=1
	done
	is "rules are replaced under traffic" "$wrong" 0
	sent=$(flood_stop allowed)
	flood_stop denied >/dev/null
	in_time "no allowed packet is lost over it" 3 sink_has 7002 "$sent"
	is "no denied packet passes" "$(sink_count 7001)" 0
}

# Killed early, in the middle and late: never half a ruleset.
test_killed_loads() {
	local i port other wrong="" shown

	write_many 8080
	cp "$BED/rules" "$BED/rules.8080"
	write_many 8081
	cp "$BED/rules" "$BED/rules.8081"
	fw load "$BED/rules.8080" >/dev/null
	for ((i = 0; i < MANY; i++)); do
		timeout -s KILL "0.0$((i % 9 + 1))" setpriv --reuid nobody --regid nogroup \
			--clear-groups "$BED_BIN/slotctl" firewall --map-dir "$MAPS" load \
			"$BED/rules.$((8081 - i % 2))" >/dev/null 2>&1
		shown=$(fw show)
		port=8080
		[[ $shown == "$(cat "$BED/rules.8080")" ]] || port=8081
		other=$((16161 - port))
		[[ $shown == "$(cat "$BED/rules.$port")" ]] || wrong+=" text $i;"
		[[ $(fetch "http://$SERVER4:$port/") == 200 ]] || wrong+=" $port is closed at $i;"
		[[ $(fetch "http://$SERVER4:$other/" -m 0.3) == 000 ]] || wrong+=" $other is open at $i;"
	done 2>/dev/null
	is "a killed load leaves the old rules or the new ones" "$wrong" ""
	succeeds "and the next one works" fw load "$BED/rules.8080"
	reaches "with its rules" "http://$SERVER4:8080/"
}

bed_run
