/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/config/limits.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/bpf.h>

static const char *const class_names[SLOT_HELPER_CLASSES] = {
	[SLOT_HELPER_BASIC] = "basic",
	[SLOT_HELPER_REDIRECT] = "redirect",
	[SLOT_HELPER_ADJUST_HEAD] = "adjust_head",
	[SLOT_HELPER_ADJUST_TAIL] = "adjust_tail",
	[SLOT_HELPER_ADJUST_META] = "adjust_meta",
	[SLOT_HELPER_TAIL_CALL] = "tail_call",
	[SLOT_HELPER_FIB_LOOKUP] = "fib_lookup",
	[SLOT_HELPER_SOCKET] = "socket",
	[SLOT_HELPER_OUTPUT] = "output",
	[SLOT_HELPER_PROBE_READ] = "probe_read",
	[SLOT_HELPER_TRACE] = "trace",
	[SLOT_HELPER_TIMER] = "timer",
	[SLOT_HELPER_KFUNC] = "kfunc",
	[SLOT_HELPER_OTHER] = "other",
};

/* Basic helpers are biased by one, so that what is not in the table is not basic. */
#define CLASS(name) (SLOT_HELPER_##name + 1)

/*
 * The one list of what each helper belongs to; slots.conf(5) tells it in words.
 * A helper that it does not name is `other`: numbers that come with later
 * kernels, and those that no chain's programs have any business with.
 */
