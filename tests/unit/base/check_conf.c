/* SPDX-License-Identifier: ISC */
/* The configuration: values, sections, includes, and what errors say. */
#include "config.h"

#include "base/conf.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/unit.h"

struct door {
	const char *title;
	uint64_t size;
	int kind;
	const char *where;
	const char *key;
};

struct house {
	bool open;
	uint64_t doors, size, time;
	const char *text, *path, *unset;
	int colour;
	struct conf_list list;
	struct conf_sections door;
};

struct top {
	const char *name;
};

static const char *const colours[] = {"red", "green", NULL};
static const char *const kinds[] = {"in", "out", NULL};

/* clang-format off */
#define DOOR(member) .offset = offsetof(struct door, member)
static const struct conf_option door_options[] = {
	{ .name = "size", .type = CONF_SIZE, DOOR(size), .fallback = "1K",
	  .help = "how large" },
	{ .name = "kind", .type = CONF_CHOICE, DOOR(kind), .fallback = "in",
	  .choices = kinds, .help = "which way" },
	{ .name = "key", .type = CONF_PATH, DOOR(key), .help = "a file" },
	{ 0 },
};

static int
check_door(const void *options, struct fault *f)
{
	const struct door *d = options;

	return d->size == 13 ? fault_perm(f, "5.3.5", "bad luck") : 0;
}

static const struct conf_table door_table = {
	.section = "door", .options = door_options,
	.size = sizeof(struct door), .check = check_door,
	.where = offsetof(struct door, where),
};

#define HOUSE(member) .offset = offsetof(struct house, member)
static const struct conf_option house_options[] = {
	{ .name = "open", .type = CONF_BOOL, HOUSE(open), .fallback = "on",
	  .help = "open or not" },
	{ .name = "doors", .type = CONF_NUMBER, HOUSE(doors), .fallback = "2",
	  .min = 1, .max = 100, .help = "how many" },
	{ .name = "size", .type = CONF_SIZE, HOUSE(size), .fallback = "3M",
	  .max = 1 << 30, .help = "how large" },
	{ .name = "time", .type = CONF_TIME, HOUSE(time), .fallback = "90s",
	  .min = 1000, .help = "how long" },
	{ .name = "text", .type = CONF_TEXT, HOUSE(text), .fallback = "a b",
	  .help = "any text" },
	{ .name = "path", .type = CONF_PATH, HOUSE(path), .fallback = "sub/x",
	  .help = "a path" },
	{ .name = "unset", .type = CONF_TEXT, HOUSE(unset), .help = "unset" },
	{ .name = "colour", .type = CONF_CHOICE, HOUSE(colour),
	  .fallback = "green", .choices = colours, .help = "red or green" },
	{ .name = "list", .type = CONF_LIST, HOUSE(list), .fallback = "x  y",
	  .help = "texts" },
	{ .name = "door", .type = CONF_SECTION, HOUSE(door),
	  .sub = &door_table, .help = "one each" },
	{ 0 },
};

static const struct conf_option top_options[] = {
	{ .name = "name", .type = CONF_TEXT, .fallback = "home",
	  .offset = offsetof(struct top, name), .help = "its name" },
	{ 0 },
};
/* clang-format on */

static const struct conf_table house_table = {
    .section = "house",
    .options = house_options,
    .size = sizeof(struct house),
};
static const struct conf_table top_table = {
    .options = top_options,
    .size = sizeof(struct top),
};
static const struct conf_table *const tables[] = {&top_table, &house_table};

static char dir[64];
static struct fault f;

static const char *
path_in(const char *name)
{
	static char path[4][128];
	static unsigned next;

	if (dir[0] == '\0') {
		snprintf(dir, sizeof dir, "/tmp/check_conf.XXXXXX");
		ck_assert_ptr_nonnull(mkdtemp(dir));
	}
	next = (next + 1) % 4;
	snprintf(path[next], sizeof path[next], "%s/%s", dir, name);
	return path[next];
}

static void
put_file(const char *name, const char *text)
{
	FILE *file = fopen(path_in(name), "w");

	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	ck_assert_int_eq(fclose(file), 0);
}

static struct conf *
read_text(const char *text, bool strict)
{
	put_file("main.conf", text);
	return conf_read(path_in("main.conf"), tables, 2, strict, &f);
}

