# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Fault points (loader/lib/base/fault.h): which of them an operation meets, and making one of
# them the last thing that slotd does, or fail. Sourced after bed.sh.

FAULTS=$BED/fault
export SLOTD_FAULT_DIR=$FAULTS

# Points that the build knows, met or not.
list_points() {
	readelf -p slot_faults "$BED_TOOLS/slotd_faults" | sed -n 's/^ *\[ *[0-9a-f]*\]  *//p' | sort -u
}

# faults_start: from the next start on, slotd is the build with fault points
faults_start() {
	mkdir -p "$FAULTS"
	BED_DAEMON=$BED_TOOLS/slotd_faults
	fault_disarm
}

# fault_arm POINT COUNT kill|ERRNO
fault_arm() {
	printf '%s\n' "$*" >"$FAULTS/arm.new"
	mv "$FAULTS/arm.new" "$FAULTS/arm"
}

fault_disarm() {
	rm -f "$FAULTS/arm" "$FAULTS/trace"
}

# fault_trace COMMAND...: the points that slotd meets meanwhile, "POINT COUNT" each, in order,
# go to $FAULTS/points
fault_trace() {
	local status=0

	: >"$FAULTS/trace"
	"$@" || status=$?
	awk '{ print $1, ++met[$1] }' "$FAULTS/trace" >"$FAULTS/points"
	rm -f "$FAULTS/trace"
	return "$status"
}

# Of the points traced: all, or where that takes too long the first and the last time that each
# was met.
choose_points() {
	if [[ ${SLOTD_FAULTS:-} == all ]]; then
		cat "$FAULTS/points"
		return
	fi
	awk '{ line[NR] = $0; name[NR] = $1; last[$1] = $2 }
		END { for (i = 1; i <= NR; i++) {
			split(line[i], at, " ")
			if (at[2] == 1 || at[2] == last[at[1]]) print line[i]
		} }' "$FAULTS/points"
}
