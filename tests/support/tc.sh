# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# A chain of TC programs beside one of XDP programs: reserved, deployed, upgraded, rolled back,
# found again and taken off by the same commands, with what others attached left alone. lb_hc is
# its program, and probes that reach their real the traffic. $TC_WAY is how the chain is attached.
# Sourced after bed.sh and probes.sh.

TC=eth1:tc-egress
LB_HC=$BED_OBJECTS/lb_hc.bpf.o
DROPS=$BED_PROGS/bpf/progs/tc_ret.bpf.o

tc_ctl() {
	bed_ctl --chain "$TC" "$@"
}

hc_ctl() {
	tc_ctl lb_hc "$@"
}

# write_conf [SETTINGS]: of the guest
write_conf() {
	cat >"$BED/slots.conf" <<-END
		chain "eth0" {
			engine = "$BED_ENGINE"
			slot 5 { name = "guest" object = "pass.bpf.o" }
		}
		chain "eth1" {
			hook = "tc-egress"
			slot 4 { name = "lb_hc" owner = "nobody" object = "lb_hc.bpf.o" }
			slot 9 {
				name = "guest"
				settings { ${1:-} }
			}
		}
	END
}

# slot_count VERDICT: of lb_hc, as the chain counts
slot_count() {
	tc_ctl stats --json | jq --arg verdict "$1" '.slots[] | select(.slot == 4) | .[$verdict]'
}

setup() {
	write_conf
	[[ $TC_WAY != clsact ]] || export LD_PRELOAD=$BED_TOOLS/no_tcx.so
	bed_slotd_fresh
	nginx_start
	real_start
	hc_set_up
	hc_ctl add 1 "$SERVER4"
	hc_ctl add 4 "$SERVER6" gue
}

# What the chain is attached by, which stays while programs change.
tc_seat() {
	if [[ $TC_WAY == clsact ]]; then
		own_filter egress
	else
		bpftool -j link show pinned "$(echo "$BED"/bpf/slotd/*-eth1:tc-egress/link)" | jq .id
	fi
}

# own_filter DIRECTION: pref and handle of the filter that is slotd's
own_filter() {
	in_ns edge tc filter show dev eth1 "$1" |
		grep -o 'pref 57344 .*handle 0x510d .*direct-action' | sed 's/ slot.*//'
}

test_shown_as_xdp_chains_are() {
	is "the chain is called after its interface and hook" "$(of "$TC" .interface)" "$TC"
	is "it says its hook" "$(of "$TC" .hook)" tc-egress
	is "and how it is attached" "$(of "$TC" .mode)" "$TC_WAY"
	is "the other chain of the host is one of XDP programs" "$(of eth0 .hook)" xdp
	is "status lists both" "$(bed_get status '[.chains[].interface] | sort | join(" ")')" \
		"eth0 $TC"
	matches "a link holds it, or a filter" "$(tc_seat)" '^([0-9]+$|pref 57344 )'
	matches "a program's commands find the only chain that has it" "$(bed_ctl lb_hc list 2>&1)" \
		'^1 198.51.100.2 ipip'
	matches "and ask for one of several" "$(bed_ctl firewall list 2>&1)" \
		"name one with --chain"
	matches "verify tells the hook of an object" \
		"$("$BED_BIN/slotctl" verify "$LB_HC" 2>&1)" "tc-egress"
}

test_probes_reach_their_real() {
	probe_succeeds "a probe in IPv4 in IPv4" 1 "$VIP4"
	probe_succeeds "a probe in GUE over IPv6" 4 "$VIP6"
	matches "a packet without a mark goes on untouched" "$(probe 0 "$VIP4")" '^connect: '
	matches "lb_hc counts them" "$(sent sent_gue6)" '^[1-9]'
	matches "and so does the chain, as redirects" "$(slot_count redirect)" '^[1-9]'
	matches "what it leaves alone has passed" "$(slot_count pass)" '^[1-9]'
}

