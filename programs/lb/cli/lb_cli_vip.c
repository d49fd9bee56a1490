/* SPDX-License-Identifier: GPL-2.0-only */
/* slotctl lb vip, set and show. */
#include <errno.h>
#include <string.h>

#include <jansson.h>

#include "loader/lib/base/cleanup.h"
#include "programs/lb/cli/lb_cli.h"
#include "programs/lb/model/lb_file.h"
#include "programs/shared/json.h"
#include "programs/shared/tcp_option.h"

static int parse_flags(const char *text, struct slot_reason *why, __u32 *ret_flags)
{
	_cleanup_free_ char *copy = strdup(text);
	char *rest, *word;
	__u32 flags = 0, flag = 0;
	int err = 0;

	if (!copy)
		return slot_reason_set(why, -ENOMEM, "out of memory");
	for (word = strtok_r(copy, ",", &rest); word && !err; word = strtok_r(NULL, ",", &rest)) {
		err = lb_flag_parse(word, why, &flag);
		flags |= flag;
	}
	if (!err)
		*ret_flags = flags;
	return err;
}

static int parse_window(const char *text, struct slot_reason *why, __u16 *ret_window)
{
	__u32 window = 0;
	int err = lb_number_parse(text, "window, in seconds,", (const __u32[2]){ 0, 65535 }, why,
				  &window);

	if (!err)
		*ret_window = (__u16)window;
	return err;
}

static int parse_setting(const char *word, struct slot_reason *why, struct lb_vip_settings *set)
{
	const char *value;

	value = program_word_value(word, "encap");
	if (value)
		return lb_choice_parse(&lb_encap_words, value, why, &set->encap);
	value = program_word_value(word, "table");
	if (value)
		return lb_choice_parse(&lb_table_words, value, why, &set->table);
	value = program_word_value(word, "ring");
	if (value)
		return lb_choice_parse(&lb_ring_words, value, why, &set->ring_kind);
	value = program_word_value(word, "window");
	if (value)
		return parse_window(value, why, &set->window);
	value = program_word_value(word, "flags");
	if (value)
		return parse_flags(value, why, &set->flags);
	return slot_reason_set(why, -EINVAL,
			       "'%.80s': expected encap=, table=, ring=, window= or flags=", word);
}

static int parse_settings(int argc, char **argv, struct slot_reason *why,
			  struct lb_vip_settings *set)
{
	int err = 0;

	for (int i = 0; !err && i < argc; i++)
		err = parse_setting(argv[i], why, set);
	return err;
}

static int add_vip(struct lb *lb, int argc, char **argv, struct slot_reason *why)
{
	struct lb_vip_settings set = { .window = LB_WINDOW };
	struct lb_vip_name name;
	int err = lb_vip_name_parse(argv[0], why, &name);

	if (!err)
		err = parse_settings(argc - 1, argv + 1, why, &set);
	return err ? err : lb_vip_add(&lb->model, &name, &set, why);
}

static int set_vip(struct lb *lb, int argc, char **argv, struct slot_reason *why)
{
	struct lb_model_vip *vip = NULL;
	struct lb_vip_settings set;
	struct lb_vip_name name;
	int err = lb_vip_name_parse(argv[0], why, &name);

	if (!err)
		err = lb_vip_get(&lb->model, &name, why, &vip);
	if (err)
		return err;
	set = vip->set;
	err = parse_settings(argc - 1, argv + 1, why, &set);
	return err ? err : lb_vip_set(&lb->model, &name, &set, why);
}

static int del_vip(struct lb *lb, int argc, char **argv, struct slot_reason *why)
{
	struct lb_vip_name name;
	int err = 0;

	for (int i = 0; !err && i < argc; i++) {
		err = lb_vip_name_parse(argv[i], why, &name);
		if (!err)
			err = lb_vip_del(&lb->model, &name, why);
	}
	return err;
}

static int run_add(const struct program_context *ctx, int argc, char **argv)
{
	return argc ? lb_cli_change(ctx, add_vip, argc, argv) : PROGRAM_USAGE;
}

static int run_set(const struct program_context *ctx, int argc, char **argv)
{
	return argc > 1 ? lb_cli_change(ctx, set_vip, argc, argv) : PROGRAM_USAGE;
}

static int run_del(const struct program_context *ctx, int argc, char **argv)
{
	return argc ? lb_cli_change(ctx, del_vip, argc, argv) : PROGRAM_USAGE;
}

static void print_vip(FILE *out, const struct lb_model_vip *vip)
{
	char name[LB_WORDS_MAX], flags[LB_FLAGS_MAX];
	size_t in = 0;

	for (size_t i = 0; i < vip->count; i++)
		in += !(vip->reals[i].flags & LB_MEMBER_FLAGS);
	lb_vip_name_format(&vip->name, name);
	lb_flags_format(vip->set.flags, flags);
	fprintf(out, "%-40s  %-7s  %-11s  %-7s  %6u  %5zu  %5zu  %s\n", name,
		lb_encap_words.words[vip->set.encap], lb_table_words.words[vip->set.table],
		lb_ring_words.words[vip->set.ring_kind], vip->set.window, vip->count, in,
		*flags ? flags : "-");
}