static struct conf *
read_good(const char *text)
{
	struct conf *conf = read_text(text, true);

	ck_assert_msg(conf != NULL, "%s: %s", text, f.text);
	return conf;
}

static const struct house *
house_of(const struct conf *conf)
{
	return conf_get(conf, &house_table);
}

static void
clean_up(void)
{
	static const char *const names[] = {
	    "main.conf", "a.conf", "b.conf", "sub"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		remove(path_in(names[i]));
	ck_assert_int_eq(rmdir(dir), 0);
	dir[0] = '\0';
}

/* The fault's text, without the folder, must be this. */
static void
check_fault(const char *text, bool strict, const char *want)
{
	struct conf *conf = read_text(text, strict);
	const char *at;

	ck_assert_msg(conf == NULL, "taken: %s", text);
	ck_assert_int_eq(f.kind, FAULT_PERM);
	at = strncmp(f.text, dir, strlen(dir)) == 0 ? f.text + strlen(dir) + 1
						    : f.text;
	ck_assert_msg(strcmp(at, want) == 0, "%s\ngave \"%s\",\nnot  \"%s\"",
	    text, at, want);
}

START_TEST(an_empty_file_gives_the_defaults)
{
	static const char *const texts[] = {
	    "", "\n", "# nothing\n", "house {}"};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct conf *conf = read_good(texts[i]);
		const struct house *h = house_of(conf);
		const struct top *top = conf_get(conf, &top_table);

		ck_assert_str_eq(top->name, "home");
		ck_assert(h->open);
		ck_assert_uint_eq(h->doors, 2);
		ck_assert_uint_eq(h->size, 3 << 20);
		ck_assert_uint_eq(h->time, 90000);
		ck_assert_str_eq(h->text, "a b");
		ck_assert_str_eq(h->path, path_in("sub/x"));
		ck_assert_ptr_null(h->unset);
		ck_assert_int_eq(h->colour, 1);
		ck_assert_uint_eq(h->list.n, 2);
		ck_assert_str_eq(h->list.items[0], "x");
		ck_assert_str_eq(h->list.items[1], "y");
		ck_assert_uint_eq(h->door.n, 0);
		ck_assert_str_eq(conf_path(conf), path_in("main.conf"));
		conf_free(&conf);
		ck_assert_ptr_null(conf);
	}
	clean_up();
}
END_TEST

START_TEST(each_kind_of_value_is_read)
{
	struct conf *conf = read_good(
	    "name = 'it\\'s'\n"
	    "house {\n"
	    "  open = no\n"
	    "  doors = 100 # the most\n"
	    "  size = 512K\n"
	    "  time = 2h\n"
	    "  text = \"say \\\"hi\\\", /* no comment */ # nor this\"\n"
	    "  path = /abs/olute\n"
	    "  unset = \"\"\n"
	    "  colour = \"red\" // really\n"
	    "  list = {one, \"two, three\"}\n"
	    "  door \"front\" { size = 7 }\n"
	    "  door \"back}\" { kind = out }\n"
	    "}\n");
	const struct house *h = house_of(conf);
	const struct top *top = conf_get(conf, &top_table);
	const struct door *d = h->door.bytes;

	ck_assert_str_eq(top->name, "it's");
	ck_assert(!h->open);
	ck_assert_uint_eq(h->doors, 100);
	ck_assert_uint_eq(h->size, 512 << 10);
	ck_assert_uint_eq(h->time, 7200000);
	ck_assert_str_eq(h->text, "say \"hi\", /* no comment */ # nor this");
	ck_assert_str_eq(h->path, "/abs/olute");
	ck_assert_str_eq(h->unset, "");
	ck_assert_int_eq(h->colour, 0);
	ck_assert_uint_eq(h->list.n, 2);
	ck_assert_str_eq(h->list.items[1], "two, three");
	ck_assert_uint_eq(h->door.n, 2);
	ck_assert_str_eq(d[0].title, "front");
	ck_assert_uint_eq(d[0].size, 7);
	ck_assert_int_eq(d[0].kind, 0);
	ck_assert_str_eq(d[1].title, "back}");
	ck_assert_uint_eq(d[1].size, 1024);
	ck_assert_int_eq(d[1].kind, 1);
	conf_free(&conf);
	clean_up();
}
END_TEST

