/* SPDX-License-Identifier: GPL-2.0-only */
/* slotctl lb real. */
#include <errno.h>
#include <string.h>

#include <jansson.h>

#include "loader/lib/base/cleanup.h"
#include "programs/lb/cli/lb_cli.h"
#include "programs/lb/model/lb_file.h"
#include "programs/shared/json.h"

/* VIP and REAL, as most of these commands begin. */
struct target {
	struct lb_vip_name name;
	struct lb_real_spec spec;
};

static int parse_target(char **argv, struct slot_reason *why, struct target *ret_target)
{
	struct target target = { .spec.weight = 1 };
	int err = lb_vip_name_parse(argv[0], why, &target.name);

	if (!err)
		err = lb_address_parse(argv[1], why, &target.spec.host);
	if (!err)
		*ret_target = target;
	return err;
}

static int parse_weight(const char *text, struct slot_reason *why, __u32 *ret_weight)
{
	return lb_number_parse(text, "a weight", (const __u32[2]){ 1, LB_WEIGHT_MAX }, why,
			       ret_weight);
}

/* mac= or local=; -ENOENT for another word. */
static int parse_trait(const char *word, struct slot_reason *why, struct lb_real_traits *traits)
{
	static const char *const answers[] = { "no", "yes" };
	static const struct lb_choice_of yes_no = { "local", answers, 2 };
	const char *mac = program_word_value(word, "mac"),
		   *local = program_word_value(word, "local");
	__u8 answer = 0;
	int err = -ENOENT;

	if (mac) {
		traits->has_mac = true;
		err = lb_mac_parse(mac, why, traits->mac);
	} else if (local) {
		traits->has_local = true;
		err = lb_choice_parse(&yes_no, local, why, &answer);
		traits->is_local = answer;
	}
	return err;
}

static int add_real(struct lb *lb, int argc, char **argv, struct slot_reason *why)
{
	struct lb_real_traits traits = {};
	struct target target;
	int err = parse_target(argv, why, &target);

	for (int i = 2; !err && i < argc; i++) {
		const char *weight = program_word_value(argv[i], "weight");

		err = weight ? parse_weight(weight, why, &target.spec.weight) :
			       parse_trait(argv[i], why, &traits);
		if (err == -ENOENT)
			slot_reason_set(why, err,
					"'%.80s': expected weight=, mac= or local=", argv[i]);
	}
	if (!err)
		err = lb_real_add(&lb->model, &target.name, &target.spec, why);
	return err ? err : lb_real_set(&lb->model, &target.spec.host, &traits, why);
}

static int set_real(struct lb *lb, int argc, char **argv, struct slot_reason *why)
{
	struct lb_real_traits traits = {};
	struct lb_host host;
	int err = lb_address_parse(argv[0], why, &host);

	for (int i = 1; !err && i < argc; i++) {
		err = parse_trait(argv[i], why, &traits);
		if (err == -ENOENT)
			slot_reason_set(why, err, "'%.80s': expected mac= or local=", argv[i]);
	}
	return err ? err : lb_real_set(&lb->model, &host, &traits, why);
}

static int del_real(struct lb *lb, int argc, char **argv, struct slot_reason *why)
{
	struct target target;
	int err = parse_target(argv, why, &target);

	(void)argc;
	return err ? err : lb_real_del(&lb->model, &target.name, &target.spec.host, why);
}

static int weigh_real(struct lb *lb, int argc, char **argv, struct slot_reason *why)
{
	struct target target;
	int err = parse_target(argv, why, &target);

	(void)argc;
	if (!err)
		err = parse_weight(argv[2], why, &target.spec.weight);
	return err ? err : lb_real_weight(&lb->model, &target.name, &target.spec, why);
}

static int mark_real(struct lb *lb, char **argv, __u32 flag, bool is_set, struct slot_reason *why)
{
	struct target target;
	int err = parse_target(argv, why, &target);

	target.spec.flags = flag;
	return err ? err : lb_real_mark(&lb->model, &target.name, &target.spec, is_set, why);
}

static int drain_real(struct lb *lb, int argc, char **argv, struct slot_reason *why)
{
	(void)argc;
	return mark_real(lb, argv, LB_MEMBER_DRAINED, true, why);
}

static int undrain_real(struct lb *lb, int argc, char **argv, struct slot_reason *why)
{
	(void)argc;
	return mark_real(lb, argv, LB_MEMBER_DRAINED, false, why);
}

static int down_real(struct lb *lb, int argc, char **argv, struct slot_reason *why)
{
	(void)argc;
	return mark_real(lb, argv, LB_MEMBER_DOWN, true, why);
}

