#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# soak.sh: a chain under full-rate traffic while operations drawn at random change it: deploys,
# upgrades, canaries, rollbacks, applies, two writers at once, and slotd killed at any moment.
# Then figures: packets lost, packets that passed unfiltered, kernel objects left behind.
# make soak runs it; parameters are in the environment:
#
#   SOAK_OPS      operations (1000; as many as fit where SOAK_SECONDS is given)
#   SOAK_SECONDS  end after so long
#   SOAK_SEED     of the draws; printed, so that a run can be drawn again
#   SOAK_RATE     packets per second of each of the three streams to begin the search for what
#                 the bed carries with
#   SOAK_ENGINE   freplace or fused (the first that works)
#   SOAK_OUT      where the figures go (build/bench/soak.json)

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"
# shellcheck source=tests/soak/operations.sh
. "$(dirname "${BASH_SOURCE[0]}")/operations.sh"

OUT=${SOAK_OUT:-$BED_ROOT/build/bench/soak.json}
SEED=${SOAK_SEED:-$((RANDOM * 32768 + RANDOM))}
END=${SOAK_SECONDS:-86400}
OPS=${SOAK_OPS:-$([[ ${SOAK_SECONDS:-} ]] && echo 1000000 || echo 1000)}
FIRST_RATE=${SOAK_RATE:-40000}
[[ ${SLOTD_TIER:-} != vm ]] || FIRST_RATE=${SOAK_RATE:-400}

# The bed's word for a set-up that failed.
bail() {
	printf 'soak: failed: %s\n' "$@" >&2
	exit 1
}

say() {
	printf 'soak: %s\n' "$*"
}

# --- traffic ---------------------------------------------------------------------------------

streams_start() {
	flood_start denied "$1" "$DENIED4" "$SERVER4" 7001
	flood_start allowed "$1" "$CLIENT4" "$SERVER4" 7002
	flood_start paired "$1" "$CLIENT4" "$SERVER4" 7003
}

# streams_stop: $SENT packets had to pass, $SENT_DENIED had not
streams_stop() {
	SENT_DENIED=$(flood_stop denied)
	SENT=$(($(flood_stop allowed) + $(flood_stop paired)))
}

arrived() {
	echo $(($(sink_count 7002) + $(sink_count 7003)))
}

have_arrived() {
	[[ $(arrived) -ge $1 ]]
}

# sinks_start: new ones, counting from nothing
sinks_start() {
	local pid port

	for pid in "${SINKS[@]}"; do
		stop "$pid"
	done
	SINKS=()
	for port in 7001 7002 7003; do
		sink_start "$port"
		SINKS+=("$BED_SPAWNED")
	done
}

# Without the rule the packets that are to be dropped arrive: their sink does count.
control() {
	send_udp 100 "$DENIED4" "$SERVER4" 7001 -r 1000 >/dev/null
	wait_for 5 sink_has 7001 100 || bail "without a rule the packets to be dropped arrive"
	bed_ctl firewall deny add "$DENIED4/32" >/dev/null || bail "a rule against them"
}

# The highest of the rates, each half of the one before, that the bed carries without a loss
# while nothing changes.
find_rate() {
	for ((RATE_PPS = FIRST_RATE; RATE_PPS >= 50; RATE_PPS /= 2)); do
		sinks_start
		streams_start "$RATE_PPS"
		in_pause 2
		streams_stop
		wait_for 1 have_arrived "$SENT" && return
	done
	bail "the bed carries packets without a loss while nothing changes"
}

# in_pause SECONDS: as long as a measurement lasts
in_pause() {
	local until=$((SECONDS + $1 * TAP_SCALE / 2 + 1))

	wait_for "$1" test_time "$until"
}

test_time() {
	[[ $SECONDS -ge $1 ]]
}

# Packets that the wires or the sinks' sockets had no room for: never in the chain, or through it.
count_bed_drops() {
	local ns device port sum=0

	for device in client/c0 edge/eth1; do
		ns=${device%/*}
		sum=$((sum + $(in_ns "$ns" ip -s -j link show dev "${device#*/}" | jq '.[0].stats64.tx.dropped')))
	done
	for port in 7002 7003; do
		sum=$((sum + $(sed -n 4p "$BED/sink.$port")))
	done
	echo "$sum"
}

# --- the run ---------------------------------------------------------------------------------

start_edge() {
	BED_ENGINE=${SOAK_ENGINE:-$(bed_engines | tail -n 1)}
	write_pair_conf "$PAIR"
	list_objects >"$BED/before"
	bed_slotd_fresh
	sinks_start
	control
	RULES=$(bed_ctl firewall list)
}

run_operations() {
	RANDOM=$SEED
	for ((DONE = 0; DONE < OPS && SECONDS - STARTED < END; DONE++)); do
		draw_operation
		[[ -n $(xdp_id eth0) ]] || BARE=$((BARE + 1))
		[[ ! -t 1 ]] || printf '\r  operation %d of %d, %d kills ' $((DONE + 1)) "$OPS" "$KILLS"
	done
	[[ ! -t 1 ]] || printf '\r\e[K'
}

