#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# A slot that uses another slot's maps (maps_of): of one generation always, with pins of its own,
# whatever happens to the lender.

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"

PROGS=$BED_PROGS/system/progs

# conf TERMS: of the borrower, which is called before the lender
conf() {
	bed_conf <<-END
		slot 3 { name = "borrow" owner = "daemon" object = "$PROGS/borrow.bpf.o" $* }
		slot 19 { name = "state" owner = "nobody" object = "$PROGS/state.bpf.o" }
	END
}

setup() {
	conf 'maps_of = "state"'
	bed_slotd_fresh
}

pin() {
	echo "$(bed_ctl --chain eth0 show "$1" --json | jq -r .map_dir)/$2"
}

number() {
	"$BED_TOOLS/state_read" "$(pin "$@")"
}

ping_server() {
	in_ns client ping -c 5 -i 0.01 -W 1 "$SERVER4" >/dev/null
}

# reads_between MAP SLACK: what the borrower's pin says is what the lender's map says. Packets that
# nobody sent come at any time, such as neighbour discovery's: the lender's is read before and after.
reads_between() {
	local before read

	before=$(number state state_seen)
	read=$(number borrow "$1")
	((read > 0 && before - $2 <= read && read <= $(number state state_seen)))
}

# The borrower runs first: it sees what there was before the packet.
follows() {
	ping_server
	reads_between borrow_saw 4
}

shares_map() {
	reads_between state_seen 0
}

test_one_map() {
	succeeds "the borrower sees what the lender counts" follows
	succeeds "its pin is of the lender's map" shares_map
	is "and its owner's" "$(stat -c '%U %a' "$(pin borrow state_seen)")" "daemon 600"
	is "the lender's stays its owner's" "$(stat -c '%U %a' "$(pin state state_seen)")" \
		"nobody 600"
	is "the terms are shown" "$(bed_ctl show borrow --json | jq -c .limits)" \
		'{"maps_of":"state"}'
	matches "to readers, too" "$(bed_ctl show borrow)" "maps_of +state"
}

test_new_versions() {
	changes "the lender's next version comes" deploy state "$PROGS/state_next.bpf.o"
	succeeds "and the borrower sees its map" follows
	bed_slotd_stop KILL
	succeeds "slotd starts again" bed_slotd
	succeeds "and nothing changed" follows
	changes "a change after that keeps the map" disable 3
	changes "also where the borrower comes again" enable 3
	succeeds "as it was" follows
}

test_lender_begins_anew() {
	local before

	succeeds "packets are counted" follows
	before=$(number borrow borrow_saw)
	changes "the lender's map begins anew" deploy state "$PROGS/state_next.bpf.o" \
		--reset-map state_seen
	succeeds "the borrower goes along" follows
	succeeds "its pin is of the new map" shares_map
	succeeds "which has counted little" test "$(number borrow borrow_saw)" -lt $((before + 5))
	changes "rollback" rollback
	succeeds "brings both back" follows
	succeeds "to the old map" shares_map
	succeeds "which goes on where it was" test "$(number borrow borrow_saw)" -ge "$before"
}

test_refusals() {
	local id

	succeeds "packets are counted" follows
	refuses "a lender's map of another layout is refused for the borrower's sake" \
		"slot 3 \(borrow\): the map 'state_seen' of the slot that maps_of names has another layout" \
		bed_ctl deploy state "$PROGS/state_wide.bpf.o" --reset-map state_seen
	refuses "a lender does not go before its borrower" \
		"slot 3 \(borrow\): 'state', whose maps it uses \(maps_of in slots.conf\), does not run" \
		bed_ctl disable state
	refuses "what is borrowed is the lender's to begin anew" \
		"there is no map 'state_seen' to begin anew: this object keeps its state in borrow_saw" \
		bed_ctl deploy borrow "$PROGS/borrow.bpf.o" --reset-map state_seen
	refuses "another program of the lender's has not the map" \
		"slot 3 \(borrow\): the slot that maps_of in slots.conf names has no map 'state_seen'" \
		bed_ctl deploy state "$BED_PROGS/bpf/progs/count.bpf.o"
	conf
	refuses "a map is not lent without a grant" \
		"slot 3 \(borrow\): its map 'state_seen' is another slot's: maps_of in slots.conf" \
		bed_ctl apply
	succeeds "all runs on" follows
	changes "the borrower is taken away" disable borrow
	changes "and then the lender may go" disable state
	id=$(bed_get slots '.slots[3].running')
	is "nothing is left of both" "$id" false
}

