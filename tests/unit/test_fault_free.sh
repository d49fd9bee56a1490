#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The fault points of the test build leave nothing in what ships.

# shellcheck source=tests/support/tap.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/tap.sh"
BUILD=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/build

POINTS=$(for name in slotd slotctl; do readelf -p slot_faults "$BUILD/tests/tools/${name}_faults"; done |
	sed -n 's/^ *\[ *[0-9a-f]*\]  *//p' | sort -u)

# Points and functions of the test build that FILE knows.
count_traces() {
	{
		strings -a "$1" | grep -xF "$POINTS"
		nm -a "$1" | grep -o 'slot_fault_[a-z]*'
	} | wc -l
}

matches "the test build has fault points (control)" \
	"$(wc -l <<<"$POINTS")" '^[1-9][0-9]+$'
matches "and is seen to have them" "$(count_traces "$BUILD/tests/tools/slotd_faults")" '^[1-9][0-9]+$'
matches "slotctl's, too" "$(count_traces "$BUILD/tests/tools/slotctl_faults")" '^[1-9][0-9]+$'
is "slotd has no trace of them" "$(count_traces "$BUILD/bin/slotd")" 0
is "neither has slotctl" "$(count_traces "$BUILD/bin/slotctl")" 0
is "slotd takes no order to fail" "$(strings -a "$BUILD/bin/slotd" | grep -c SLOTD_FAULT)" 0
is "nor has it a section for points" "$(readelf -SW "$BUILD/bin/slotd" | grep -c slot_faults)" 0
done_testing
