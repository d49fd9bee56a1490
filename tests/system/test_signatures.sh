#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Reservations that take signed objects only, against what Debian's minisign signs.

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"

command -v minisign >/dev/null || {
	echo "1..0 # SKIP minisign is not installed"
	exit 0
}

PASS=$BED_OBJECTS/pass.bpf.o
FIREWALL=$BED_OBJECTS/firewall.bpf.o
COUNT=$BED_PROGS/bpf/progs/count.bpf.o
RET=$BED_PROGS/bpf/progs/ret.bpf.o

# new_key NAME: a pair of keys without a password
new_key() {
	minisign -G -f -W -p "$BED/$1.pub" -s "$BED/$1.key" >/dev/null 2>&1
}

# sign FILE [KEY] [OPTION...]: FILE.minisig
sign() {
	minisign -S -s "$BED/${2:-team}.key" -m "$1" -x "$1.minisig" "${@:3}" >/dev/null 2>&1
}

# minisign leaves out the zeros in front.
key_id() {
	printf '%16s' "$(sed -n 's/^untrusted comment: minisign public key //p' "$BED/$1.pub")" |
		tr ' ' 0
}

conf() {
	bed_conf <<-END
		slot 2 { name = "firewall" object = "firewall.bpf.o" require_signature = "team.pub" }
		slot 5 { name = "guest" owner = "nobody" require_signature = "team.pub" }
		slot 7 { name = "open" $* }
	END
}