static const unsigned char classes[] = {
	[BPF_FUNC_map_lookup_elem] = CLASS(BASIC),
	[BPF_FUNC_map_update_elem] = CLASS(BASIC),
	[BPF_FUNC_map_delete_elem] = CLASS(BASIC),
	[BPF_FUNC_map_push_elem] = CLASS(BASIC),
	[BPF_FUNC_map_pop_elem] = CLASS(BASIC),
	[BPF_FUNC_map_peek_elem] = CLASS(BASIC),
	[BPF_FUNC_map_lookup_percpu_elem] = CLASS(BASIC),
	[BPF_FUNC_for_each_map_elem] = CLASS(BASIC),
	[BPF_FUNC_spin_lock] = CLASS(BASIC),
	[BPF_FUNC_spin_unlock] = CLASS(BASIC),
	[BPF_FUNC_kptr_xchg] = CLASS(BASIC),
	[BPF_FUNC_ktime_get_ns] = CLASS(BASIC),
	[BPF_FUNC_ktime_get_boot_ns] = CLASS(BASIC),
	[BPF_FUNC_ktime_get_coarse_ns] = CLASS(BASIC),
	[BPF_FUNC_ktime_get_tai_ns] = CLASS(BASIC),
	[BPF_FUNC_jiffies64] = CLASS(BASIC),
	[BPF_FUNC_get_prandom_u32] = CLASS(BASIC),
	[BPF_FUNC_get_smp_processor_id] = CLASS(BASIC),
	[BPF_FUNC_get_numa_node_id] = CLASS(BASIC),
	[BPF_FUNC_csum_diff] = CLASS(BASIC),
	[BPF_FUNC_loop] = CLASS(BASIC),
	[BPF_FUNC_strtol] = CLASS(BASIC),
	[BPF_FUNC_strtoul] = CLASS(BASIC),
	[BPF_FUNC_strncmp] = CLASS(BASIC),
	[BPF_FUNC_xdp_get_buff_len] = CLASS(BASIC),
	[BPF_FUNC_xdp_load_bytes] = CLASS(BASIC),
	[BPF_FUNC_xdp_store_bytes] = CLASS(BASIC),
	[BPF_FUNC_skb_load_bytes] = CLASS(BASIC),
	[BPF_FUNC_skb_load_bytes_relative] = CLASS(BASIC),
	[BPF_FUNC_skb_store_bytes] = CLASS(BASIC),
	[BPF_FUNC_skb_pull_data] = CLASS(BASIC),
	[BPF_FUNC_l3_csum_replace] = CLASS(BASIC),
	[BPF_FUNC_l4_csum_replace] = CLASS(BASIC),
	[BPF_FUNC_csum_update] = CLASS(BASIC),
	[BPF_FUNC_csum_level] = CLASS(BASIC),
	[BPF_FUNC_get_hash_recalc] = CLASS(BASIC),
	[BPF_FUNC_set_hash] = CLASS(BASIC),
	[BPF_FUNC_set_hash_invalid] = CLASS(BASIC),
	[BPF_FUNC_dynptr_from_mem] = CLASS(BASIC),
	[BPF_FUNC_dynptr_read] = CLASS(BASIC),
	[BPF_FUNC_dynptr_write] = CLASS(BASIC),
	[BPF_FUNC_dynptr_data] = CLASS(BASIC),

	[BPF_FUNC_redirect] = CLASS(REDIRECT),
	[BPF_FUNC_redirect_map] = CLASS(REDIRECT),
	[BPF_FUNC_redirect_peer] = CLASS(REDIRECT),
	[BPF_FUNC_redirect_neigh] = CLASS(REDIRECT),
	[BPF_FUNC_clone_redirect] = CLASS(REDIRECT),
	[BPF_FUNC_xdp_adjust_head] = CLASS(ADJUST_HEAD),
	[BPF_FUNC_skb_adjust_room] = CLASS(ADJUST_HEAD),
	[BPF_FUNC_skb_change_head] = CLASS(ADJUST_HEAD),
	[BPF_FUNC_skb_change_proto] = CLASS(ADJUST_HEAD),
	[BPF_FUNC_skb_vlan_push] = CLASS(ADJUST_HEAD),
	[BPF_FUNC_skb_vlan_pop] = CLASS(ADJUST_HEAD),
	[BPF_FUNC_xdp_adjust_tail] = CLASS(ADJUST_TAIL),
	[BPF_FUNC_skb_change_tail] = CLASS(ADJUST_TAIL),
	[BPF_FUNC_xdp_adjust_meta] = CLASS(ADJUST_META),
	[BPF_FUNC_tail_call] = CLASS(TAIL_CALL),
	[BPF_FUNC_fib_lookup] = CLASS(FIB_LOOKUP),
	[BPF_FUNC_check_mtu] = CLASS(FIB_LOOKUP),

	[BPF_FUNC_sk_lookup_tcp] = CLASS(SOCKET),
	[BPF_FUNC_sk_lookup_udp] = CLASS(SOCKET),
	[BPF_FUNC_skc_lookup_tcp] = CLASS(SOCKET),
	[BPF_FUNC_sk_release] = CLASS(SOCKET),
	[BPF_FUNC_sk_fullsock] = CLASS(SOCKET),
	[BPF_FUNC_tcp_sock] = CLASS(SOCKET),
	[BPF_FUNC_skc_to_tcp_sock] = CLASS(SOCKET),
	[BPF_FUNC_skc_to_tcp6_sock] = CLASS(SOCKET),
	[BPF_FUNC_skc_to_tcp_timewait_sock] = CLASS(SOCKET),
	[BPF_FUNC_skc_to_tcp_request_sock] = CLASS(SOCKET),
	[BPF_FUNC_skc_to_udp6_sock] = CLASS(SOCKET),
	[BPF_FUNC_skc_to_unix_sock] = CLASS(SOCKET),
	[BPF_FUNC_skc_to_mptcp_sock] = CLASS(SOCKET),
	[BPF_FUNC_sk_assign] = CLASS(SOCKET),
	[BPF_FUNC_sk_select_reuseport] = CLASS(SOCKET),
	[BPF_FUNC_sk_storage_get] = CLASS(SOCKET),
	[BPF_FUNC_sk_storage_delete] = CLASS(SOCKET),
	[BPF_FUNC_get_socket_cookie] = CLASS(SOCKET),
	[BPF_FUNC_getsockopt] = CLASS(SOCKET),
	[BPF_FUNC_setsockopt] = CLASS(SOCKET),
	[BPF_FUNC_sock_ops_cb_flags_set] = CLASS(SOCKET),
	[BPF_FUNC_load_hdr_opt] = CLASS(SOCKET),
	[BPF_FUNC_store_hdr_opt] = CLASS(SOCKET),
	[BPF_FUNC_reserve_hdr_opt] = CLASS(SOCKET),
	[BPF_FUNC_sock_map_update] = CLASS(SOCKET),
	[BPF_FUNC_sock_hash_update] = CLASS(SOCKET),
	[BPF_FUNC_tcp_check_syncookie] = CLASS(SOCKET),
	[BPF_FUNC_tcp_gen_syncookie] = CLASS(SOCKET),
	[BPF_FUNC_tcp_raw_gen_syncookie_ipv4] = CLASS(SOCKET),
	[BPF_FUNC_tcp_raw_gen_syncookie_ipv6] = CLASS(SOCKET),
	[BPF_FUNC_tcp_raw_check_syncookie_ipv4] = CLASS(SOCKET),
	[BPF_FUNC_tcp_raw_check_syncookie_ipv6] = CLASS(SOCKET),

	[BPF_FUNC_perf_event_output] = CLASS(OUTPUT),
	[BPF_FUNC_xdp_output] = CLASS(OUTPUT),
	[BPF_FUNC_ringbuf_output] = CLASS(OUTPUT),
	[BPF_FUNC_ringbuf_reserve] = CLASS(OUTPUT),
	[BPF_FUNC_ringbuf_submit] = CLASS(OUTPUT),
	[BPF_FUNC_ringbuf_discard] = CLASS(OUTPUT),
	[BPF_FUNC_ringbuf_query] = CLASS(OUTPUT),
	[BPF_FUNC_ringbuf_reserve_dynptr] = CLASS(OUTPUT),
	[BPF_FUNC_ringbuf_submit_dynptr] = CLASS(OUTPUT),
	[BPF_FUNC_ringbuf_discard_dynptr] = CLASS(OUTPUT),
	[BPF_FUNC_user_ringbuf_drain] = CLASS(OUTPUT),

	[BPF_FUNC_probe_read] = CLASS(PROBE_READ),
	[BPF_FUNC_probe_read_str] = CLASS(PROBE_READ),
	[BPF_FUNC_probe_read_user] = CLASS(PROBE_READ),
	[BPF_FUNC_probe_read_user_str] = CLASS(PROBE_READ),
	[BPF_FUNC_probe_read_kernel] = CLASS(PROBE_READ),
	[BPF_FUNC_probe_read_kernel_str] = CLASS(PROBE_READ),
	[BPF_FUNC_copy_from_user] = CLASS(PROBE_READ),
	[BPF_FUNC_copy_from_user_task] = CLASS(PROBE_READ),
	[BPF_FUNC_per_cpu_ptr] = CLASS(PROBE_READ),
	[BPF_FUNC_this_cpu_ptr] = CLASS(PROBE_READ),
	[BPF_FUNC_get_current_task] = CLASS(PROBE_READ),
	[BPF_FUNC_get_current_task_btf] = CLASS(PROBE_READ),
	[BPF_FUNC_task_pt_regs] = CLASS(PROBE_READ),
	/* both print what a pointer leads to, wherever that is */
	[BPF_FUNC_snprintf] = CLASS(PROBE_READ),
	[BPF_FUNC_snprintf_btf] = CLASS(PROBE_READ),

	[BPF_FUNC_trace_printk] = CLASS(TRACE),
	[BPF_FUNC_trace_vprintk] = CLASS(TRACE),
	[BPF_FUNC_timer_init] = CLASS(TIMER),
	[BPF_FUNC_timer_set_callback] = CLASS(TIMER),
	[BPF_FUNC_timer_start] = CLASS(TIMER),
	[BPF_FUNC_timer_cancel] = CLASS(TIMER),
};

