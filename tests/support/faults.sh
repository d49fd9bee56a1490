# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Fault points (loader/lib/base/fault.h): which of them an operation meets, and making one of
# them the last thing that slotd does, or fail; the chain and the operations that this is done to.
# Sourced after bed.sh.

# shellcheck source=tests/support/pair.sh
. "$(dirname "${BASH_SOURCE[0]}")/pair.sh"

FAULTS=$BED/fault
export SLOTD_FAULT_DIR=$FAULTS
STRIDE=12
MOST=4

# Points that the build knows, met or not.
list_points() {
	readelf -p slot_faults "$BED_TOOLS/slotd_faults" | sed -n 's/^ *\[ *[0-9a-f]*\]  *//p' | sort -u
}

# fault_arm POINT COUNT kill|stop|ERRNO: one that is stopped goes on after SIGCONT
fault_arm() {
	printf '%s\n' "$*" >"$FAULTS/arm.new"
	mv "$FAULTS/arm.new" "$FAULTS/arm"
}

fault_disarm() {
	rm -f "$FAULTS/arm" "$FAULTS/trace"
}

# fault_trace COMMAND...: the points that slotd meets meanwhile, "POINT COUNT" each, in order,
# go to $FAULTS/points, their names to $FAULTS/met, where all are that were met so far
fault_trace() {
	local status=0

	: >"$FAULTS/trace"
	"$@" || status=$?
	awk '{ print $1, ++met[$1] }' "$FAULTS/trace" >"$FAULTS/points"
	cat "$FAULTS/trace" >>"$FAULTS/met"
	rm -f "$FAULTS/trace"
	return "$status"
}

# Of the points traced: those that begin with $POINTS_OF, where that is set; all, if asked for;
# otherwise of the first and the last time that each was met, and one of $STRIDE in between, $MOST,
# evenly spread. Where it begins depends on the operation.
choose_points() {
	if [[ -n ${POINTS_OF:-} ]]; then
		grep "^$POINTS_OF" "$FAULTS/points"
		return
	fi
	if [[ ${SLOTD_FAULTS:-} == all && ${SLOTD_TIER:-} != vm ]]; then
		cat "$FAULTS/points"
		return
	fi
	awk -v stride="$STRIDE" -v most="$MOST" '{ line[NR] = $0; last[$1] = $2 }
		END {
			for (i = 1; i <= NR; i++) {
				split(line[i], at, " ")
				if (at[2] == 1 || at[2] == last[at[1]] || !(at[2] % stride))
					chosen[n++] = line[i]
			}
			for (i = 0; i < n; i++)
				if ((i * most + NR) % n < most) print chosen[i]
		}' "$FAULTS/points"
}

# --- the chain and what is done to it ----------------------------------------------------------

# Those that are looked at.
CHAINS=(eth0)

# faults_start: a fresh slotd, $BED_DAEMON, with the chain that all of this is done to
faults_start() {
	mkdir -p "$FAULTS"
	fault_disarm
	write_pair_conf "$PAIR"
	list_objects >"$BED/before"
	bed_slotd_fresh
	bed_ctl firewall deny add "$DENIED4/32" >/dev/null
	RULES=$(bed_ctl firewall list)
}

