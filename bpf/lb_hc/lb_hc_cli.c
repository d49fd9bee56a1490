/* SPDX-License-Identifier: GPL-2.0-only */
/* slotctl lb_hc: marks, settings and counters of lb_hc, as commands. */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "bpf/lb_hc/lb_hc.h"
#include "loader/lib/base/cleanup.h"
#include "programs/cli.h"
#include "programs/shared/counts.h"
#include "programs/shared/fail.h"
#include "programs/shared/json.h"
#include "programs/shared/maps.h"

static const struct program_counter counters[LB_HC_COUNTS_SIZE] = {
	[LB_HC_SENT_IPIP4] = { "sent_ipip4", "sent" },
	[LB_HC_SENT_IPIP6] = { "sent_ipip6", "sent" },
	[LB_HC_SENT_GUE4] = { "sent_gue4", "sent" },
	[LB_HC_SENT_GUE6] = { "sent_gue6", "sent" },
	[LB_HC_SENT_L2] = { "sent_l2", "sent" },
	[LB_HC_NO_REAL] = { "no_real", "left" },
	[LB_HC_TOO_BIG] = { "too_big", "drop" },
	[LB_HC_MIXED_FAMILY] = { "mixed_family", "drop" },
	[LB_HC_NO_SOURCE] = { "no_source", "drop" },
	[LB_HC_BAD_HEADER] = { "bad_header", "drop" },
	[LB_HC_REFUSED] = { "refused", "drop" },
};

static const char *const encaps[LB_HC_ENCAPS] = {
	[LB_HC_IPIP] = "ipip",
	[LB_HC_GUE] = "gue",
	[LB_HC_L2] = "l2",
};

/* --- reals ----------------------------------------------------------------------------------- */

static int parse_encap(const char *text, struct slot_reason *why, __u8 *ret_encap)
{
	int encap;

	for (encap = 0; encap < LB_HC_ENCAPS; encap++) {
		if (!strcmp(encaps[encap], text)) {
			*ret_encap = (__u8)encap;
			return 0;
		}
	}
	return slot_reason_set(why, -EINVAL, "'%.80s': expected ipip, gue or l2", text);
}

/* MARK ADDRESS [ipip | gue | l2 MAC] */
static int parse_mark(int argc, char **argv, struct slot_reason *why, struct lb_hc_mark *mark)
{
	bool is_ip6 = false;
	int err = lb_hc_mark_parse(argv[0], why, &mark->mark);

	if (!err)
		err = lb_hc_address_parse(argv[1], why, mark->real.addr, &is_ip6);
	if (!err && argc > 2)
		err = parse_encap(argv[2], why, &mark->real.encap);
	if (!err && argc > 3)
		err = lb_hc_mac_parse(argv[3], why, mark->real.mac);
	mark->real.is_ip6 = is_ip6;
	return err;
}

static int cmd_add(const struct program_context *ctx, int argc, char **argv)
{
	_cleanup_(lb_hc_close) struct lb_hc hc = { -1, -1 };
	struct lb_hc_mark mark = {};
	struct slot_reason why;

	if (argc < 2 || argc > 4)
		return PROGRAM_USAGE;
	if (parse_mark(argc, argv, &why, &mark))
		return program_fail(&why);
	if ((mark.real.encap == LB_HC_L2) != (argc == 4))
		return PROGRAM_USAGE;
	if (lb_hc_open(ctx->map_dir, true, &why, &hc) || lb_hc_real_set(&hc, &mark, &why))
		return program_fail(&why);
	return PROGRAM_OK;
}

/* Every word that is no mark is told before anything is deleted. */
static int cmd_del(const struct program_context *ctx, int argc, char **argv)
{
	_cleanup_(lb_hc_close) struct lb_hc hc = { -1, -1 };
	_cleanup_free_ __u32 *marks = NULL;
	struct slot_reason why;
	int i, wrong = 0;

	if (!argc)
		return PROGRAM_USAGE;
	marks = calloc((size_t)argc, sizeof(*marks));
	for (i = 0; marks && i < argc; i++) {
		if (lb_hc_mark_parse(argv[i], &why, &marks[i])) {
			wrong++;
			program_fail(&why);
		}
	}
	if (!marks || wrong)
		return PROGRAM_FAILED;
	if (lb_hc_open(ctx->map_dir, true, &why, &hc))
		return program_fail(&why);
	for (i = 0; i < argc; i++)
		if (lb_hc_real_del(&hc, marks[i], &why))
			return program_fail(&why);
	return PROGRAM_OK;
}

/* Whoever owns the map can write anything there. */
static const char *encap_name(const struct lb_hc_real *real)
{
	return real->encap < LB_HC_ENCAPS ? encaps[real->encap] : "unknown";
}