test_owner_without_root() {
	local dir

	dir=$(tc_ctl show lb_hc --json | jq -r .map_dir)
	is "maps are the owner's" "$(stat -c %U "$dir/lb_hc_reals")" nobody
	succeeds "who changes them without root" \
		setpriv --reuid nobody --regid nogroup --clear-groups \
		"$BED_BIN/slotctl" lb_hc --map-dir "$dir" add 9 "$SERVER4"
	succeeds "the owner deploys" as_nobody --chain "$TC" deploy lb_hc "$LB_HC"
	matches "a stranger does not" "$(as_stranger --chain "$TC" deploy lb_hc "$LB_HC" 2>&1)" \
		"does not own slot 4"
}

test_upgrades_without_a_gap() {
	local seat before failed=0

	seat=$(tc_seat)
	write_conf 'answer = 0'
	before=$(of "$TC" .generation)
	for _ in 1 2 3 4 5; do
		tc_ctl deploy guest "$DROPS" >/dev/null 2>&1
		tc_ctl undeploy guest >/dev/null 2>&1
		[[ $(probe 1 "$VIP4") == 200 ]] || failed=$((failed + 1))
	done
	is "probes succeed between upgrades of a neighbour" "$failed" 0
	matches "each of which is a generation" $(($(of "$TC" .generation) - before)) '^10$'
	is "all by one link or filter" "$(tc_seat)" "$seat"
	matches "the marks are still there" "$(hc_ctl list)" '^1 198.51.100.2 ipip'
}

# While the slot that drops is the same, packets meet it before and after each swap.
test_no_packet_meets_a_gap() {
	local sent

	write_conf 'answer = 2'
	tc_ctl apply >/dev/null
	sink_start 7001
	tc_ctl deploy guest "$DROPS" >/dev/null
	flood_start dropped "$RATE" "$CLIENT4" "$SERVER4" 7001
	for _ in 1 2 3 4 5; do
		tc_ctl disable lb_hc >/dev/null
		tc_ctl enable lb_hc >/dev/null
	done
	flood_stop dropped >/dev/null
	is "no packet passes unfiltered while the chain is swapped" "$(sink_count 7001)" 0
	tc_ctl undeploy guest >/dev/null
	# the program dropped what finds the server's address, too
	wait_for 5 ping_once "$SERVER4"
	flood_start passed "$RATE" "$CLIENT4" "$SERVER4" 7001
	for _ in 1 2 3 4 5; do
		tc_ctl disable lb_hc >/dev/null
		tc_ctl enable lb_hc >/dev/null
	done
	sent=$(flood_stop passed)
	in_time "and none is lost that may pass" 3 sink_has 7001 "$sent"
}

test_rollback() {
	write_conf 'answer = 2'
	tc_ctl apply >/dev/null
	succeeds "a program that drops is deployed behind lb_hc" tc_ctl deploy guest "$DROPS"
	succeeds "it drops" no_ping "$SERVER4"
	matches "also what lb_hc sends out by the same interface, which passes the chain again" \
		"$(probe 1 "$VIP4")" '^connect: '
	succeeds "a rollback takes it back" tc_ctl rollback
	in_time "and packets pass again" 3 ping_once "$SERVER4"
}

test_refusals() {
	local before

	before=$(of "$TC" .generation)
	matches "an XDP program is refused" "$(tc_ctl deploy guest "$BED_OBJECTS/pass.bpf.o" 2>&1)" \
		"'pass' is a program of XDP, and this is a chain of the hook tc-egress"
	matches "a TC program is refused by an XDP chain" \
		"$(bed_ctl --chain eth0 deploy guest "$LB_HC" 2>&1)" \
		"'lb_hc' is a program of TC, and this is a chain of the hook xdp"
	matches "a canary by flow is refused, and what to do instead is told" \
		"$(tc_ctl deploy lb_hc "$DROPS" --canary 10% 2>&1)" "cpu:LIST"
	is "nothing has changed" "$(of "$TC" .generation)" "$before"
}

test_restart_and_kill() {
	local seat

	seat=$(tc_seat)
	bed_slotd_stop
	probe_succeeds "without slotd probes go on" 1 "$VIP4"
	bed_slotd
	is "a start takes over what runs" "$(tc_seat)" "$seat"
	bed_slotd_stop KILL
	bed_slotd
	is "also after a kill" "$(tc_seat)" "$seat"
	probe_succeeds "and probes go on" 1 "$VIP4"
}