static void print_vips(FILE *out, const struct lb_model *model, const struct lb_model_vip *only)
{
	fprintf(out, "%-40s  %-7s  %-11s  %-7s  %6s  %5s  %5s  %s\n", "vip", "encap", "table",
		"ring", "window", "reals", "in", "flags");
	for (__u32 n = 0; n < LB_VIPS_MAX; n++)
		if (model->vips[n].is_used && (!only || only == &model->vips[n]))
			print_vip(out, &model->vips[n]);
}

static json_t *vips_to_json(const struct lb_model *model, const struct lb_model_vip *only)
{
	json_t *list = json_array();

	for (__u32 n = 0; n < LB_VIPS_MAX; n++)
		if (model->vips[n].is_used && (!only || only == &model->vips[n]))
			json_array_append_new(list, lb_file_vip(model, &model->vips[n]));
	return json_pack("{s:o}", "vips", list);
}

static int run_show(const struct program_context *ctx, int argc, char **argv)
{
	_cleanup_(lb_close) struct lb lb = LB_CLOSED;
	struct lb_model_vip *only;
	int status = lb_cli_look(ctx, argc, argv, &lb, &only);

	if (status != PROGRAM_OK)
		return status;
	if (ctx->json)
		return program_json_print(ctx, vips_to_json(&lb.model, only));
	print_vips(ctx->out, &lb.model, only);
	return PROGRAM_OK;
}

int lb_cmd_vip(const struct program_context *ctx, int argc, char **argv)
{
	static const struct program_verb verbs[] = {
		{ "add", run_add },   { "set", run_set }, { "del", run_del },
		{ "show", run_show }, { NULL, NULL },
	};

	return program_verb_run(verbs, ctx, argc, argv);
}

static int set_source(const char *text, bool is_ip6, struct slot_reason *why,
		      struct lb_host *ret_host)
{
	struct lb_host host;
	int err = lb_address_parse(text, why, &host);

	if (!err && host.is_ip6 != is_ip6)
		err = slot_reason_set(why, -EINVAL, "'%.80s': expected an IPv%d address", text,
				      is_ip6 ? 6 : 4);
	if (!err)
		*ret_host = host;
	return err;
}

static int set_port(const char *text, struct slot_reason *why, __u16 *ret_port)
{
	__u32 port = 0;
	int err = lb_number_parse(text, "a port", (const __u32[2]){ 1, 65535 }, why, &port);

	if (!err)
		*ret_port = (__u16)port;
	return err;
}

static int change_setting(struct lb_settings *settings, const char *word, struct slot_reason *why)
{
	const char *value;

	value = program_word_value(word, "gateway");
	if (value)
		return lb_mac_parse(value, why, settings->gateway);
	value = program_word_value(word, "gue-port");
	if (value)
		return set_port(value, why, &settings->gue_port);
	value = program_word_value(word, "source4");
	if (value)
		return set_source(value, false, why, &settings->source4);
	value = program_word_value(word, "source6");
	if (value)
		return set_source(value, true, why, &settings->source6);
	value = program_word_value(word, "new-flows");
	if (value)
		return lb_number_parse(value, "new flows a second and CPU",
				       (const __u32[2]){ 0, 1000000000 }, why,
				       &settings->new_flows_max);
	return slot_reason_set(why, -EINVAL,
			       "'%.80s': expected gateway=, gue-port=, source4=, source6= or "
			       "new-flows=",
			       word);
}

static int change_settings(struct lb *lb, int argc, char **argv, struct slot_reason *why)
{
	int err = 0;

	for (int i = 0; !err && i < argc; i++)
		err = change_setting(&lb->model.settings, argv[i], why);
	return err;
}

int lb_cmd_set(const struct program_context *ctx, int argc, char **argv)
{
	return argc ? lb_cli_change(ctx, change_settings, argc, argv) : PROGRAM_USAGE;
}

static void print_settings(FILE *out, const struct lb_settings *settings)
{
	static const __u8 zero[16];
	char gateway[LB_MAC_MAX], source4[LB_WORDS_MAX], source6[LB_WORDS_MAX];
	bool is_off = !memcmp(settings->gateway, zero, sizeof(settings->gateway));

	lb_mac_format(settings->gateway, gateway);
	lb_address_format(&settings->source4, source4);
	lb_address_format(&settings->source6, source6);
	fprintf(out, "gateway    %s\n", is_off ? "- (all packets pass)" : gateway);
	fprintf(out, "gue-port   %u\n", settings->gue_port);
	fprintf(out, "source4    %s\n", memcmp(settings->source4.bytes, zero, 16) ? source4 : "-");
	fprintf(out, "source6    %s\n", memcmp(settings->source6.bytes, zero, 16) ? source6 : "-");
	fprintf(out, "new-flows  %u\n", settings->new_flows_max);
}

int lb_cmd_show(const struct program_context *ctx, int argc, char **argv)
{
	_cleanup_(lb_close) struct lb lb = LB_CLOSED;
	struct slot_reason why;

	(void)argv;
	if (argc)
		return PROGRAM_USAGE;
	if (lb_look(ctx->map_dir, &why, &lb))
		return program_fail(&why);
	program_option_warn(ctx->slot, "tcp_option_kind", false);
	if (ctx->json)
		return program_json_print(ctx, lb_file_settings(&lb.model.settings));
	print_settings(ctx->out, &lb.model.settings);
	return PROGRAM_OK;
}
