/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Any bytes as a load balancer's dump, or as Katran's list: refused with a reason that
 * can be shown on a terminal, or a model that reads the same when it is written again.
 */
#include <string.h>

#include <jansson.h>

#include "programs/lb/model/lb_file.h"
#include "tests/fuzz/fuzz.h"

static char *dump(const struct lb_model *model)
{
	json_t *json = lb_file_format(model);
	char *text = json_dumps(json, 0);

	json_decref(json);
	require(text, "a model can be written");
	return text;
}

static void check_model(struct lb_model *model)
{
	struct slot_reason why = {};
	struct lb_model again;
	char *text, *same;

	lb_model_settle(model);
	if (lb_model_check(model, &why)) {
		require(*why.text, "a refusal says why");
		return;
	}
	text = dump(model);
	require(!lb_model_new(&again), "there is memory");
	require(!lb_file_parse(text, strlen(text), &again, &why), "what was written is read");
	lb_model_settle(&again);
	require(!lb_model_check(&again, &why), "it can still be");
	same = dump(&again);
	require(!strcmp(text, same), "it is the same");
	free(text);
	free(same);
	lb_model_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool is_katran = size && data[0] == 'k';
	const char *text = (const char *)data + is_katran;
	struct slot_reason why = {};
	struct lb_model model;

	require(!lb_model_new(&model), "there is memory");
	if (is_katran ? lb_katran_parse(text, size - 1, &model, &why) :
			lb_file_parse(text, size, &model, &why)) {
		require(*why.text, "a refusal says why");
		for (const char *c = why.text; *c; c++)
			require(*c >= 0x20 && *c < 0x7f, "a reason is printable");
	} else {
		check_model(&model);
	}
	lb_model_free(&model);
	return 0;
}