# As where a load balancer and its probes share the only interface of a host.
test_a_chain_of_xdp_programs_at_the_same_interface() {
	{
		cat "$BED/slots.conf"
		printf 'chain "eth1" {\n\tslot 5 { name = "other" object = "pass.bpf.o" }\n}\n'
	} >"$BED/slots.new"
	mv "$BED/slots.new" "$BED/slots.conf"
	succeeds "it is added beside the one of TC programs" bed_ctl reload
	is "both run" "$(is_on eth1 && is_on "$TC" && echo yes)" yes
	probe_succeeds "and probes go on" 1 "$VIP4"
	bed_slotd_stop
	succeeds "a start takes over both" bed_slotd
	is "and both run" "$(is_on eth1 && is_on "$TC" && echo yes)" yes
}

has_no_pins() {
	! compgen -G "$BED/bpf/slotd/*-eth1:tc-egress" && is_off "$TC"
}

# Filters of the hook that are not slotd's.
other_filters() {
	in_ns edge tc filter show dev eth1 egress | grep -v 'pref 57344 '
}

# add_other DIRECTION PLACE...: a filter of somebody else, who brings a qdisc where there is none
add_other() {
	in_ns edge tc qdisc add dev eth1 clsact 2>/dev/null
	bpftool prog load "$DROPS" "$BED/bpf/other" &&
		in_ns edge tc filter add dev eth1 "$1" "${@:2}" bpf direct-action \
			object-pinned "$BED/bpf/other"
}

# The first of those that are told of, in one line.
told_other() {
	bed_get "$1" "$2 | .others[0] | \"\(.attached) \(.kind) \(.name) \(.pref) \(.handle) \(.protocol) \(.before)\""
}

test_what_others_attached() {
	local before

	is "status knows of no others" "$(bed_get status '.chains[1].others | length')" 0
	is "and for a chain of XDP programs does not ask" \
		"$(bed_get status '.chains[0] | has("others")')" false
	add_other egress pref 60000 handle 7
	before=$(other_filters)
	is "a filter of somebody else is in status" "$(told_other status '.chains[1]')" \
		"clsact bpf tc_ret 60000 7 3 false"
	matches "also in words" "$(bed_ctl status)" \
		"eth1:tc-egress: behind it: filter of clsact, pref 60000, handle 0x7, bpf 'tc_ret' \(id [0-9]+\)"
	matches "and in slots" "$(tc_ctl slots)" "behind it: filter of clsact, pref 60000"
	succeeds "the chain changes beside it" tc_ctl disable lb_hc
	succeeds "and is taken off" tc_ctl detach
	in_time "nothing of it is left" 3 has_no_pins
	matches "which lb_hc's commands say" "$(hc_ctl list 2>&1)" "the chain is detached"
	is "the filter is as it was" "$(other_filters)" "$before"
	succeeds "the XDP chain is as well" is_on eth0
	in_ns edge tc qdisc del dev eth1 clsact
	rm "$BED/bpf/other"
}

# Filters before the chain are those of low prefs, or, where the chain is a filter, of tcx.
test_others_before() {
	[[ $TC_WAY == clsact ]] || return 0
	add_other egress pref 10 handle 0x2a
	is "a filter that packets meet first is told to be before" "$(told_other status '.chains[1]')" \
		"clsact bpf tc_ret 10 42 3 true"
	matches "in words too" "$(bed_ctl status)" "before it: filter of clsact, pref 10, handle 0x2a"
	rm "$BED/bpf/other"
}

test_interface_comes_back() {
	in_ns edge ip link del eth1
	in_time "without its interface the chain is off" 5 is_off "$TC"
	make_server_wire
	in_time "it comes back with it" 5 is_on "$TC"
	matches "and its maps have not gone" "$(hc_ctl list)" '^1 198.51.100.2 ipip'
	real_start
	hc_set_up
	probe_succeeds "probes go on" 1 "$VIP4"
}
