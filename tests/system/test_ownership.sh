#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Who may change what: root everything, an owner its slot, everyone may look.

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"

setup() {
	bed_conf <<-'END'
		slot 2 { name = "firewall" object = "firewall.bpf.o" }
		slot 5 { name = "theirs" owner = "nobody" }
		slot 6 { name = "groups" owner = "@nogroup" }
	END
	bed_slotd_fresh
}

as_group_member() {
	bed_ctl_as daemon nogroup "$@"
}

test_reading() {
	local command

	for command in slots status plan generations stats "show firewall"; do
		# shellcheck disable=SC2086 # a command with its argument
		succeeds "a stranger may read '$command'" as_stranger $command
	done
}

test_changing() {
	local pass=$BED_OBJECTS/pass.bpf.o command

	for command in apply reload rollback detach; do
		refuses "a stranger may not '$command'" "only root may do this, not uid [0-9]+ \(daemon\)" \
			as_stranger "$command"
		refuses "an owner of one slot may not '$command'" "only root may do this" \
			as_nobody "$command"
	done
	for command in "deploy firewall $pass" "disable firewall" "enable 2" "undeploy firewall"; do
		# shellcheck disable=SC2086
		refuses "an owner of another slot may not '${command%% *}'" \
			"uid [0-9]+ \(nobody\) does not own slot 2 of 'eth0'; nothing was changed" \
			as_nobody $command
	done
	refuses "a stranger may not deploy into an owned slot" "does not own slot 5" \
		as_stranger deploy theirs "$pass"
	refuses "nobody but root may deploy into a slot that is not reserved" "does not own slot 9" \
		as_nobody deploy 9 "$pass"
	matches "refusals are logged" "$(bed_log)" \
		"uid [0-9]+ \(nobody\) was refused: POST /v1/chains/eth0/deploy"
}

test_owning() {
	local pass=$BED_OBJECTS/pass.bpf.o

	succeeds "an owner deploys into its slot" as_nobody deploy theirs "$pass"
	is "its program runs" "$(bed_get slots .slots[5].running)" true
	succeeds "an owner disables its slot" as_nobody disable theirs
	succeeds "an owner enables its slot" as_nobody enable theirs
	matches "the record says who it was" "$(bed_get generations '.generations[0].reason')" \
		"enable slot 5 by uid [0-9]+ \(nobody\)"
	succeeds "an owner undeploys from its slot" as_nobody undeploy theirs
	succeeds "a member of the owning group deploys" as_group_member deploy groups "$pass"
	is "its program runs" "$(bed_get slots .slots[6].running)" true
}

map_dir() {
	bed_get slots ".slots[$1].map_dir"
}

test_maps() {
	local theirs roots groups

	as_nobody deploy theirs "$BED_OBJECTS/firewall.bpf.o" >/dev/null
	theirs=$(map_dir 5)
	roots=$(map_dir 2)
	is "an owner's map pins are its own" "$(stat -c '%U %a' "$theirs/fw_ports")" "nobody 600"
	is "root's are root's" "$(stat -c '%U %a' "$roots/fw_ports")" "root 600"
	succeeds "an owner writes its maps without root" \
		as_nobody firewall --map-dir "$theirs" deny add "$DENIED4/32"
	succeeds "and its rules act" no_ping "$SERVER4" "$DENIED4"
	as_nobody firewall --map-dir "$roots" deny add "$CLIENT4/32" >/dev/null 2>&1
	is "it may not write another slot's" $? 1
	as_stranger firewall --map-dir "$theirs" list >/dev/null 2>&1
	is "a stranger may not even read them" $? 1
	as_group_member deploy groups "$BED_OBJECTS/firewall.bpf.o" >/dev/null
	groups=$(map_dir 6)
	is "a group's map pins are the group's" "$(stat -c '%U %G %a' "$groups/fw_ports")" \
		"root nogroup 660"
	succeeds "a member of it writes them" \
		as_group_member firewall --map-dir "$groups" deny add "$DENIED6/128"
	as_stranger firewall --map-dir "$groups" list >/dev/null 2>&1
	is "who is none may not read them" $? 1
	is "no map of a slot is anybody else's" \
		"$(find "$theirs" "$groups" "$roots" -type f -perm /7 | wc -l)" 0
	changes "the slot is upgraded" deploy theirs "$BED_PROGS/demo/firewall_next.bpf.o"
	is "the pins are still the owner's" "$(stat -c '%U %a' "$theirs/fw_ports")" "nobody 600"
}

# What slots.conf says of a slot is in force with the apply: rights and pins at once.
test_other_owner() {
	local theirs

	as_nobody deploy theirs "$BED_OBJECTS/firewall.bpf.o" >/dev/null
	theirs=$(map_dir 5)
	as_nobody firewall --map-dir "$theirs" deny add "$DENIED4/32" >/dev/null
	sed -i 's/owner = "nobody"/owner = "bin"/' "$BED/slots.conf"
	changes "a slot is given to another owner" apply
	is "the pins of its maps are the new owner's" \
		"$(stat -c '%U %a' "$theirs"/* | sort -u)" "bin 600"
	succeeds "with what was in them" no_ping "$SERVER4" "$DENIED4"
	refuses "the first owner no longer disables it" "does not own slot 5" as_nobody disable theirs
	refuses "nor writes its maps" "Permission denied" \
		as_nobody firewall --map-dir "$theirs" deny del "$DENIED4/32"
	succeeds "the new one does" bed_ctl_as bin bin firewall --map-dir "$theirs" \
		deny del "$DENIED4/32"
	succeeds "and disables it" bed_ctl_as bin bin disable theirs
}

# Who may open a folder may lock it, and slotd would not start again.
test_lock() {
	local dir user

	bed_slotd_stop TERM
	dir=$BED/bpf/slotd
	for user in nobody daemon; do
		setpriv --reuid "$user" --regid nogroup --clear-groups \
			flock --nonblock "$dir" true 2>/dev/null
		is "$user cannot take the lock that slotd starts with" $? 66
	done
	succeeds "slotd starts" bed_slotd
	succeeds "owners reach their maps all the same" setpriv --reuid nobody --regid nogroup \
		--clear-groups test -d "$(dirname "$(map_dir 2)")"
}

only_in_vm changing maps lock
bed_run
