# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Completion of slotctl's command line for bash.

# Commands and programs, from slotctl's own usage.
_slotctl_commands() {
	slotctl --help 2>/dev/null | awk '/^  [a-z]/ { print $1 }'
}

_slotctl_slots() {
	slotctl slots 2>/dev/null | awk 'NR > 2 && $2 ~ /^[0-9]+$/ { print $3 }'
}

_slotctl_chains() {
	slotctl status 2>/dev/null | awk '$2 ~ /^(attached|detached|waits|refused)$/ { print $1 }'
}

# _slotctl_given WORD...: how many of these are slots and objects, not options and their values.
_slotctl_given() {
	local given=0
	while (($#)); do
		case $1 in
		--json) ;;
		-*) shift ;;
		*) given=$((given + 1)) ;;
		esac
		shift || break
	done
	echo "$given"
}

# _slotctl_rows COLUMN COMMAND...: a column of what a program's list command prints for the chain
# on the command line, without its heading.
_slotctl_rows() {
	slotctl ${chain:+--chain "$chain"} "${@:2}" 2>/dev/null | awk -v column="$1" 'NR > 1 { print $column }'
}

# _slotctl_program PROGRAM WORD...: what may follow these words.
_slotctl_program() {
	case "$#:$1 ${2:-} ${3:-}" in
	1:*) slotctl "$1" --help 2>/dev/null | awk '/^  [a-z]/ { print $1 }' ;;
	2:'lb vip '*) echo 'add set del show' ;;
	2:'lb real '*) echo 'add del set drain undrain down up weight list' ;;
	2:'lb ring '*) echo 'show refresh' ;;
	2:'lb server-id '* | 2:'lb source '* | 2:'lb tunnel '*) echo 'add del list' ;;
	2:'firewall allow '* | 2:'firewall deny '* | 2:*'decap addr '* | 2:*'decap serve '* | 2:*'decap server-id '*)
		echo 'add del'
		;;
	2:'firewall replies '*) echo 'on off' ;;
	*:'firewall trace '*) echo 'ip ip6 saddr daddr tcp udp th icmp icmpv6 meta frag iifname' ;;
	*:'fw_egress trace '*) echo 'ip ip6 saddr daddr tcp udp th icmp icmpv6 meta frag oifname' ;;
	2:'socket_lb vip '*) echo 'add set del show' ;;
	3:'socket_lb vip set'* | 3:'socket_lb vip show'* | *:'socket_lb vip del'* | 2:'socket_lb active '* | 2:'socket_lb free '* | \
		2:'socket_lb policy '* | 2:'socket_lb instances '* | 2:'socket_lb flows '* | 2:'socket_lb stats '*)
		_slotctl_rows 1 socket_lb vip show
		;;
	3:'socket_lb policy '* | 3:'socket_lb free '*) echo '0 1' ;;
	3:'socket_lb active '*) echo '0 1 none' ;;
	4:'socket_lb policy '*) echo 'hash cpu numa' ;;
	4:'socket_lb vip add'* | 4:'socket_lb vip set'*) echo 'tcp flow quic' ;;
	2:'sk_steer rule '*) echo 'add del load list' ;;
	2:'sk_steer socket '*) echo 'add set del list' ;;
	3:'tc_redirect add '*) (cd /sys/class/net && echo *) ;;
	4:'tc_redirect add '*) echo 'peer neigh' ;;
	4:'lb_hc add '*) echo 'ipip gue l2' ;;
	*:*'decap set '*) echo 'gue-port= strict= tcp-option=' ;;
	*:'tcp_server_id set '*) echo 'primary= fallback=' ;;
	*:'hwmark agent '*) echo 'device= hook= offload= flows= batch= age= pref= mode=' ;;
	*:'handoff agent '*) echo 'linger= half= idle= rate= device= above= offload= pref= flows= queue=' ;;
	*:'handoff repair '*) echo 'user= port= socket=/' ;;
	*:'lb set '*) echo 'gateway= gue-port= source4= source6= new-flows=' ;;
	*:'lb_hc set '*) echo 'source gateway mac interface gue-port' ;;
	4:'sk_steer rule add'* | 4:'sk_steer rule del'*) echo 'tcp udp' ;;
	3:'sk_steer rule del'*) _slotctl_rows 1 sk_steer rule list ;;
	5:'sk_steer rule del'*) _slotctl_rows 3 sk_steer rule list ;;
	6:'sk_steer rule add'* | 3:'sk_steer socket add'* | 3:'sk_steer socket set'* | 3:'sk_steer socket del'*)
		_slotctl_rows 1 sk_steer socket list
		;;
	*:'sk_steer socket del') slotctl ${chain:+--chain "$chain"} sk_steer socket list 2>/dev/null |
		awk -v group="$4" '$1 == group && $2 != "-" { print $2 }' ;;
	[0-3]:*) ;;
	*:'socket_lb vip add' | *:'socket_lb vip set') echo 'layout= memory=' ;;
	*:'lb vip add' | *:'lb vip set') echo 'encap= table= ring= window= flags=' ;;
	*:'lb real set') echo 'mac= local=' ;;
	*:'lb real add') echo 'weight= mac= local=' ;;
	*:'sk_steer rule add') echo 'drop exact' ;;
	esac
}