static json_t *mark_to_json(const struct lb_hc_mark *mark, const char *address, const char *mac)
{
	return json_pack("{s:I, s:s, s:s, s:s?}", "mark", (json_int_t)mark->mark, "address",
			 address, "encap", encap_name(&mark->real), "mac",
			 mark->real.encap == LB_HC_L2 ? mac : NULL);
}

static int print_marks(const struct program_context *ctx, const struct lb_hc_mark *marks,
		       size_t count)
{
	char address[LB_HC_ADDRESS_TEXT_MAX], mac[LB_HC_MAC_TEXT_MAX];
	json_t *list = ctx->json ? json_array() : NULL;
	size_t i;

	for (i = 0; i < count; i++) {
		const struct lb_hc_real *real = &marks[i].real;

		lb_hc_address_format(real->addr, real->is_ip6, address);
		lb_hc_mac_format(real->mac, mac);
		if (ctx->json)
			json_array_append_new(list, mark_to_json(&marks[i], address, mac));
		else
			fprintf(ctx->out, "%u %s %s%s%s\n", marks[i].mark, address,
				encap_name(real), real->encap == LB_HC_L2 ? " " : "",
				real->encap == LB_HC_L2 ? mac : "");
	}
	return ctx->json ? program_json_print(ctx, json_pack("{s:o}", "marks", list)) : PROGRAM_OK;
}

static int cmd_list(const struct program_context *ctx, int argc, char **argv)
{
	_cleanup_(lb_hc_close) struct lb_hc hc = { -1, -1 };
	_cleanup_free_ struct lb_hc_mark *marks = NULL;
	struct slot_reason why;
	size_t count = 0;

	(void)argv;
	if (argc)
		return PROGRAM_USAGE;
	if (lb_hc_open(ctx->map_dir, false, &why, &hc) ||
	    lb_hc_reals_get(&hc, &why, &marks, &count))
		return program_fail(&why);
	return print_marks(ctx, marks, count);
}

/* --- settings -------------------------------------------------------------------------------- */

static bool is_own(const char *text)
{
	return !strcmp(text, "own");
}

static int set_mac(const char *text, struct slot_reason *why, __u8 mac[6])
{
	if (!is_own(text))
		return lb_hc_mac_parse(text, why, mac);
	memset(mac, 0, 6);
	return 0;
}

static int set_gateway(struct lb_hc_control *control, const char *text, struct slot_reason *why)
{
	return set_mac(text, why, control->gateway);
}

static int set_link_source(struct lb_hc_control *control, const char *text, struct slot_reason *why)
{
	return set_mac(text, why, control->mac);
}

static int set_interface(struct lb_hc_control *control, const char *text, struct slot_reason *why)
{
	__u32 ifindex = is_own(text) ? 0 : if_nametoindex(text);

	if (!ifindex && !is_own(text))
		return slot_reason_set(why, -ENODEV,
				       "'%.80s': no such interface here; 'own': that of the probe",
				       text);
	control->ifindex = ifindex;
	return 0;
}

static int set_source(struct lb_hc_control *control, const char *text, struct slot_reason *why)
{
	__u8 addr[16] = {};
	bool is_ip6 = false;
	int err = lb_hc_address_parse(text, why, addr, &is_ip6);

	if (err)
		return err;
	if (is_ip6)
		memcpy(control->source6, addr, sizeof(control->source6));
	else
		memcpy(control->source4, addr, sizeof(control->source4));
	return 0;
}

static int set_gue_port(struct lb_hc_control *control, const char *text, struct slot_reason *why)
{
	size_t digits = strspn(text, "0123456789");
	unsigned long port = digits && digits < 6 && !text[digits] ? strtoul(text, NULL, 10) : 0;

	if (!port || port > UINT16_MAX)
		return slot_reason_set(why, -EINVAL, "'%.80s': expected a port, 1 to 65535", text);
	control->gue_port = htons((__u16)port);
	return 0;
}

static const struct setting {
	const char *name;
	int (*set)(struct lb_hc_control *control, const char *text, struct slot_reason *why);
} settings[] = {
	{ "gateway", set_gateway }, { "mac", set_link_source },	  { "interface", set_interface },
	{ "source", set_source },   { "gue-port", set_gue_port }, { NULL, NULL },
};

static const struct setting *find_setting(const char *name)
{
	const struct setting *setting = settings;

	while (setting->name && strcmp(setting->name, name))
		setting++;
	return setting->name ? setting : NULL;
}