static int up_real(struct lb *lb, int argc, char **argv, struct slot_reason *why)
{
	(void)argc;
	/* Also where no checker is left that would bring it in. */
	return mark_real(lb, argv, LB_MEMBER_OUT, false, why);
}

static const char *state_name(const struct lb_own *own)
{
	if (own->flags & LB_MEMBER_DOWN)
		return "down";
	if (own->flags & LB_MEMBER_FAILED)
		return "failed";
	return own->flags & LB_MEMBER_DRAINED ? "drained" : "active";
}

/* "" without one. */
static void format_mac(const struct lb_real *real, char ret_text[LB_MAC_MAX])
{
	static const __u8 none[6];

	ret_text[0] = '\0';
	if (memcmp(real->mac, none, sizeof(none)) != 0)
		lb_mac_format(real->mac, ret_text);
}

static void print_reals(FILE *out, const struct lb_model *model, const struct lb_model_vip *vip)
{
	char name[LB_WORDS_MAX], text[LB_WORDS_MAX], mac[LB_MAC_MAX];

	lb_vip_name_format(&vip->name, name);
	for (size_t i = 0; i < vip->count; i++) {
		const struct lb_own *own = &vip->reals[i];
		const struct lb_real *real = &model->reals[own->real];
		struct lb_host host = lb_model_host(real);

		lb_address_format(&host, text);
		format_mac(real, mac);
		fprintf(out, "%-40s  %-39s  %6u  %-7s  %-5s  %s\n", name, text, own->weight,
			state_name(own), real->flags & LB_REAL_LOCAL ? "local" : "-",
			*mac ? mac : "-");
	}
}

static json_t *reals_to_json(const struct lb_model *model, const struct lb_model_vip *only)
{
	json_t *list = json_array();

	for (__u32 n = 0; n < LB_VIPS_MAX; n++) {
		const struct lb_model_vip *vip = &model->vips[n];

		for (size_t i = 0; vip->is_used && (!only || only == vip) && i < vip->count; i++) {
			json_t *item = lb_file_own(model, &vip->reals[i]);
			char name[LB_WORDS_MAX], mac[LB_MAC_MAX];

			lb_vip_name_format(&vip->name, name);
			format_mac(&model->reals[vip->reals[i].real], mac);
			json_object_set_new(item, "mac", json_string(mac));
			json_object_set_new(item, "vip", json_string(name));
			json_object_set_new(item, "state", json_string(state_name(&vip->reals[i])));
			json_array_append_new(list, item);
		}
	}
	return json_pack("{s:o}", "reals", list);
}

static int run_list(const struct program_context *ctx, int argc, char **argv)
{
	_cleanup_(lb_close) struct lb lb = LB_CLOSED;
	struct lb_model_vip *only;
	int status = lb_cli_look(ctx, argc, argv, &lb, &only);

	if (status != PROGRAM_OK)
		return status;
	if (ctx->json)
		return program_json_print(ctx, reals_to_json(&lb.model, only));
	fprintf(ctx->out, "%-40s  %-39s  %6s  %-7s  %-5s  %s\n", "vip", "real", "weight", "state",
		"host", "mac");
	for (__u32 n = 0; n < LB_VIPS_MAX; n++)
		if (lb.model.vips[n].is_used && (!only || only == &lb.model.vips[n]))
			print_reals(ctx->out, &lb.model, &lb.model.vips[n]);
	return PROGRAM_OK;
}

int lb_cmd_real(const struct program_context *ctx, int argc, char **argv)
{
	static const struct {
		const char *name;
		lb_cli_edit edit;
		int min, max; /* words behind the verb */
	} verbs[] = {
		{ "add", add_real, 2, 5 },	{ "del", del_real, 2, 2 },
		{ "drain", drain_real, 2, 2 },	{ "undrain", undrain_real, 2, 2 },
		{ "down", down_real, 2, 2 },	{ "up", up_real, 2, 2 },
		{ "weight", weigh_real, 3, 3 }, { "set", set_real, 2, 3 },
	};

	if (argc && !strcmp(argv[0], "list"))
		return run_list(ctx, argc - 1, argv + 1);
	for (size_t i = 0; argc && i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (!strcmp(verbs[i].name, argv[0]) && argc > verbs[i].min &&
		    argc - 1 <= verbs[i].max)
			return lb_cli_change(ctx, verbs[i].edit, argc - 1, argv + 1);
	return PROGRAM_USAGE;
}
