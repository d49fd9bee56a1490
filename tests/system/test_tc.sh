#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# A chain of TC programs beside one of XDP programs: reserved, deployed, upgraded, rolled back,
# found again and taken off by the same commands, with what others attached left alone. lb_hc is
# its program, and probes that reach their real the traffic.

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"
# shellcheck source=tests/support/probes.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/probes.sh"

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

has_tcx() {
	printf '6.6\n%s\n' "$(uname -r)" | sort -VC
}

setup() {
	write_conf
	has_tcx || return 0
	bed_slotd_fresh
	nginx_start
	real_start
	hc_set_up
	hc_ctl add 1 "$SERVER4"
	hc_ctl add 4 "$SERVER6" gue
}

reaches() {
	is "$1" "$(probe "$2" "$3")" 200
}

# The links that are pinned for the chain: those of a kernel with tcx.
tc_links() {
	bpftool -j link show pinned "$(echo "$BED"/bpf/slotd/*-eth1:tc-egress/link)" | jq .id
}

test_shown_as_xdp_chains_are() {
	is "the chain is called after its interface and hook" "$(of "$TC" .interface)" "$TC"
	is "it says its hook" "$(of "$TC" .hook)" tc-egress
	is "and how it is attached" "$(of "$TC" .mode)" tcx
	is "the other chain of the host is one of XDP programs" "$(of eth0 .hook)" xdp
	is "status lists both" "$(bed_get status '[.chains[].interface] | sort | join(" ")')" \
		"eth0 $TC"
	matches "a link holds it" "$(tc_links)" '^[0-9]+$'
	matches "a program's commands find the only chain that has it" "$(bed_ctl lb_hc list 2>&1)" \
		'^1 198.51.100.2 ipip'
	matches "and ask for one of several" "$(bed_ctl firewall list 2>&1)" \
		"name one with --chain"
	matches "verify tells the hook of an object" \
		"$("$BED_BIN/slotctl" verify "$LB_HC" 2>&1)" "tc-egress"
}

test_probes_reach_their_real() {
	reaches "a probe in IPv4 in IPv4" 1 "$VIP4"
	reaches "a probe in GUE over IPv6" 4 "$VIP6"
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
	local link before failed=0

	link=$(tc_links)
	write_conf 'answer = 0'
	before=$(of "$TC" .generation)
	for _ in 1 2 3 4 5; do
		tc_ctl deploy guest "$DROPS" >/dev/null 2>&1
		tc_ctl undeploy guest >/dev/null 2>&1
		[[ $(probe 1 "$VIP4") == 200 ]] || failed=$((failed + 1))
	done
	is "probes succeed between upgrades of a neighbour" "$failed" 0
	matches "each of which is a generation" $(($(of "$TC" .generation) - before)) '^10$'
	is "all by one link" "$(tc_links)" "$link"
	matches "the marks are still there" "$(hc_ctl list)" '^1 198.51.100.2 ipip'
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
	local link

	link=$(tc_links)
	bed_slotd_stop
	reaches "without slotd probes go on" 1 "$VIP4"
	bed_slotd
	is "a start takes over what runs" "$(tc_links)" "$link"
	bed_slotd_stop KILL
	bed_slotd
	is "also after a kill" "$(tc_links)" "$link"
	reaches "and probes go on" 1 "$VIP4"
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
	reaches "and probes go on" 1 "$VIP4"
	bed_slotd_stop
	succeeds "a start takes over both" bed_slotd
	is "and both run" "$(is_on eth1 && is_on "$TC" && echo yes)" yes
}

has_no_pins() {
	! compgen -G "$BED/bpf/slotd/*-eth1:tc-egress" && is_off "$TC"
}

test_what_others_attached() {
	local before

	bpftool prog load "$DROPS" "$BED/bpf/other" && in_ns edge tc qdisc add dev eth1 clsact &&
		in_ns edge tc filter add dev eth1 egress bpf direct-action \
			object-pinned "$BED/bpf/other"
	before=$(in_ns edge tc filter show dev eth1 egress)
	succeeds "the chain changes beside a filter of somebody else" tc_ctl disable lb_hc
	succeeds "and is taken off" tc_ctl detach
	in_time "nothing of it is left" 3 has_no_pins
	matches "which lb_hc's commands say" "$(hc_ctl list 2>&1)" "the chain is detached"
	is "the filter is as it was" "$(in_ns edge tc filter show dev eth1 egress)" "$before"
	succeeds "the XDP chain is as well" is_on eth0
	in_ns edge tc qdisc del dev eth1 clsact
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
	reaches "probes go on" 1 "$VIP4"
}

test_kernel_without_tcx() {
	succeeds "slotd does not start with a chain that the kernel cannot have" not_started
	matches "and says why" "$(cat "$BED/log/slotd")" \
		"cannot attach to 'eth1:tc-egress': this kernel has no tcx, .*Linux 6.6"
	bed_conf <<<'slot 5 { name = "guest" object = "pass.bpf.o" }'
	succeeds "it does without" bed_slotd
	succeeds "and the chain of XDP programs runs" is_on eth0
}

not_started() {
	! bed_slotd && [[ $BED_SLOTD_STATUS -ne 0 ]]
}

# Each kernel shows its own.
if has_tcx; then
	unset -f test_kernel_without_tcx
else
	for name in $(compgen -A function test_); do
		[[ $name == test_kernel_without_tcx ]] || unset -f "$name"
	done
fi
bed_run
