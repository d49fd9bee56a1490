#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# How long one slot's upgrade takes in a full chain, from the request until packets meet the
# new version: a real slotd, its control API, 20 slots of the repository's programs. Prints
# tables and writes build/bench/upgrade.json; see docs/benchmarks.md.
# SLOTD_BENCH_UPGRADES: how many, 100 if not set.

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"

UPGRADES=${SLOTD_BENCH_UPGRADES:-100}
LIMIT_MS=50
OUT=$BED_ROOT/build/bench
NEXT=$BED_PROGS/demo/firewall_next.bpf.o

# The bed's word for a set-up that failed.
bail() {
	printf 'upgrade: failed: %s\n' "$@" >&2
	exit 1
}

# Which program a slot runs. usual: firewall and decap where the repository's slots.conf has
# them, pass in all other slots. heavy: what is dear to verify, as often as a fused chain has
# maps for.
program_of() {
	case $1:$2 in
	usual:2) echo firewall ;;
	usual:12) echo decap ;;
	usual:*) echo pass ;;
	heavy:2 | heavy:9) echo firewall ;;
	heavy:12) echo decap ;;
	heavy:15) echo lb ;;
	heavy:*) echo pass ;;
	esac
}

write_conf() {
	local slot program

	for slot in {0..19}; do
		program=$(program_of "$1" "$slot")
		printf '\tslot %d { name = "%s-%d" object = "%s.bpf.o" }\n' \
			"$slot" "$program" "$slot" "$program"
	done | bed_conf
}

# deploy SLOT OBJECT: the answer to $BED/answer, how long it took to stdout, in seconds
deploy() {
	curl -sS --unix-socket "$BED_CTL_SOCKET" -X PUT -H Expect: --data-binary "@$2" \
		-o "$BED/answer" -w '%{time_total}' \
		"http://slotd/v1/chains/eth0/slots/$1/object?name=${2##*/}"
}

# upgrade_often SLOT TIMES: one JSON object for each, slotd's phases and the whole request
upgrade_often() {
	local i object took

	: >"$BED/times"
	for ((i = 1; i <= $2; i++)); do
		object=$NEXT
		((i % 2)) || object=$BED_OBJECTS/firewall.bpf.o
		took=$(deploy "$1" "$object") || bail "upgrade $i" "no answer"
		jq -ce --argjson took "$took" \
			'select(.changed) | .timing_us + {request: ($took * 1000000)}' \
			"$BED/answer" >>"$BED/times" ||
			bail "upgrade $i changed the chain" "$(cat "$BED/answer")"
	done
}

# In milliseconds. What the request took beside the phases that slotd times is the socket,
# storing the object, and the answer; it counts as time before the swap, as most of it is.
summarise() {
	jq -s --arg chain "$1" --arg engine "$BED_ENGINE" --arg kernel "$(uname -r)" '
		def ms: . / 1000 * 100 | round / 100;
		def spread: sort | {median: (.[length / 2 | floor] | ms), max: (.[-1] | ms)};
		{
			$chain, $engine, $kernel, slots: 20, upgrades: length,
			phases_ms: {
				request: (map(.request - .total) | spread),
				open: (map(.open) | spread),
				build: (map(.build) | spread),
				preflight: (map(.preflight) | spread),
				swap: (map(.swap) | spread),
				record: (map(.record) | spread)
			},
			request_to_swap_ms: (map(.request - .record) | spread)
		}' "$BED/times"
}

show() {
	jq -r '
		def row($name; $of): "  \($name)\t\($of.median)\t\($of.max)";
		"  milliseconds\tmedian\tmaximum",
		(.phases_ms | to_entries[] | row(.key; .value)),
		row("request to swap"; .request_to_swap_ms)
	' "$1" | column -t -s $'\t'
}

# measure FILL SLOT TIMES TITLE
measure() {
	BED_ENGINE=auto
	write_conf "$1"
	bed_slotd_fresh
	BED_ENGINE=$(bed_get status '.chains[0].engine')
	is_full || bail "20 slots run"
	upgrade_often "$2" "$3"
	summarise "$1" >"$BED/$1.json"
	printf '\nUpgrade of the firewall in a full chain (%s), engine %s, %d times\n' \
		"$4" "$BED_ENGINE" "$3"
	show "$BED/$1.json"
}

is_full() {
	[[ $(bed_get slots '[.slots[] | select(.running)] | length') == 20 ]]
}

mkdir -p "$OUT"
bed_start
measure usual 2 "$UPGRADES" "1 firewall, 1 decap, 18 pass"
measure heavy 9 "$((UPGRADES / 5 + 1))" "2 firewalls, 1 decap, 1 lb, 16 pass"
jq -s --argjson limit "$LIMIT_MS" '{
	chains: .,
	limit_ms: $limit,
	ok: (.[0].request_to_swap_ms.median < $limit)
}' "$BED/usual.json" "$BED/heavy.json" >"$OUT/upgrade.json"
jq -r '"\n  \(if .ok then "ok    " else "MISSED" end) under \(.limit_ms) ms from request to swap, 1 firewall, 1 decap, 18 pass: median \(.chains[0].request_to_swap_ms.median), maximum \(.chains[0].request_to_swap_ms.max)"' \
	"$OUT/upgrade.json"