/* One command may set several: all of them or none. */
static int cmd_set(const struct program_context *ctx, int argc, char **argv)
{
	_cleanup_(lb_hc_close) struct lb_hc hc = { -1, -1 };
	_cleanup_close_ int lock = -1;
	struct lb_hc_control control;
	struct slot_reason why;
	int i, err;

	for (i = 0; i < argc; i += 2)
		if (!find_setting(argv[i]))
			return PROGRAM_USAGE;
	if (!argc || argc % 2)
		return PROGRAM_USAGE;
	err = program_maps_lock(ctx->map_dir, &why, &lock);
	if (!err)
		err = lb_hc_open(ctx->map_dir, true, &why, &hc);
	if (!err)
		err = lb_hc_control_get(&hc, &why, &control);
	for (i = 0; !err && i < argc; i += 2)
		err = find_setting(argv[i])->set(&control, argv[i + 1], &why);
	if (!err)
		err = lb_hc_control_set(&hc, &control, &why);
	return err ? program_fail(&why) : PROGRAM_OK;
}

struct control_text {
	char gateway[LB_HC_MAC_TEXT_MAX];
	char mac[LB_HC_MAC_TEXT_MAX];
	char interface[IF_NAMESIZE];
	char source4[LB_HC_ADDRESS_TEXT_MAX];
	char source6[LB_HC_ADDRESS_TEXT_MAX];
	unsigned int gue_port;
};

static void format_mac(const __u8 mac[6], char ret_text[LB_HC_MAC_TEXT_MAX])
{
	static const __u8 zeros[6];

	if (memcmp(mac, zeros, sizeof(zeros)) != 0)
		lb_hc_mac_format(mac, ret_text);
	else
		strcpy(ret_text, "own");
}

static void format_source(const __u8 *bytes, bool is_ip6, char ret_text[LB_HC_ADDRESS_TEXT_MAX])
{
	static const __u8 zeros[16];
	__u8 addr[16] = {};

	memcpy(addr, bytes, is_ip6 ? 16 : 4);
	if (memcmp(addr, zeros, sizeof(zeros)) != 0)
		lb_hc_address_format(addr, is_ip6, ret_text);
	else
		strcpy(ret_text, "none");
}

static void format_control(const struct lb_hc_control *control, struct control_text *text)
{
	format_mac(control->gateway, text->gateway);
	format_mac(control->mac, text->mac);
	format_source(control->source4, false, text->source4);
	format_source(control->source6, true, text->source6);
	text->gue_port = ntohs(control->gue_port);
	if (!control->ifindex)
		strcpy(text->interface, "own");
	else if (!if_indextoname(control->ifindex, text->interface))
		snprintf(text->interface, sizeof(text->interface), "#%u", control->ifindex);
}

static int cmd_show(const struct program_context *ctx, int argc, char **argv)
{
	_cleanup_(lb_hc_close) struct lb_hc hc = { -1, -1 };
	struct lb_hc_control control;
	struct control_text text;
	struct slot_reason why;

	(void)argv;
	if (argc)
		return PROGRAM_USAGE;
	if (lb_hc_open(ctx->map_dir, false, &why, &hc) || lb_hc_control_get(&hc, &why, &control))
		return program_fail(&why);
	format_control(&control, &text);
	if (ctx->json)
		return program_json_print(ctx, json_pack("{s:s, s:s, s:s, s:s, s:s, s:i}",
							 "gateway", text.gateway, "mac", text.mac,
							 "interface", text.interface, "source4",
							 text.source4, "source6", text.source6,
							 "gue_port", (int)text.gue_port));
	fprintf(ctx->out, "gateway %s\nmac %s\ninterface %s\nsource4 %s\nsource6 %s\ngue-port %u\n",
		text.gateway, text.mac, text.interface, text.source4, text.source6, text.gue_port);
	return PROGRAM_OK;
}

static int cmd_stats(const struct program_context *ctx, int argc, char **argv)
{
	(void)argv;
	if (argc)
		return PROGRAM_USAGE;
	return program_counts_show(ctx, LB_HC_COUNTS_NAME, counters, LB_HC_COUNTS_SIZE);
}

static const struct program_command commands[] = {
	{ "add", cmd_add, "MARK ADDRESS [ipip|gue|l2 MAC]", "send packets with MARK to a real" },
	{ "del", cmd_del, "MARK...", "or no longer" },
	{ "list", cmd_list, "", "which mark goes where" },
	{ "set", cmd_set, "gateway|mac MAC|own | interface NAME|own | source ADDRESS | gue-port N",
	  "what outer headers are made of" },
	{ "show", cmd_show, "", "the same, as set" },
	{ "stats", cmd_stats, "", "packets and bytes by kind, and why some were not sent" },
	{ NULL, NULL, NULL, NULL },
};

const struct program_cli lb_hc_cli = {
	.name = "lb_hc",
	.summary = "send probes of health checks to one real of the load balancer",
	.commands = commands,
};
