#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 3000
#
# tests.sh KERNEL TEST...: run TESTs under a Debian kernel, all in one boot, and
# print their points as TAP, each with [KERNEL] before its name. The logs are kept
# in build/vm/KERNEL/results/tests.

set -uo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
boot_limit=2900
test_limit=600

# Numbers the points of the guest's TAP anew. Without its plan the guest ended early.
print_points() {
	awk -v kernel="$1" -v status="$2" '
	/^1\.\.[0-9]+$/ { complete = 1; next }
	/^(not )?ok / {
		bad = /^not /
		sub(/^(not )?ok [0-9]+ - /, "")
		printf "%sok %d - [%s] %s\n", bad ? "not " : "", ++points, kernel, $0
		next
	}
	{ print }
	END {
		if (!complete)
			printf "not ok %d - [%s] the guest ended (status %d) in the test after these\n", \
				++points, kernel, status
		printf "1..%d\n", points
	}' "$3"
}

# The logs of the latest run stay under one name; a run beside this one has its own.
keep_logs() {
	rm -rf "$results/tests"
	mv -T "$logs" "$results/tests" 2>/dev/null
}

if [[ $# -lt 2 ]]; then
	echo "usage: tests.sh KERNEL TEST..." >&2
	exit 2
fi
kernel=$1
shift
if ! reason=$("$root/tests/vm/boot.sh" --check 2>&1); then
	echo "1..0 # SKIP ${reason//$'\n'/; }"
	exit 0
fi

results=$root/build/vm/$kernel/results
mkdir -p "$results"
logs=$(mktemp -d "$results/tests.XXXXXX")
trap keep_logs EXIT
trap 'exit 143' TERM INT
: >"$logs/tap"
export SLOTD_TIER=vm
# shellcheck disable=SC2016
"$root/tests/vm/boot.sh" --timeout "$boot_limit" "$kernel" bash -c \
	'exec tests/run -o "$SLOTD_VM_RESULTS/$0" "$@"' \
	"${logs##*/}" -t "$test_limit" "$@" >&2
status=$?
print_points "$kernel" "$status" "$logs/tap"
! grep -q '^not ok' "$logs/tap" && [[ $status -le 1 ]]