setup() {
	rm -f "$BED"/*.pub "$BED"/*.key "$BED_OBJECTS"/*.minisig "$BED_PROGS"/bpf/progs/*.minisig
	cp "$BED_ROOT/build/bpf/firewall.bpf.o" "$FIREWALL"
	new_key team
	new_key other
	sign "$FIREWALL"
	conf
	bed_slotd_fresh
}

# judge: what slotd --check says of slots.conf, and its exit status
judge() {
	local status=0

	in_ns edge "$BED_BIN/slotd" --check --config "$BED/slots.conf" \
		--object-dir "$BED_OBJECTS" --state-dir "$BED/state" 2>&1 || status=$?
	echo "$status"
}

test_check_only() {
	matches "slotd --check takes keys and signatures that are good" "$(judge)" "no errors.0\$"
	chmod go+w "$BED/team.pub"
	is "a key that anybody may write is an error of each slot that names it" \
		"$(judge | grep -c "slots.conf:[0-9]*: slot [25]: cannot use .*chmod go-w")" 2
	rm "$BED/team.pub"
	matches "one that is not there, too" "$(judge)" \
		"slot 5: cannot use the public key '$BED/team.pub': No such file"
	new_key team
	matches "so is an object that the key did not sign" "$(judge)" "slot 2: the signature of .*1\$"
}

deployed() {
	bed_get slots ".slots[${1:-5}].program"
}

# A reboot: the kernel knows nothing, the disk everything.
reboot() {
	bed_slotd_stop KILL
	umount "$BED/bpf"
	mount -t bpf bpf "$BED/bpf"
	wait_for 10 is_bare eth0
}

test_deploys() {
	refuses "an object without a signature is refused" \
		"slot 5 \(guest\): no signature came with 'pass.bpf.o', and this reservation asks for one by '$BED/team.pub'; generation 1 stays active" \
		as_nobody deploy guest "$PASS"
	is "nothing is kept of it" "$(find "$BED/state/objects" -type f | wc -l)" 2
	sign "$PASS"
	succeeds "its owner deploys it with one" as_nobody deploy guest "$PASS"
	is "it runs" "$(deployed)" pass
	is "its signature is kept beside it" \
		"$(cat "$BED/state/objects/$(sha256sum <"$PASS" | cut -c -64).minisig")" \
		"$(cat "$PASS.minisig")"
	is "the key is shown" "$(bed_ctl show 5 --json | jq -r .limits.require_signature)" \
		"$BED/team.pub"
	sign "$COUNT" team -l -t 'legacy'
	changes "a signature of minisign's old kind is taken" deploy guest "$COUNT"
	sign "$RET" team -t $'odd \xff\x01\t bytes, "quotes" and \\ '
	changes "so is one with an odd comment" deploy guest "$RET"
	changes "an object that was signed before needs no second signature" \
		deploy guest "$PASS" --signature "$PASS.minisig"
	rm "$COUNT.minisig"
	changes "a slot that asks for none takes an unsigned object" deploy open "$COUNT"
}

test_bad_signatures() {
	local stays="; generation [0-9]+ stays active"

	sign "$COUNT"
	refuses "another object's signature is refused" \
		"the signature of 'pass.bpf.o' is refused: the signature by key $(key_id team) is not of this object$stays" \
		bed_ctl deploy guest "$PASS" --signature "$COUNT.minisig"
	sign "$PASS" other
	refuses "another key's is refused, and both are named" \
		"it is signed by key $(key_id other), '$BED/team.pub' is $(key_id team)$stays" \
		bed_ctl deploy guest "$PASS"
	sign "$PASS"
	sed -i 's/trusted comment: t/trusted comment: T/' "$PASS.minisig"
	refuses "one with another comment is refused" \
		"the trusted comment is not the one that key $(key_id team) has signed$stays" \
		bed_ctl deploy guest "$PASS"
	sign "$PASS"
	truncate -s 200 "$PASS.minisig"
	refuses "one that was cut short is refused" "it is no whole signature of minisign: .*$stays" \
		bed_ctl deploy guest "$PASS"
	: >"$PASS.minisig"
	refuses "an empty one is refused" "is refused: it is empty$stays" bed_ctl deploy guest "$PASS"
	cp "$BED/team.pub" "$PASS.minisig"
	refuses "what is no signature is refused" "it is no signature of minisign: .*$stays" \
		bed_ctl deploy guest "$PASS"
	refuses "also where none is asked for" "it is no signature of minisign: .*$stays" \
		bed_ctl deploy open "$PASS"
	sign "$PASS"
	truncate -s -1 "$PASS"
	refuses "a damaged object is refused" "is not of this object$stays" \
		bed_ctl deploy guest "$PASS"
	cp "$BED_ROOT/build/bpf/pass.bpf.o" "$PASS"
	changes "the whole one is taken" deploy guest "$PASS"
}

test_bad_keys() {
	local key="cannot use the public key '$BED/team.pub': "

	sign "$PASS"
	mv "$BED/team.pub" "$BED/away"
	refuses "without the key nothing is taken" "${key}No such file or directory; generation" \
		bed_ctl deploy guest "$PASS"
	cp "$PASS.minisig" "$BED/team.pub"
	refuses "nor with what is no key" "${key}it is no public key of minisign: .*; generation" \
		bed_ctl deploy guest "$PASS"
	cp "$BED/away" "$BED/team.pub"
	chmod 0666 "$BED/team.pub"
	refuses "nor with one that everybody may write" \
		"${key}others than its owner may write it \(mode 666\): chmod go-w; generation" \
		bed_ctl deploy guest "$PASS"
	chmod 0644 "$BED/team.pub"
	chown nobody "$BED/team.pub"
	refuses "nor with one that belongs to a user" "${key}it belongs to uid [0-9]+" \
		bed_ctl deploy guest "$PASS"
	chown root "$BED/team.pub"
	changes "with the key as it was it is taken" deploy guest "$PASS"
	changes "and disabled" disable guest
	rm "$BED/team.pub"
	mkfifo "$BED/team.pub"
	refuses "a pipe in place of the key hangs nobody" "${key}it is not a regular file" \
		bed_ctl enable guest
}

test_files_of_slots_conf() {
	rm "$FIREWALL.minisig"
	refuses "an apply wants a signature beside the object" \
		"slots.conf:[0-9]+: slot 2: '$FIREWALL.minisig' is not there, and this reservation asks for a signature by '$BED/team.pub'; generation 1 stays active" \
		bed_ctl apply
	refuses "so does a plan" "slot 2: '$FIREWALL.minisig' is not there" bed_ctl plan
	sign "$FIREWALL"
	cp "$PASS" "$FIREWALL"
	refuses "an object that was exchanged is refused" \
		"slot 2: the signature of 'firewall.bpf.o' is refused: the signature by key $(key_id team) is not of this object" \
		bed_ctl apply
	sign "$FIREWALL"
	changes "once it is signed it is taken" apply
	is "it runs" "$(deployed 2)" pass
}

test_rotation() {
	sign "$PASS"
	sign "$COUNT"
	changes "an object signed by the first key is deployed" deploy guest "$PASS"
	changes "and another" deploy guest "$COUNT"
	changes "which is disabled" disable guest
	cp "$BED/other.pub" "$BED/team.pub"
	sign "$FIREWALL" other
	refuses "with the next key it cannot be enabled" \
		"slot 'guest': the signature of 'count' is refused: it is signed by key [0-9A-F]+, '$BED/team.pub' is $(key_id other)" \
		bed_ctl enable guest
	refuses "nor can its slot go back to the one before" \
		"slot 'guest': the signature of 'pass' is refused: it is signed by key" \
		bed_ctl rollback guest
	refuses "nor can slots.conf be applied" \
		"slots.conf:[0-9]+: slot 5: what is deployed there: the signature of 'count' is refused" \
		bed_ctl apply
	changes "the whole chain can still go back" rollback
	sign "$PASS" other
	changes "what the next key signed is taken" deploy guest "$PASS"
	succeeds "and slots.conf applied" bed_ctl apply
}

test_canary() {
	sign "$PASS"
	changes "a signed object is deployed" deploy guest "$PASS"
	refuses "a canary needs a signature too" "no signature came with 'count.bpf.o'" \
		bed_ctl deploy guest "$COUNT" --canary 50%
	sign "$COUNT"
	changes "a signed canary is taken" deploy guest "$COUNT" --canary 50%
	cp "$BED/other.pub" "$BED/team.pub"
	refuses "with the next key it is not promoted" \
		"slot 'guest': the signature of 'count' is refused: it is signed by key" \
		bed_ctl promote guest
	changes "but it can be taken away" abort guest
	is "the slot runs its own version" "$(deployed)" pass
}

# The slot's own version was signed anew, beside another slot; what waits with it was not.
test_waiting_canary() {
	sign "$PASS"
	sign "$COUNT"
	bed_ctl deploy guest "$PASS" >/dev/null
	changes "a canary is deployed" deploy guest "$COUNT" --canary 50%
	changes "and waits with its slot, which is disabled" disable guest
	cp "$BED/other.pub" "$BED/team.pub"
	sign "$PASS" other
	changes "the next key has signed the slot's version" deploy firewall "$PASS"
	refuses "not the canary, with which the slot is not enabled" \
		"slot 'guest': the signature of 'count' is refused: it is signed by key" \
		bed_ctl enable guest
	changes "the canary is taken away" abort guest
	changes "then the slot is enabled" enable guest
}

test_starts() {
	local lines

	sign "$PASS"
	changes "a signed object is deployed" deploy guest "$PASS"
	cp "$BED/other.pub" "$BED/team.pub"
	bed_slotd_stop KILL
	succeeds "a start that finds the chain running asks for no signature" bed_slotd
	is "it is as it was" "$(deployed)" pass
	reboot
	lines=$(bed_log_lines)
	succeeds "after a reboot what ran before runs, by a key that is gone" bed_slotd
	is "the deployed object too" "$(deployed)" pass
	matches "the log warns of both" "$(bed_log "$lines" | tr '\n' ' ')" \
		"signature of 'firewall.bpf.o' is refused: .* it ran before this start.*signature of 'pass' is refused: .* it was deployed before this start"
	refuses "an apply wants them signed" "errors, see below" apply_briefly
	reboot
	cp "$COUNT" "$FIREWALL"
	bed_slotd
	is "but a file that was exchanged meanwhile does not start" "$BED_SLOTD_STATUS" 1
	matches "and the log says so" "$(bed_log "$lines")" \
		"slot 2: the signature of 'firewall.bpf.o' is refused"
}

# The store has it, but from a slot that asks for no signature.
test_start_with_what_another_slot_ran() {
	local lines

	changes "an unsigned object is deployed where none is asked for" deploy open "$COUNT"
	reboot
	cp "$COUNT" "$FIREWALL"
	lines=$(bed_log_lines)
	bed_slotd
	is "it does not start in the place of a signed one" "$BED_SLOTD_STATUS" 1
	matches "and the log says so" "$(bed_log "$lines")" \
		"slot 2: the signature of 'firewall.bpf.o' is refused"
}

# Of the two that are wrong, the line that says so.
apply_briefly() {
	local out status=0

	out=$(bed_ctl apply 2>&1) || status=$?
	printf '%s\n' "${out%%$'\n'*}" >&2
	return "$status"
}

test_asked_for_later() {
	sign "$COUNT"
	changes "a signed object is deployed where none is asked for" deploy open "$COUNT"
	conf 'require_signature = "team.pub"'
	changes "its signature counts when slots.conf asks for it" apply
	conf
	changes "slots.conf asks no longer" apply
	changes "an unsigned object is deployed" deploy open "$RET"
	conf 'require_signature = "team.pub"'
	refuses "it is in the way of asking again" \
		"slot 7: what is deployed there: no signature came with 'ret'" bed_ctl apply
}

only_in_vm deploys canary starts
bed_run
