/* SPDX-License-Identifier: ISC */
/* posthouse tls: what domains say of TLS at their mail servers, and how it fares. */
#include "config.h"

#include <stdio.h>

#include "admin/call.h"
#include "admin/cmd.h"
#include "admin/list.h"
#include "admin/table.h"

static int policies(struct cmd_line *line, struct fault *f);
static int forget(struct cmd_line *line, struct fault *f);
static int counts(struct cmd_line *line, struct fault *f);
static int report(struct cmd_line *line, struct fault *f);

/* clang-format off */
const struct cmd cmd_tls[] = {
	{ "tls", "policies", "[DOMAIN]", 0, 1, CMD_JSON,
	  "MTA-STS policies that are known", policies },
	{ "tls", "forget", "DOMAIN", 1, 1, CMD_JSON,
	  "look for a domain's policy anew", forget },
	{ "tls", "counts", "[DOMAIN]", 0, 1, CMD_JSON,
	  "how TLS fared with other mail servers", counts },
	{ "tls", "report", "[DOMAIN]", 0, 1, CMD_JSON,
	  "send the reports about that now", report },
	{ 0 },
};

static const struct table_column columns[] = {
	{ "DOMAIN", "domain", TABLE_TEXT },
	{ "MODE", "mode", TABLE_TEXT },
	{ "MAIL SERVERS", "mx", TABLE_LIST },
	{ "FETCHED", "fetched", TABLE_DATE },
	{ "EXPIRES", "expires", TABLE_DATE },
	{ "TROUBLE", "trouble", TABLE_TEXT },
	{ 0 },
};
/* clang-format on */

/* clang-format off */
static const struct table_column count_columns[] = {
	{ "DOMAIN", "domain", TABLE_TEXT },
	{ "DAY", "day", TABLE_TEXT },
	{ "REPORTED", "wanted", TABLE_BOOL },
	{ "POLICY", "policy", TABLE_TEXT },
	{ "GOOD", "good", TABLE_NUMBER },
	{ "BAD", "bad", TABLE_NUMBER },
	{ "FAILURES", "failures", TABLE_LIST },
	{ 0 },
};
/* clang-format on */

/* In seconds, which a table shows. */
static void
shorten(json_t *object, const char *key)
{
	json_put_int(object, key, json_get_int(object, key, 0) / 1000);
}

static void
print_policies(struct cmd_line *line, const json_t *list)
{
	struct table table;

	table_init(&table, line->out, columns);
	for (size_t i = 0; i < json_len(list); i++) {
		shorten(json_at(list, i), "fetched");
		shorten(json_at(list, i), "expires");
		table_add(&table, json_at(list, i));
	}
	table_flush(&table);
	table_clear(&table);
}

/* Of a method that may be about one domain. */
static int
call(
    struct cmd_line *line, const char *method, json_t **result, struct fault *f)
{
	json_t *params = json_new_object();

	if (line->n_args > 0)
		json_put_text(params, "domain", line->args[0]);
	return call_once(line, PLACE_QUEUED, method, params, result, f);
}

static int
policies(struct cmd_line *line, struct fault *f)
{
	const json_t *list;
	json_t *result;

	if (call(line, "tls.policies", &result, f) < 0)
		return -1;
	list = json_get(result, "policies");
	if (line->json)
		list_print_json(line, result);
	else if (json_len(list) > 0)
		print_policies(line, list);
	else
		fputs("No policy is known.\n", line->out);
	json_free(&result);
	return 0;
}

static int
forget(struct cmd_line *line, struct fault *f)
{
	json_t *result;

	if (call(line, "tls.forget", &result, f) < 0)
		return -1;
	if (line->json)
		list_print_json(line, result);
	json_free(&result);
	return 0;
}

/* A row of a day's policy. Returns new. */
static json_t *
make_row(const json_t *day, const json_t *policy)
{
	const json_t *sums = json_get(policy, "summary");
	const json_t *rows = json_get(policy, "failure-details");
	json_t *row = json_new_object(), *failures = json_new_array();
	struct str date = str(json_get_text(day, "day"));

	json_put_text(row, "domain", json_get_text(day, "domain"));
	json_put_str(row, "day", str_cut(&date, 'T'));
	json_put_bool(row, "wanted", json_get_bool(day, "wanted", false));
	json_put_text(row, "policy",
	    json_get_text(json_get(policy, "policy"), "policy-type"));
	json_put_int(row, "good",
	    json_get_int(sums, "total-successful-session-count", 0));
	json_put_int(
	    row, "bad", json_get_int(sums, "total-failure-session-count", 0));
	for (size_t i = 0; i < json_len(rows); i++)
		json_add_text(
		    failures, json_get_text(json_at(rows, i), "result-type"));
	json_put(row, "failures", failures);
	return row;
}

static void
print_counts(struct cmd_line *line, const json_t *days)
{
	struct table table;

	table_init(&table, line->out, count_columns);
	for (size_t i = 0; i < json_len(days); i++) {
		const json_t *day = json_at(days, i);
		const json_t *policies = json_get(day, "policies");

		for (size_t k = 0; k < json_len(policies); k++) {
			json_t *row = make_row(day, json_at(policies, k));

			table_add(&table, row);
			json_free(&row);
		}
	}
	table_flush(&table);
	table_clear(&table);
}

static int
counts(struct cmd_line *line, struct fault *f)
{
	json_t *result;

	if (call(line, "tls.counts", &result, f) < 0)
		return -1;
	if (line->json)
		list_print_json(line, result);
	else if (json_len(json_get(result, "days")) > 0)
		print_counts(line, json_get(result, "days"));
	else
		fputs("Nothing was counted.\n", line->out);
	json_free(&result);
	return 0;
}

static int
report(struct cmd_line *line, struct fault *f)
{
	json_t *result;

	if (call(line, "tls.report", &result, f) < 0)
		return -1;
	if (line->json)
		list_print_json(line, result);
	else
		fprintf(line->out, "%lld reports sent\n",
		    (long long)json_get_int(result, "reports", 0));
	json_free(&result);
	return 0;
}