const char *slot_helper_class_name(enum slot_helper_class kind)
{
	return kind < SLOT_HELPER_CLASSES ? class_names[kind] : "?";
}

int slot_helper_class_parse(const char *name)
{
	for (int kind = SLOT_HELPER_BASIC + 1; kind < SLOT_HELPER_CLASSES; kind++)
		if (!strcmp(class_names[kind], name))
			return kind;
	return -EINVAL;
}

/* The classes of @mask by name, with commas. */
static void format_classes(__u32 mask, char ret_text[SLOT_LIMITS_TEXT_MAX])
{
	size_t used = 0;

	ret_text[0] = '\0';
	for (int kind = SLOT_HELPER_BASIC + 1; kind < SLOT_HELPER_CLASSES; kind++)
		if (mask & 1U << kind)
			used += (size_t)snprintf(ret_text + used, SLOT_LIMITS_TEXT_MAX - used,
						 "%s%s", used ? ", " : "", class_names[kind]);
}

void slot_helper_class_list(char ret_text[SLOT_LIMITS_TEXT_MAX])
{
	format_classes(~0U, ret_text);
}

enum slot_helper_class slot_helper_class_find(__s32 id)
{
	if (id <= 0 || (size_t)id >= sizeof(classes) || !classes[id])
		return SLOT_HELPER_OTHER;
	return classes[id] - 1;
}