START_TEST(a_list_may_be_empty)
{
	struct conf *conf = read_good("house { list = {} }\n");

	ck_assert_uint_eq(house_of(conf)->list.n, 0);
	conf_free(&conf);
	clean_up();
}
END_TEST

START_TEST(numbers_keep_to_their_range_and_form)
{
	static const struct {
		const char *option;
		uint64_t ms; /* or the number; 0: a fault */
	} cases[] = {
	    {"time = 1s", 1000},
	    {"time = 1500ms", 1500},
	    {"time = 5m", 300000},
	    {"time = 1d", 86400000},
	    {"time = 1S", 1000},
	    {"time = 999ms", 0},
	    {"time = 0", 0},
	    {"time = 5", 0},
	    {"time = 5x", 0},
	    {"time = -5s", 0},
	    {"time = 1.5s", 0},
	    {"time = s", 0},
	    {"time = \"\"", 0},
	    {"time = \" 5s\"", 0},
	    {"time = 99999999999999999999s", 0},
	    {"time = 999999999999999999d", 0},
	    {"doors = 1", 1},
	    {"doors = 0", 0},
	    {"doors = 101", 0},
	    {"doors = 1K", 0},
	    {"doors = 0x10", 0},
	    {"doors = 010", 10},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		bool time = str_starts(str(cases[i].option), STR_LIT("time"));
		struct conf *conf;
		char text[100];
		uint64_t got;

		snprintf(text, sizeof text, "house { %s }", cases[i].option);
		conf = read_text(text, true);
		ck_assert_msg((conf != NULL) == (cases[i].ms != 0), "%s", text);
		if (conf == NULL)
			continue;
		got = time ? house_of(conf)->time : house_of(conf)->doors;
		ck_assert_uint_eq(got, cases[i].ms);
		conf_free(&conf);
	}
	clean_up();
}
END_TEST

/* Many in one process: no reading leaves a trace in the next. */
START_TEST(faults_name_file_and_line)
{
	for (int again = 0; again < 2; again++) {
		check_fault("\nhouse {\n\n doors = 0\n}\n", true,
		    "main.conf:4: doors: 0 is not in the range 1 to 100");
		check_fault("house { doors = x }", true,
		    "main.conf:1: doors: \"x\" is not a number");
		check_fault("house {\n size = 2G\n}", true,
		    "main.conf:2: size: 2G is not in the range 0 to 1G");
		check_fault("house {\n size = 1P\n}", true,
		    "main.conf:2: size: \"1P\" is not a size like 512K, 50M or "
		    "1G");
		check_fault("house {\n open = maybe\n}", true,
		    "main.conf:2: open: \"maybe\" is neither on nor off");
		check_fault("house {\n colour = blue\n}", true,
		    "main.conf:2: colour: \"blue\" is none of red, green");
		check_fault("house {\n path = \"\"\n}", true,
		    "main.conf:2: path: the path is empty");
		check_fault("house {\n\n nonsense = 1\n}", true,
		    "main.conf:3: no such option 'nonsense'");
		check_fault("/* a\n comment */ /* b */\n# c\nnonsense = 1",
		    true, "main.conf:4: no such option 'nonsense'");
		check_fault("name = \"a\nb\"\nnonsense = 1", true,
		    "main.conf:3: no such option 'nonsense'");
		check_fault("house {\n door \"x\" {\n  size = 1\n  kind = up\n"
			    " }\n}",
		    true, "main.conf:4: kind: \"up\" is none of in, out");
		check_fault("house {\n door \"x\" {\n  size = 13\n }\n}\n\n",
		    true, "main.conf:2: bad luck");
		check_fault("\nname = \"a\n\n", true,
		    "main.conf:2: a text in quotes begins here and does not "
		    "end");
		check_fault("\nhouse {\n door x {}\n", true,
		    "main.conf:2: a section begins here and does not end");
		check_fault("\n\n/* a\n\n", true,
		    "main.conf:3: a comment begins here and does not end");
	}
	clean_up();
}
END_TEST