run_deploy() { bed_ctl deploy guest "$STATE"; }
# Its maps go as well, so that the next deploy has to make them again.
run_undeploy() { bed_ctl undeploy guest && rm -rf "$BED"/bpf/slotd/*/maps/guest; }
run_deploy_pair() { bed_ctl deploy left "$PAIR_NEXT" right "$PAIR_NEXT"; }
run_deploy_pair_first() { bed_ctl rollback; }
run_canary() { bed_ctl deploy guest "$STATE_NEXT" --canary 50%; }
run_promote() { bed_ctl promote guest; }
run_abort() { bed_ctl abort guest; }
run_demote() { bed_ctl rollback guest && run_canary; }
run_slot_rollback() { bed_ctl rollback guest; }
run_reset() { bed_ctl deploy guest "$STATE_NEXT" --reset-map state_seen; }
run_migrate() { bed_ctl deploy guest "$STATE_WIDE" --migrate state_seen; }
run_watched() { bed_ctl deploy guest "$STATE_NEXT" --watch 60s --max-abort 1000; }
run_disable() { bed_ctl disable guest; }
run_enable() { bed_ctl enable guest; }
run_rollback() { bed_ctl rollback; }
run_apply_next() { write_pair_conf "$PAIR_NEXT"; bed_ctl apply; }
run_apply_first() { write_pair_conf "$PAIR"; bed_ctl apply; }
run_reload_next() { write_pair_conf "$PAIR_NEXT"; bed_ctl reload; }
run_detach() { bed_ctl detach; }
run_attach() { bed_ctl apply && bed_ctl firewall deny add "$DENIED4/32"; }

# --- traffic ---------------------------------------------------------------------------------

# The two floods, and one that both slots of the pair mark with their version.
start_streams() {
	sink_start 7003
	flood_start paired "$RATE" "$CLIENT4" "$SERVER4" 7003
	start_floods
	wait_for 5 sink_has 7003 20 || not_ok "marked packets arrive"
}

# check_streams WHAT
check_streams() {
	local sent

	check_floods "$1"
	sent=$(flood_stop paired)
	in_time "no marked packet is lost, $1" 3 sink_has 7003 "$sent"
	is "no packet meets two generations, $1" "$(sed -n 2,3p "$BED/sink.7003" | xargs)" "0 0"
}

# --- what is there -----------------------------------------------------------------------------

# What runs and what was asked for, in words that a restart does not change.
describe() {
	local chain

	for chain in "${CHAINS[@]}"; do
		bed_ctl --chain "$chain" slots --json 2>/dev/null | jq -r '[.attached,
			(.slots[] | select(.reserved) |
			[.name, .program, .version, .sha256, .enabled, .running, .deployed,
				(.canary | if . then del(.packets) else . end)])]
			| tostring'
	done
}

# Every chain is in the state before or in the one after, each by itself.
is_either() {
	local i now before after

	mapfile -t now <<<"$1"
	mapfile -t before <<<"$BEFORE"
	mapfile -t after <<<"$AFTER"
	[[ ${#now[@]} -eq ${#CHAINS[@]} ]] || return
	for i in "${!now[@]}"; do
		[[ ${now[i]} == "${before[i]}" || ${now[i]} == "${after[i]}" ]] || return
	done
}

complain() {
	echo "killed at '$1': $2"
	bed_ctl slots
	find "$BED/bpf/slotd" "$BED/state"
	bed_log | tail -n 12
	return 1
}

# Files and pins that nothing needs any more.
list_litter() {
	local folder object

	find "$BED/state" -name '.new-*'
	for folder in "$BED"/bpf/slotd/*/gen; do
		find "$folder" -mindepth 1 -maxdepth 1 2>/dev/null | tail -n +3
	done
	for folder in "$BED"/state/chains/*/; do
		find "$folder" -name 'generation-*' | tail -n +3
	done
	describe | grep -q '^\[true' || find "$BED/bpf/slotd" -mindepth 1
	for object in "$BED"/state/objects/*; do
		[[ ! -e $object ]] || grep -rqF "$(basename "$object" .minisig)" "$BED/state/chains" ||
			echo "$object"
	done
}

# bring_back UNDO...: from either state to the one before
bring_back() {
	[[ $(describe) != "$BEFORE" ]] || return 0
	"$@" >/dev/null 2>&1
	[[ $(describe) == "$BEFORE" ]] || complain "$*" "it does not bring back what was before"
}

nothing_is_left() {
	local chain

	for chain in "${CHAINS[@]}"; do
		bed_ctl --chain "$chain" detach >/dev/null
	done
	is "no pin is left when the chain is off, $1" "$(find "$BED/bpf/slotd" -mindepth 1)" ""
	bed_slotd_stop
	in_time "no program, map or link is left, $1" 30 is_nothing_left_since "$BED/before"
	[[ $TAP_FAILED -eq 0 ]] || left_since "$BED/before" | tap_note
}
