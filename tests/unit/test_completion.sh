#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# docs/completion/slotctl.bash: what it offers, with a slotctl that knows two chains of sockets.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=tests/support/tap.sh
. "$ROOT/tests/support/tap.sh"
# shellcheck source=docs/completion/slotctl.bash
. "$ROOT/docs/completion/slotctl.bash"

slotctl() {
	case $* in
	status) printf 'x attached\n%s attached\n%s attached\n' web:sk_reuseport host:sk_lookup ;;
	*'--chain host:sk_lookup sk_steer rule list')
		printf 'rule group\n192.0.2.0/24 tcp 80 site 0\n2001:db8::/64 udp 53 dns 0\n'
		;;
	*'--chain web:sk_reuseport socket_lb vip show')
		printf 'vip mode\ntcp/192.0.2.1:80 tcp\nudp/[2001:db8::1]:53 flow\n'
		;;
	*'sk_steer socket list') printf 'group cookie\nsite 77 tcp/127.0.0.1:80\ndns - none\n' ;;
	*--help) printf '  run [options]\n  vip add\n' ;;
	esac
}

# offers LINE: what may follow, on one line
offers() {
	COMP_LINE=$1 COMP_POINT=${#1} COMPREPLY=()
	_slotctl
	echo "${COMPREPLY[*]}"
}

is "socket has run" "$(offers 'slotctl socket ')" run
is "and the program has it, too" "$(offers 'slotctl socket_lb r')" run
is "run has options of its own" "$(offers 'slotctl socket run --sto')" '--stop-signal --stop-timeout'
is "by both names" "$(offers 'slotctl socket_lb run --re')" --reload-signal
is "and none of slotctl's that it does not take" "$(offers 'slotctl socket run --js')" ''
is "its chains are those of its hook, by their titles" "$(offers 'slotctl socket run --chain ')" web
is "a signal has a name" "$(offers 'slotctl socket run --chain web --stop-signal QUI')" QUIT
is "a time is anybody's guess" "$(offers 'slotctl socket run --drain-timeout ')" ''
is "behind -- there is a command" "$(offers 'slotctl socket run --chain web -- compge')" compgen
is "other commands take all chains" "$(offers 'slotctl --chain ')" 'x web:sk_reuseport host:sk_lookup'
is "whose name goes on behind its colon" "$(offers 'slotctl --chain web:sk')" sk_reuseport
for word in 'vip set' 'vip show' 'vip del' 'vip del tcp/192.0.2.1:80' active free policy instances flows stats; do
	is "$word knows the VIPs of the chain" "$(offers "slotctl --chain web:sk_reuseport socket_lb $word ")" \
		'tcp/192.0.2.1:80 udp/[2001:db8::1]:53'
done
is "which have colons" "$(offers 'slotctl --chain web:sk_reuseport socket_lb active udp/[2001:db8:')" ':1]:53'
is "a new one has a mode" "$(offers 'slotctl socket_lb vip add tcp/192.0.2.1:80 ')" 'tcp flow quic'
is "rules are those of the chain" "$(offers 'slotctl --chain host:sk_lookup sk_steer rule del ')" \
	'192.0.2.0/24 2001:db8::/64'
is "with colons as well" "$(offers 'slotctl --chain host:sk_lookup sk_steer rule del 2001:d')" 'db8::/64'
is "a rule leads to a group" "$(offers 'slotctl sk_steer rule add 192.0.2.0/24 tcp 80 ')" 'site dns'
is "sockets are put into groups" "$(offers 'slotctl sk_steer socket add s')" site
is "and taken out of theirs" "$(offers 'slotctl sk_steer socket del site ')" 77
is "repair's words are its own" "$(offers 'slotctl handoff repair user=web ')" 'user= port= socket=/'
done_testing
