# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# A systemd of the bed's own, at the edge: `systemd --user`, of root's, in control groups of its own.
# Source it after bed.sh.

USER_SYSTEMD=/lib/systemd/systemd
USER_SYSTEMD_GROUP=slotd-units-$$

# Control groups of the host, of one hierarchy or several, that systemd would use
user_systemd_roots() {
	local root

	for root in /sys/fs/cgroup{,/systemd,/unified}; do
		[[ ! -w $root/cgroup.procs ]] || echo "$root/$USER_SYSTEMD_GROUP"
	done
}

user_systemd_leave() {
	local root

	for root in $(user_systemd_roots); do
		[[ ! -d $root ]] || find "$root" -depth -type d -exec rmdir {} + 2>/dev/null
	done
}

user_systemd_left() {
	local root

	user_systemd_leave
	for root in $(user_systemd_roots); do
		[[ ! -d $root ]] || return 1
	done
}

# user_ctl WORD...: systemctl of it
user_ctl() {
	XDG_RUNTIME_DIR=$BED/xdg timeout $((25 * TAP_SCALE)) systemctl --user "$@"
}

user_systemd_runs() {
	user_ctl list-units >/dev/null 2>&1
}

# user_systemd: of the units in $BED/xdg/systemd/user. Fails where it does not start here.
user_systemd() {
	local root script='for root; do echo $$ >"$root/cgroup.procs" || exit; done
		exec env -i PATH="$PATH" HOME="$XDG" XDG_RUNTIME_DIR="$XDG" XDG_CONFIG_HOME="$XDG" \
			"$MANAGER" --user --unit=basic.target --log-target=console'

	[[ -x $USER_SYSTEMD ]] && command -v systemctl >/dev/null || return 1
	# what systemctl takes for a host that systemd has booted
	mount -t tmpfs none /run && mkdir -p /run/systemd/system || return 1
	trap 'bed_stop; wait_for 5 user_systemd_left' EXIT
	for root in $(user_systemd_roots); do
		mkdir "$root" || return 1
	done
	chmod 0700 "$BED/xdg"
	# shellcheck disable=SC2046 # folders without blanks
	XDG=$BED/xdg MANAGER=$USER_SYSTEMD spawn edge "$BED/log/systemd" bash -c "$script" sh $(user_systemd_roots)
	wait_for 8 user_systemd_runs
}

# user_unit UNIT PROPERTY
user_unit() {
	user_ctl show "$1" --property "$2" --value
}

# user_unit_is UNIT PROPERTY VALUE
user_unit_is() {
	[[ $(user_unit "$1" "$2") == "$3" ]]
}
