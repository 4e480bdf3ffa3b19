/* SPDX-License-Identifier: ISC */
/*
 * What the files of the board share.
 *
 *   hop ──turns──▶ turn (one owner there) ──stands──▶ stand ──legs──▶ leg
 *                                                       │
 *                                         lane ◀────────┘
 *
 * A lane has one stand that draws its rows, `main`, and others for messages
 * that go elsewhere than most of the lane's, or that are to be looked at.
 */
#ifndef MTA_QUEUE_BOARD_PRIVATE_H
#define MTA_QUEUE_BOARD_PRIVATE_H

#include "mta/queue/board.h"
#include "base/heap.h"
#include "base/map.h"
#include "base/ring.h"

struct provider {
	struct map_node node;
	struct pace pace;
	struct ring blocked; /* hops that wait until it has room */
	unsigned n_hops;
	char name[];
};

enum hop_place {
	HOP_NOWHERE,
	HOP_READY,
	HOP_BLOCKED,
};

struct hop {
	struct map_node node;
	struct heap_node when; /* it may begin again */
	struct ring in_ring;   /* board.ready or provider.blocked */
	enum hop_place place;
	struct provider *provider; /* NULL: the place of look-ups */
	struct window window;
	struct ring turns;
	unsigned active;
	unsigned legs, fillable; /* of all that stands here */
	unsigned lanes;          /* whose hop this is */
	uint64_t rows;           /* theirs */
	bool is_paused;
	bool has_fault;
	struct fault fault; /* the last */
	int64_t used_at;
	char key[];
};

struct owner {
	struct map_node node; /* by itself */
	unsigned turns, active;
};

struct turn {
	struct map_node node; /* by hop and owner */
	struct ring in_hop;
	struct ring stands;
	struct hop *hop;
	struct owner *owner;
	unsigned active;
};

enum draw {
	DRAW_NOTHING,
	DRAW_FRESH,
	DRAW_ALL,
};

struct stand {
	struct ring in_turn;
	struct ring in_lane; /* lane.others; not for lane.main */
	struct turn *turn;
	struct lane *lane;
	struct ring old, fresh; /* legs */
	unsigned n_old, n_fresh;
	enum draw draw;
	bool fillable;
	bool fresh_next;
};

struct leg {
	struct ring in_stand; /* in none: under way */
	struct leg *next;     /* of the lane */
	struct lane *lane;
	struct stand *stand;
	struct ident id;
	int64_t due;
	int64_t missed; /* when it is due again: read while it was under way;
			 * BOARD_NEVER */
	bool is_fresh;
	bool is_recorded; /* counts in board.recording */
};

struct lane {
	struct map_node node;
	struct heap_node when;
	struct hop *hop; /* where its mail went last; NULL */
	struct stand *main;
	struct ring others;
	struct leg *legs; /* all that were drawn */
	uint64_t owner;
	int64_t due;   /* no row that was not drawn is earlier */
	int64_t fresh; /* rows from this time on came lately */
	uint32_t rows, n_legs;
	bool is_filling;
	bool is_mixed; /* not all of it goes to `hop` */
	bool is_paused;
	uint16_t domain_len;
	char domain[];
};

struct board {
	struct board_conf conf;
	struct map lanes, hops, providers, owners, turns, paused;
	struct heap due;     /* lanes that do not stand */
	struct heap waiting; /* hops whose time has not come */
	struct ring ready;   /* hops that may begin one */
	struct hop *lookups; /* the place of lanes whose hop is not known */
	unsigned active, recording;
	uint32_t seed;
	int64_t now; /* of the call */
	bool stopped;
};

uint32_t board_random(struct board *b);

/* board_admin.c */

bool board_is_paused(const struct board *b, struct str name);
void board_pause_clear(struct board *b);

/* board_hop.c */

/* Where nothing is there yet it is made. */
struct hop *board_hop(struct board *b, const char *key, const char *provider);
struct hop *board_hop_new(
    struct board *b, const char *key, struct provider *provider);
void board_hop_free(struct board *b, struct hop *h);
/* Puts it where it belongs: ready, blocked, waiting or nowhere. */
void board_hop_settle(struct board *b, struct hop *h);
bool board_hop_may_begin(const struct board *b, const struct hop *h);
bool board_hop_has_work(const struct hop *h);
struct turn *board_turn(struct board *b, struct hop *h, uint64_t owner);
/* Frees it where nothing stands there and nothing is under way. */
void board_turn_settle(struct board *b, struct turn *t);
bool board_turn_may_begin(const struct board *b, const struct turn *t);
/* Takes or gives back a place for the job at its turn. */
void board_begin(struct board *b, struct turn *t);
void board_end(struct board *b, struct turn *t);

/* board_lane.c */

struct lane *board_lane(struct board *b, struct str domain, uint64_t owner);
/* Makes its stands what they must be; may free it. */
void board_lane_settle(struct board *b, struct lane *l);
void board_lane_set_hop(struct board *b, struct lane *l, struct hop *h);
struct stand *board_stand(struct board *b, struct lane *l, struct hop *h);
void board_stand_settle(struct board *b, struct stand *s);
/* Whether it draws those rows next that came lately. */
bool board_stand_wants_fresh(const struct board *b, const struct stand *s);
struct leg *board_leg_new(struct lane *l, const struct ident *id, int64_t due);
struct leg *board_leg_find(const struct lane *l, const struct ident *id);
void board_leg_free(struct leg *leg);
/* At the end, or as the next. */
void board_leg_stand(
    struct board *b, struct leg *leg, struct stand *s, bool first);
void board_leg_leave(struct board *b, struct leg *leg);
void board_lane_free(struct board *b, struct lane *l);

#endif
