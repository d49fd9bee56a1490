#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# A chain of TC programs that is attached by a tcx link (tests/support/tc.sh).

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"
# shellcheck source=tests/support/probes.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/probes.sh"
# shellcheck source=tests/support/tc.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/tc.sh"

# shellcheck disable=SC2034 # of tc.sh
TC_WAY=tcx
SLOTD_TEST_ENGINE=fused # TC programs always are

has_tcx || {
	echo "1..0 # SKIP this kernel has no tcx (Linux 6.6)"
	exit 0
}

test_order() {
	sed -i 's/hook = "tc-egress"/& order = "first"/' "$BED/slots.conf"
	matches "a link that is there keeps its place, which is told" "$(bed_ctl reload 2>&1)" \
		"'$TC' stays where it is among others: order = counts from the next attachment"
	tc_ctl detach >/dev/null
	is "the next attachment says nothing of it" "$(tc_ctl apply 2>&1 | grep 'stays where')" ""
}

bed_run