# Generations, staged maps, objects and temporary files that nothing needs any more, once slotd
# has gone and come again.
count_litter() {
	local object

	{
		find "$BED"/bpf/slotd/*/gen -mindepth 1 -maxdepth 1 | tail -n +3
		find "$BED/state" -name '.new-*'
		for object in "$BED"/state/objects/*; do
			[[ ! -e $object ]] ||
				grep -rqF "$(basename "$object" .minisig)" "$BED/state/chains" || echo "$object"
		done
	} >"$BED/litter"
	wc -l <"$BED/litter"
}

end_run() {
	local left=''

	streams_stop
	wait_for 5 have_arrived "$SENT"
	MISSING=$((SENT - $(arrived)))
	BED_DROPS=$(($(count_bed_drops) - BED_DROPS))
	UNFILTERED=$(sink_count 7001)
	MIXED=$(sed -n 2p "$BED/sink.7003")
	UNMARKED=$(sed -n 3p "$BED/sink.7003")
	[[ $(bed_ctl firewall list) == "$RULES" ]] || RULES_LOST=1
	bed_slotd_stop
	bed_slotd || bail "slotd starts after all that" "$(bed_log | tail -n 5)"
	LITTER=$(count_litter)
	bed_ctl detach >/dev/null
	bed_slotd_stop
	LITTER=$((LITTER + $(find "$BED/bpf/slotd" -mindepth 1 | wc -l)))
	# others come and go on this machine: one moment without anything is proof
	wait_for 30 is_nothing_left_since "$BED/before" || left=$(left_since "$BED/before")
	LEAKED=$((LITTER + $(grep -c . <<<"$left")))
	[[ $LEAKED -eq 0 ]] || say "left behind:" "$left" "$(<"$BED/litter")"
}

# What the wires dropped is proven not to be the chain's; whatever else is missing is.
write_figures() {
	local lost=$((MISSING > BED_DROPS ? MISSING - BED_DROPS : 0))

	mkdir -p "$(dirname "$OUT")"
	sort "$BED/refused" | uniq -c | jq -Rn --arg engine "$BED_ENGINE" --arg kernel "$(uname -r)" \
		--argjson seed "$SEED" --argjson seconds $((SECONDS - STARTED)) \
		--argjson operations "$DONE" --argjson kills "$KILLS" --argjson sent "$SENT" \
		--argjson missing "$MISSING" --argjson wires "$BED_DROPS" --argjson lost "$lost" \
		--argjson denied "$SENT_DENIED" --argjson unfiltered "$UNFILTERED" \
		--argjson mixed "$MIXED" --argjson unmarked "$UNMARKED" --argjson bare "$BARE" \
		--argjson leaked "$LEAKED" --argjson rules_lost "$RULES_LOST" --argjson rate "$RATE_PPS" \
		--slurpfile drawn <(sort "$BED/drawn" | uniq -c | jq -Rn '[inputs |
			capture("^ *(?<n>[0-9]+) (?<k>.*)") | {key: .k, value: (.n | tonumber)}] |
			from_entries') '{
		$operations, $kills, $sent, $lost, $unfiltered, $leaked,
		sent_to_be_dropped: $denied, lost_by_the_wires: ($missing - $lost),
		dropped_by_the_wires: $wires, mixed: ($mixed + $unmarked), bare: $bare,
		rules_lost: $rules_lost,
		refused: ([inputs | capture("^ *(?<n>[0-9]+) (?<why>.*)") |
			{key: .why, value: (.n | tonumber)}] | from_entries),
		drawn: $drawn[0], rate_pps: $rate, $seconds, $seed, $engine, $kernel
	}' >"$OUT"
}

show_figures() {
	jq -r '"  operations \(.operations), of them interrupted by a kill \(.kills), in \(.seconds) s (\(.engine), seed \(.seed))",
		"  packets to be passed: sent \(.sent), lost \(.lost), dropped by the wires \(.lost_by_the_wires)",
		"  packets to be dropped: sent \(.sent_to_be_dropped), passed unfiltered \(.unfiltered)",
		"  packets that met two generations \(.mixed), times the interface was bare \(.bare)",
		"  kernel objects, pins and files leaked \(.leaked), rules lost \(.rules_lost)",
		(.refused | to_entries[] | "  refused \(.value) times: \(.key)")' "$OUT"
}

STARTED=$SECONDS
DONE=0 KILLS=0 LAST_KILL=0 BARE=0 RULES_LOST=0 SINKS=()
bed_start
: >"$BED/refused"
: >"$BED/drawn"
start_edge
find_rate
say "engine $BED_ENGINE, seed $SEED, 3 streams of $RATE_PPS packets per second"
sinks_start
BED_DROPS=$(count_bed_drops)
STARTED=$SECONDS
streams_start "$RATE_PPS"
run_operations
end_run
write_figures
show_figures
jq -e '.lost + .unfiltered + .leaked + .mixed + .bare + .rules_lost == 0' "$OUT" >/dev/null