# with_egress TERMS: a borrower in the same interface's chain at TC egress
with_egress() {
	{
		cat "$BED/slots.conf"
		cat <<-END
			chain "eth0" {
				hook = "tc-egress"
				slot 5 { name = "out" owner = "nobody" object = "$PROGS/borrow_tc.bpf.o" $* }
			}
		END
	} >"$BED/slots.conf.new"
	mv "$BED/slots.conf.new" "$BED/slots.conf"
}

out_ctl() {
	bed_ctl --chain eth0:tc-egress "$@"
}

out_pin() {
	echo "$(out_ctl show out --json | jq -r .map_dir)/$1"
}

id_of() {
	bpftool -j map show pinned "$1" | jq .id
}

out_follows() {
	local saw seen

	ping_server
	saw=$("$BED_TOOLS/state_read" "$(out_pin borrow_saw)")
	seen=$(number state state_seen)
	((saw > 0 && saw <= seen && seen - saw < 5))
}

test_other_chain() {
	conf 'maps_of = "state"'
	bed_ctl apply >/dev/null
	bed_ctl enable state >/dev/null
	bed_ctl enable borrow >/dev/null
	with_egress 'maps_of = "xdp:state"'
	succeeds "a slot of another chain borrows" bed_ctl reload
	succeeds "and sees what the lender counts" out_follows
	is "its pin is of the lender's map" "$(id_of "$(out_pin state_seen)")" \
		"$(id_of "$(pin state state_seen)")"
	is "and its owner's" "$(stat -c '%U' "$(out_pin state_seen)")" nobody
	is "the terms are shown" "$(out_ctl show out --json | jq -c .limits)" \
		'{"maps_of":"xdp:state"}'
	succeeds "the lender's next version comes" bed_ctl --chain eth0 deploy state "$PROGS/state_next.bpf.o"
	succeeds "and the other chain sees its map" out_follows
	bed_slotd_stop KILL
	succeeds "slotd starts again" bed_slotd
	succeeds "and nothing changed" out_follows
	bed_ctl --chain eth0 deploy state "$PROGS/state_next.bpf.o" --reset-map state_seen \
		>/dev/null 2>"$BED/log/warned"
	matches "who borrows is warned of a map that begins anew" "$(<"$BED/log/warned")" \
		"slot 5 \(out\) of chain 'eth0:tc-egress' goes on with the map 'state_seen' that 'xdp:state' had"
	succeeds "a map that begins anew is another one" test "$(id_of "$(out_pin state_seen)")" \
		!= "$(id_of "$(pin state state_seen)")"
	out_ctl disable out >/dev/null
	is "no borrower that changes warns" "$(out_ctl enable out 2>&1 >/dev/null)" ""
	succeeds "with the lender's new map" out_follows
	matches "without the other chain" "$(bed_ctl --chain eth0 detach 2>&1)" "goes on with the map"
	out_ctl disable out >/dev/null
	refuses "nothing is lent" \
		"slot 5 \(out\): 'xdp:state', whose maps it uses \(maps_of in slots.conf\), has none" \
		out_ctl enable out
}

test_memory() {
	conf 'maps_of = "state" map_memory = "4K"'
	changes "the lender's maps do not count against the borrower's bound" apply
	is "nor are they shown as its own" \
		"$(bed_ctl show borrow --json | jq '.map_memory <= 4096')" true
}

# Which chain finds whose pins is the same on any kernel.
only_in_vm one_map new_versions lender_begins_anew refusals memory

bed_run