__u32 slot_limits_mask(const struct slot_limits *limits)
{
	return limits->has_helpers ? limits->helpers | 1U << SLOT_HELPER_BASIC :
				     (1U << SLOT_HELPER_CLASSES) - 1;
}

bool slot_limits_is_granted(const struct slot_limits *limits, enum slot_helper_class kind)
{
	return slot_limits_mask(limits) & 1U << kind;
}

void slot_limits_format_helpers(const struct slot_limits *limits,
				char ret_text[SLOT_LIMITS_TEXT_MAX])
{
	if (!limits->has_helpers)
		strcpy(ret_text, "all");
	else if (!limits->helpers)
		strcpy(ret_text, "only the basic ones");
	else
		format_classes(limits->helpers, ret_text);
}

bool slot_limits_is_equal(const struct slot_limits *a, const struct slot_limits *b)
{
	return a->has_helpers == b->has_helpers && a->helpers == b->helpers &&
	       a->map_memory == b->map_memory && !strcmp(a->maps_of, b->maps_of) &&
	       !strcmp(a->signature_key, b->signature_key);
}

/* --- sizes --------------------------------------------------------------------------------- */

static const char units[] = "KMG";

int slot_size_parse(const char *text, __u64 *ret_bytes)
{
	const char *unit;
	unsigned int shift;
	__u64 number;
	char *end;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	number = strtoull(text, &end, 10);
	unit = *end ? strchr(units, toupper((unsigned char)*end)) : NULL;
	if (errno || (*end && (!unit || end[1])))
		return -EINVAL;
	shift = unit ? 10 * (unsigned int)(unit - units + 1) : 0;
	/* far beyond any machine, and JSON's integers are signed */
	if (!number || number > (__u64)INT64_MAX >> shift)
		return -EINVAL;
	*ret_bytes = number << shift;
	return 0;
}

void slot_size_format(__u64 bytes, char ret_text[SLOT_SIZE_TEXT_MAX])
{
	unsigned int unit = 0;
	__u64 divisor = 1;

	while (unit < sizeof(units) - 1 && bytes / divisor >= 1024) {
		divisor *= 1024;
		unit++;
	}
	if (bytes % divisor)
		snprintf(ret_text, SLOT_SIZE_TEXT_MAX, "%.1f%c", (double)bytes / (double)divisor,
			 units[unit - 1]);
	else
		snprintf(ret_text, SLOT_SIZE_TEXT_MAX, "%llu%.1s",
			 (unsigned long long)(bytes / divisor), unit ? &units[unit - 1] : "");
}