START_TEST(a_section_knows_its_place)
{
	static const struct {
		const char *title;
		unsigned line;
	} doors[] = {{"a", 3}, {"b", 3}, {"c d", 5}, {"house", 8},
	    {"e\"", 11}}; /* its end */
	char want[200];
	struct conf *conf;

	conf = read_text("house {\n"
			 "# door \"a\" {\n"
			 " door \"a\" { size = 1 } door b {}\n\n"
			 " door 'c d'\n"
			 " {\n  size = 2\n } door \"house\" {}\n"
			 " door \"e\\\"\" {\n\n}\n}\n",
	    true);
	ck_assert(conf != NULL);
	ck_assert_uint_eq(house_of(conf)->door.n, ARRAY_LEN(doors));
	for (size_t i = 0; i < ARRAY_LEN(doors); i++) {
		const struct door *d = house_of(conf)->door.bytes;

		ck_assert_str_eq(d[i].title, doors[i].title);
		snprintf(want, sizeof want, "/main.conf:%u", doors[i].line);
		ck_assert_msg(str_ends(str(d[i].where), str(want)),
		    "%s is at %s", d[i].title, d[i].where);
	}
	conf_free(&conf);
	clean_up();
}
END_TEST

START_TEST(bad_syntax_is_a_fault_with_a_line)
{
	static const char *const bad[] = {"house {", "house", "house {}}",
	    "house { doors 3 }", "house { doors = }", "= 3", "{}",
	    "house { door {} }", "house { list = {a }", "house \"x\" {}",
	    "house { door \"a\" {} door \"a\" {} }", "house { doors = {1} }",
	    "house { doors = 1 2 }"};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		char want[160];

		ck_assert_msg(read_text(bad[i], true) == NULL, "%s", bad[i]);
		snprintf(want, sizeof want, "%s:1: ", path_in("main.conf"));
		ck_assert_msg(strncmp(f.text, want, strlen(want)) == 0,
		    "%s: %s", bad[i], f.text);
		/* The next reading is not disturbed. */
		conf_free(&(struct conf *){read_good("house { doors = 3 }")});
	}
	clean_up();
}
END_TEST

START_TEST(a_file_that_cannot_be_read_is_a_fault_that_names_it)
{
	ck_assert_ptr_null(
	    conf_read("/nonexistent/x.conf", tables, 2, true, &f));
	ck_assert_str_eq(f.text, "/nonexistent/x.conf: No such file or "
				 "directory");
	ck_assert_ptr_null(conf_read("/", tables, 2, true, &f));
	ck_assert_str_eq(f.text, "/: Is a directory");
}
END_TEST

START_TEST(foreign_sections_are_left_unread_unless_strict)
{
	static const char text[] = "name = one\n"
				   "other {\n"
				   "  x = \"}\" # }\n"
				   "  deep \"t\" { y = {1, 2} }\n"
				   "  bad = = = ]\n"
				   "}\n"
				   "house { doors = 5 }\n"
				   "another { z = 1 }\n"
				   "name = two\n"
				   "house { size = 1 nonsense = 1 }\n";

	check_fault(text, true, "main.conf:2: no such option 'other'");
	check_fault(text, false, "main.conf:10: no such option 'nonsense'");
	clean_up();
}
END_TEST

START_TEST(included_files_stand_where_they_are_named)
{
	struct conf *conf;
	const struct house *h;

	put_file("a.conf", "house {\n doors = 7\n text = a\n}\n"
			   "@include b.conf\n");
	put_file("b.conf", "other { x = 1 }\nname = 'from b'");
	put_file("main.conf", "name = main\n\t@include \"a.conf\"  # here\n"
			      "house {\n text = main\n}\n");
	conf = conf_read(path_in("main.conf"), tables, 2, false, &f);
	ck_assert_msg(conf != NULL, "%s", f.text);
	h = house_of(conf);
	ck_assert_str_eq(
	    ((const struct top *)conf_get(conf, &top_table))->name, "from b");
	ck_assert_uint_eq(h->doors, 7);
	ck_assert_str_eq(h->text, "main");
	conf_free(&conf);
	clean_up();
}
END_TEST

START_TEST(a_section_may_include_its_options)
{
	struct conf *conf;

	put_file("a.conf", "doors = 9\n");
	conf = read_good("house {\n@include 'a.conf'\ntext = x\n}\n");
	ck_assert_uint_eq(house_of(conf)->doors, 9);
	ck_assert_str_eq(house_of(conf)->text, "x");
	conf_free(&conf);
	clean_up();
}
END_TEST

