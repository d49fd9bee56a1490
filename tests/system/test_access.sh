#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Who may what: every cell of asker x operation x slot, as real users over the real socket. What
# is expected is in access.tsv; a request that is refused changes nothing.
# guest: test-all

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"

TABLE=$BED_ROOT/tests/system/access.tsv
ASKERS=()

declare -A BECOME=(
	[root]=""
	[user]="setpriv --reuid nobody --regid nogroup --clear-groups"
	[member]="setpriv --reuid daemon --regid games --clear-groups"
	[extra]="setpriv --reuid daemon --regid daemon --groups games"
	[other]="setpriv --reuid bin --regid bin --clear-groups"
	[stranger]="setpriv --reuid sys --regid sys --clear-groups"
	[unknown]="setpriv --reuid 12345 --regid 12345 --clear-groups"
)

setup() {
	bed_conf <<-'END'
		slot 2 { name = "firewall" object = "firewall.bpf.o" }
		slot 5 { name = "theirs" owner = "nobody" object = "firewall.bpf.o" }
		slot 6 { name = "groups" owner = "@games" object = "firewall.bpf.o" }
		slot 7 { name = "bins" owner = "bin" object = "firewall.bpf.o" }
	END
	bed_slotd_fresh
}

# What a request must not change when it is refused. Counters and clocks go on by themselves.
whole_state() {
	curl -s --unix-socket "$BED_CTL_SOCKET" http://slotd/v1/chains/eth0/slots |
		jq -cS 'del(.passed, .slots[].packets)'
	xdp_id eth0
}

# request METHOD PATH [CURL_OPTION...] as $AS: prints the status
request() {
	# shellcheck disable=SC2086 # a command with its options
	$AS curl -s -o "$BED/answer" -w '%{http_code}' --unix-socket "$BED_CTL_SOCKET" \
		-X "$1" "${@:3}" "http://slotd/v1/$2"
}

# deploy SLOT,...: one form with an object for each
deploy() {
	local slot change='' parts=()

	for slot in ${1//,/ }; do
		change+=${change:+,}"{\"slot\": $slot, \"name\": \"pass.bpf.o\"}"
		parts+=(-F "object-$slot=@$BED_OBJECTS/pass.bpf.o")
	done
	request POST "chains/eth0/deploy${1:+?slots=$1}" -H 'Expect:' \
		-F "change={\"slots\": [$change]};type=application/json" "${parts[@]}"
}

# ask OPERATION SLOT as $AS: prints what access.tsv has
ask() {
	local chain=chains/eth0 slot=chains/eth0/slots/$2

	case $1 in
	slot) request GET "$slot" ;;
	settings)
		request GET "$slot" >/dev/null
		jq -r 'if .error then "404" elif has("settings") then "shown" else "none" end' \
			"$BED/answer"
		;;
	put) request PUT "$slot/object?name=pass.bpf.o" --data-binary "@$BED_OBJECTS/pass.bpf.o" ;;
	deploy) deploy "${2/none/}" ;;
	undeploy) request DELETE "$slot/object" ;;
	enable | disable | promote | abort) request POST "$slot/$1" ;;
	rollback-slot) request POST "$slot/rollback" ;;
	status | audit) request GET "$1" ;;
	slots | plan | generations | stats) request GET "$chain/$1" ;;
	reload) request POST reload ;;
	apply | rollback | detach | adopt) request POST "$chain/$1" ;;
	other-chain) request POST chains/eth9/detach ;;
	other-method) request DELETE "$chain/slots" ;;
	other-path) request POST "$chain/slots/5/sell" ;;
	esac
}

# Cells of the row whose status is, or is not, that of something carried out.
ask_row() {
	local is_done=$1 operation=$2 slot=$3 i answer
	shift 3

	for i in "${!ASKERS[@]}"; do
		local wanted=${*:i+1:1}

		case $wanted/$is_done in
		200/false) continue ;;
		200/true) ;;
		*/true) continue ;;
		esac
		AS=${BECOME[${ASKERS[i]}]}
		answer=$(ask "$operation" "$slot")
		[[ $answer == "$wanted" ]] ||
			WRONG+=("${ASKERS[i]} got $answer, wanted $wanted: $(cat "$BED/answer")")
	done
}

# Refused cells first: none of them may have changed what the ones after them are carried out on.
check_row() {
	local before

	WRONG=()
	before=$(whole_state)
	ask_row false "$@"
	[[ $(whole_state) == "$before" ]] || WRONG+=("a request that was refused changed something")
	ask_row true "$@"
	if [[ ${#WRONG[@]} -eq 0 ]]; then
		ok "$1 on slot $2: $(($# - 2)) askers"
	else
		not_ok "$1 on slot $2" "${WRONG[@]}"
	fi
}

# The engine makes no difference to who may what: one will do.
bed_engines() {
	echo "${SLOTD_TEST_ENGINE:-fused}"
}

test_every_cell() {
	local line

	if [[ ${SLOTD_TIER:-} == vm ]]; then
		skip "every cell of the table" "as on the host, where its 600 requests take seconds"
		return
	fi

	: >"$BED/answer"
	chmod 0666 "$BED/answer"
	while IFS=$'\t' read -ra line; do
		case ${line[0]} in
		'#'*) ;;
		operation) ASKERS=("${line[@]:2}") ;;
		*) check_row "${line[@]}" ;;
		esac
	done <"$TABLE"
	is "every operation that slotd has is in the table" "$(missing_operations)" ""
}

# Operations that routes name, as the table would.
route_operations() {
	sed -n '/^static const struct route routes/,/^};/p' "$BED_ROOT/loader/slotd/routes.c" |
		grep -o 'ACCESS_[A-Z_]*' | sed 's/ACCESS_//; s/_/-/' | tr '[:upper:]' '[:lower:]' | sort -u
}

# The table has one row at least for each of them, and for "put", which is a deploy.
missing_operations() {
	local name

	route_operations | grep -qx deploy || echo "cannot find the routes"
	while read -r name; do
		grep -q "^$name"$'\t' "$TABLE" || echo "$name"
	done < <(route_operations)
}

bed_run