# _slotctl_socket_run AT: its options and their values from the AT-th word on, and behind -- a
# command of its own. Fails where the word is none of these.
_slotctl_socket_run() {
	local word=${COMP_WORDS[COMP_CWORD]} words='' i

	for ((i = $1; i < COMP_CWORD; i++)); do
		[[ ${COMP_WORDS[i]} == -- ]] || continue
		if declare -F _command_offset >/dev/null; then
			_command_offset $((i + 1))
		else
			mapfile -t COMPREPLY < <(compgen -A command -A file -- "$word")
		fi
		return 0
	done
	case ${COMP_WORDS[COMP_CWORD - 1]} in
	-c | --chain) words=$(_slotctl_chains | sed -n 's/:sk_reuseport$//p') ;;
	--stop-signal | --reload-signal) words=$(compgen -A signal SIG | sed 's/^SIG//') ;;
	--vip | --workers | --start-timeout | --drain-timeout | --stop-timeout) ;;
	--map-dir) return 1 ;;
	--jump)
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
		return
		;;
	*)
		[[ $word == -* ]] || return 1
		words='--chain --vip --workers --start-timeout --drain-timeout --stop-signal --stop-timeout'
		words+=' --reload-signal --jump --map-dir --help --'
		;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}

_slotctl_words() {
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command='' chain='' words='' i
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-c | --chain) i=$((i + 1)) chain=${COMP_WORDS[i]} ;;
		--socket | --map-dir) i=$((i + 1)) ;;
		-*) ;;
		*)
			command=${COMP_WORDS[i]}
			break
			;;
		esac
	done
	COMPREPLY=()
	# socket_lb run is the same command
	[[ $command != socket_lb || ${COMP_WORDS[i + 1]:-} != run ]] || command=socket
	case $command:${COMP_WORDS[i + 1]-} in
	socket:run)
		((i + 1 == COMP_CWORD)) || ! _slotctl_socket_run "$i" || return 0
		;;
	esac
	# an option stands where a file could
	[[ $word != -* ]] || before=''
	case $before in
	-c | --chain)
		mapfile -t COMPREPLY < <(compgen -W "$(_slotctl_chains)" -- "$word")
		return
		;;
	--socket | --signature | --diff | --once | check | sync | load | restore | import-katran)
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
		return
		;;
	--map-dir | on)
		mapfile -t COMPREPLY < <(compgen -d -- "$word")
		return
		;;
	--canary | --watch | --max-drop-ratio | --max-abort | --reset-map | --migrate | --generation | --lines)
		return
		;;
	esac
	case $word in
	-*) words='--chain --socket --json --help --version' ;;
	esac
	case $command:$word in
	slots:-*) words+=' --all' ;;
	stats:-*) words+=' --watch' ;;
	audit:-*) words+=' --lines' ;;
	deploy:-*)
		words+=' --canary --watch --max-drop-ratio --max-abort --reset-map --migrate'
		words+=' --signature --generation'
		;;
	apply:-*) words+=' --generation --reset-map' ;;
	rollback:-* | promote:-* | abort:-* | undeploy:-* | enable:-* | disable:-*)
		words+=' --generation'
		;;
	firewall:-* | fw_egress:-*) words+=' --map-dir --counters' ;;
	decap:-* | tc_decap:-* | tc_redirect:-* | lb_hc:-* | sk_steer:-* | tcp_server_id:-* | \
		socket_lb:-*)
		words+=' --map-dir'
		;;
	hwmark:-* | handoff:-* | handoff_out:-*) words+=' --map-dir' ;;
	lb:-*) words+=' --map-dir --watch --diff --once' ;;
	*:-*) ;;
	:*) words=$(_slotctl_commands) ;;
	audit:*) words=$(_slotctl_chains) ;;
	server-id:*) words='check sync real=' ;;
	socket:*) words='run' ;;
	show:* | undeploy:* | enable:* | disable:* | promote:* | abort:* | rollback:*)
		words=$(_slotctl_slots)
		;;
	deploy:*)
		if (($(_slotctl_given "${COMP_WORDS[@]:i+1:COMP_CWORD-i-1}") % 2 == 0)); then
			words=$(_slotctl_slots)
		else
			mapfile -t COMPREPLY < <(compgen -f -- "$word")
			return
		fi
		;;
	firewall:* | fw_egress:* | decap:* | tc_decap:* | tc_redirect:* | lb:* | lb_hc:* | sk_steer:* | \
		tcp_server_id:* | socket_lb:* | hwmark:* | handoff:* | handoff_out:*)
		words=$(_slotctl_program "$command" "${COMP_WORDS[@]:i+1:COMP_CWORD-i-1}")
		;;
	verify:*)
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
		return
		;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}

# Readline takes ':' for the end of a word: names of chains and IPv6 addresses are put together
# again, and what stands before the last ':' is left out of the answers.
_slotctl() {
	local -a COMP_WORDS
	local COMP_CWORD line=${COMP_LINE:0:COMP_POINT} colon i

	read -ra COMP_WORDS <<<"$line"
	[[ $line != *[[:space:]] ]] || COMP_WORDS+=('')
	COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
	_slotctl_words
	colon=${COMP_WORDS[COMP_CWORD]}
	[[ $colon == *:* && $COMP_WORDBREAKS == *:* ]] || return 0
	colon=${colon%"${colon##*:}"}
	for i in "${!COMPREPLY[@]}"; do
		COMPREPLY[i]=${COMPREPLY[i]#"$colon"}
	done
}

complete -F _slotctl slotctl