START_TEST(faults_in_and_behind_included_files_name_the_right_line)
{
	char want[300];

	put_file("a.conf", "\n\nhouse { doors = 0 }\n");
	check_fault("name = x\n@include \"a.conf\"\n", true,
	    "a.conf:3: doors: 0 is not in the range 1 to 100");
	put_file("a.conf", "\n\nname = \"y\nz\"\n\n");
	check_fault("name = x\n@include \"a.conf\"\n\nbad = 1\n", true,
	    "main.conf:4: no such option 'bad'");
	put_file("a.conf", "\n name = \"y\n\n");
	check_fault("name = x\n@include \"a.conf\"\n\nbad = 1\n", true,
	    "a.conf:2: a text in quotes begins here and does not end");
	ck_assert_ptr_null(read_text("\n@include \"none.conf\"\n", true));
	snprintf(want, sizeof want, "%s:2: cannot include %s: %s",
	    path_in("main.conf"), path_in("none.conf"), strerror(ENOENT));
	ck_assert_str_eq(f.text, want);
	clean_up();
}
END_TEST

START_TEST(an_include_that_makes_no_sense_is_a_fault)
{
	static const char *const bad[] = {"@include", "@include \"\"",
	    "@include a.conf b.conf", "@include \"a.conf\" name = 1"};

	put_file("a.conf", "");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		check_fault(bad[i], true,
		    "main.conf:1: @include needs one file name, and a line of "
		    "its own");
	/* In quotes it is text. */
	conf_free(&(struct conf *){read_good("name = \"\n@include x\n\"")});
	clean_up();
}
END_TEST

START_TEST(a_circle_of_includes_ends)
{
	put_file("a.conf", "@include \"b.conf\"\n");
	put_file("b.conf", "\n@include \"a.conf\"\n");
	check_fault("@include \"a.conf\"\n", true,
	    "b.conf:2: too many files are included (a circle?)");
	check_fault("@include \"main.conf\"\n@include \"main.conf\"\n", true,
	    "main.conf:1: too many files are included (a circle?)");
	clean_up();
}
END_TEST

START_TEST(a_nul_byte_and_a_file_without_end_are_refused)
{
	FILE *file = fopen(path_in("main.conf"), "w");

	fwrite("name = a\0b\n", 1, 11, file);
	fclose(file);
	ck_assert_ptr_null(
	    conf_read(path_in("main.conf"), tables, 2, true, &f));
	ck_assert_ptr_nonnull(strstr(f.text, "NUL"));
	ck_assert_ptr_null(conf_read("/dev/zero", tables, 2, true, &f));
	ck_assert_ptr_nonnull(strstr(f.text, "longer"));
	clean_up();
}
END_TEST

START_TEST(what_is_written_reads_back_the_same)
{
	static const char text[] =
	    "name = 'q\"\\\\ ${HOME} #x'\n"
	    "house { open = off doors = 3 size = 1536K time = 90m\n"
	    " unset = \"a\nb\" colour = red list = {'a,b', '\"', '${HOME}'}\n"
	    " door 'front \"x\"' { size = 0 kind = out } door b {} }\n";

	for (int sample = 0; sample < 2; sample++) {
		struct conf *conf = read_good(text);
		struct buf first, second;
		json_t *a, *b;

		buf_init(&first, 10000);
		buf_init(&second, 10000);
		conf_format(conf, sample, &first);
		a = conf_to_json(conf);
		conf_free(&conf);
		conf = read_good(buf_text(&first));
		b = conf_to_json(conf);
		conf_free(&conf);
		buf_reset(&first);
		json_format(&first, a);
		json_format(&second, b);
		ck_assert_str_eq(buf_text(&first), buf_text(&second));
		json_free(&a);
		json_free(&b);
		buf_clear(&first);
		buf_clear(&second);
	}
	clean_up();
}
END_TEST

