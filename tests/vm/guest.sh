#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Runs the job of tests/vm/boot.sh inside the guest, as process 1, and ends the
# guest. The job's output goes out through two virtio ports, its exit status
# through the job share.

job=/run/slotd-vm/job

# find_port NAME: the device of the virtio port that boot.sh called NAME
find_port() {
	local file

	for file in /sys/class/virtio-ports/*/name; do
		if [[ $(<"$file") == "$1" ]]; then
			file=${file%/name}
			echo "/dev/${file##*/}"
			return
		fi
	done
	echo "guest.sh: no virtio port '$1'" >&2
	return 1
}

# wait_drained PID...: the output's readers end with its last writer. What a job left
# running may hold it open: two seconds are given for the rest.
wait_drained() {
	local killer

	(sleep 2; kill "$@") &
	killer=$!
	wait "$@"
	kill "$killer" 2>/dev/null
}

prepare() {
	hostname slotd-vm
	ip link set lo up
	ln -sfn /proc/self/fd /dev/fd
	ln -sfn /proc/self/fd/1 /dev/stdout
	ln -sfn /proc/self/fd/2 /dev/stderr
	modprobe -q tun
	# as systemd has it; the kernel's own hard limit is 4096
	ulimit -Hn 524288
}

# A port can be opened once only, and a job may open /dev/stdout again: hence pipes.
run_job() {
	local out_pid err_pid job_pid status out_port err_port

	out_port=$(find_port slotd.out) && err_port=$(find_port slotd.err) || return 125
	mkfifo /run/slotd-vm/out /run/slotd-vm/err
	cat /run/slotd-vm/out >"$out_port" &
	out_pid=$!
	cat /run/slotd-vm/err >"$err_port" &
	err_pid=$!
	# in the background SIGINT and SIGQUIT would be ignored
	setsid env --default-signal=INT,QUIT bash "$job/run" \
		</dev/null >/run/slotd-vm/out 2>/run/slotd-vm/err &
	job_pid=$!
	wait "$job_pid"
	status=$?
	wait_drained "$out_pid" "$err_pid"
	return "$status"
}

export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
prepare
run_job
status=$?
[[ $status -eq 0 ]] || dmesg >"$job/dmesg"
echo "$status" >"$job/status"
sync "$job/status"
echo b >/proc/sysrq-trigger
sleep 60