START_TEST(json_has_all_values_in_force)
{
	struct conf *conf = read_good("house { door \"d\" {} list = {a} }");
	json_t *o = conf_to_json(conf), *h, *d;

	ck_assert_str_eq(json_get_text(o, "name"), "home");
	h = json_get(o, "house");
	ck_assert(json_get_bool(h, "open", false));
	ck_assert_int_eq(json_get_int(h, "doors", 0), 2);
	ck_assert_str_eq(json_get_text(h, "size"), "3M");
	ck_assert_str_eq(json_get_text(h, "time"), "90s");
	ck_assert_str_eq(json_get_text(h, "colour"), "green");
	ck_assert_ptr_null(json_get(h, "unset"));
	ck_assert_str_eq(json_text(json_at(json_get(h, "list"), 0)), "a");
	d = json_get(json_get(h, "door"), "d");
	ck_assert_str_eq(json_get_text(d, "size"), "1K");
	json_free(&o);
	conf_free(&conf);
	clean_up();
}
END_TEST

START_TEST(the_sample_explains_each_option)
{
	struct conf *conf = read_good("house { door d {} }");
	struct buf b;

	buf_init(&b, 10000);
	conf_format(conf, true, &b);
	ck_assert_ptr_nonnull(
	    strstr(buf_text(&b), "\t# how many\n\tdoors = 2\n"));
	ck_assert_ptr_nonnull(strstr(buf_text(&b), "\t# unset\n\t# unset =\n"));
	ck_assert_ptr_nonnull(strstr(buf_text(&b), "\t\t# which way\n"));
	buf_clear(&b);
	conf_free(&conf);
	clean_up();
}
END_TEST

START_TEST(an_option_knows_where_it_was_set)
{
	struct conf *conf;

	put_file("more.conf", "house {\n\n time = 5s\n}\n");
	conf = read_good("house {\n doors = 3\n list = {\n\"a\",\n\"b\"}\n"
			 " doors = 4 }\n@include \"more.conf\"\n");
	ck_assert_str_eq(conf_where(conf, &house_table, "doors") + strlen(dir),
	    "/main.conf:6");
	ck_assert_str_eq(conf_where(conf, &house_table, "list") + strlen(dir),
	    "/main.conf:4");
	ck_assert_str_eq(conf_where(conf, &house_table, "time") + strlen(dir),
	    "/more.conf:3");
	ck_assert_str_eq(conf_where(conf, &house_table, "size"), "");
	ck_assert_str_eq(conf_where(conf, &house_table, "never heard of"), "");
	ck_assert_str_eq(conf_where(conf, &top_table, "name"), "");
	conf_free(&conf);
	unlink(path_in("more.conf"));
	clean_up();
}
END_TEST

static int
put_name(void *ctx, const char *path)
{
	ck_assert(str_starts(str(path), str(dir)));
	buf_putf(ctx, "%s ", path + strlen(dir));
	return 0;
}

START_TEST(each_file_that_was_read_or_is_named_is_told)
{
	struct conf *conf;
	struct buf b;

	put_file("more.conf", "# nothing\n");
	put_file("none.conf", "");
	conf = read_good("@include \"none.conf\"\nhouse {\n path = in/x\n"
			 " door a { key = a.key }\n door b { }\n"
			 " door c { key = c.key }\n}\n"
			 "@include \"more.conf\"\n");
	buf_init(&b, 1000);
	ck_assert_int_eq(conf_each_path(conf, put_name, &b), 0);
	ck_assert_str_eq(buf_text(&b), "/main.conf /none.conf /more.conf /in/x "
				       "/a.key /c.key ");
	buf_clear(&b);
	conf_free(&conf);
	unlink(path_in("more.conf"));
	unlink(path_in("none.conf"));
	clean_up();
}
END_TEST

UNIT_MAIN("conf", an_empty_file_gives_the_defaults, each_kind_of_value_is_read,
    a_list_may_be_empty, numbers_keep_to_their_range_and_form,
    faults_name_file_and_line, a_section_knows_its_place,
    bad_syntax_is_a_fault_with_a_line,
    a_file_that_cannot_be_read_is_a_fault_that_names_it,
    foreign_sections_are_left_unread_unless_strict,
    included_files_stand_where_they_are_named,
    a_section_may_include_its_options,
    faults_in_and_behind_included_files_name_the_right_line,
    an_include_that_makes_no_sense_is_a_fault, a_circle_of_includes_ends,
    a_nul_byte_and_a_file_without_end_are_refused,
    what_is_written_reads_back_the_same, json_has_all_values_in_force,
    the_sample_explains_each_option, an_option_knows_where_it_was_set,
    each_file_that_was_read_or_is_named_is_told)
