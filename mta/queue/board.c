/* SPDX-License-Identifier: ISC */
/* Taking work and giving it back. */
#include "config.h"

#include "mta/queue/board_private.h"

#include <string.h>

#include "base/mem.h"

enum {
	ROWS = 64,       /* drawn at a time */
	FRESH_ROWS = 32, /* of those that came lately */
	/* So many are asked in vain before taking gives up for now. */
	ASKED_MAX = 64,
	/* Outcomes that are not durable yet: where the disk hangs, no more
	 * mail is sent whose departure cannot be written down. */
	RECORDING_MAX = 2000,
};

uint32_t
board_random(struct board *b)
{
	/* xorshift: jitter needs no better one. */
	b->seed ^= b->seed << 13;
	b->seed ^= b->seed >> 17;
	b->seed ^= b->seed << 5;
	return b->seed;
}

struct board *
board_new(const struct board_conf *conf)
{
	struct board *b = mem_new(struct board);

	b->conf = *conf;
	b->seed = conf->seed != 0 ? conf->seed : 1;
	ring_init(&b->ready);
	b->lookups = board_hop_new(b, "", NULL);
	return b;
}

static void
free_lane(void *ctx, struct map_node *node)
{
	board_lane_free(ctx, STRUCT_OF(node, struct lane, node));
}

static void
free_turn(void *ctx, struct map_node *node)
{
	struct turn *t = STRUCT_OF(node, struct turn, node);

	t->active = 0;
	board_turn_settle(ctx, t);
}

static void
free_hop(void *ctx, struct map_node *node)
{
	board_hop_free(ctx, STRUCT_OF(node, struct hop, node));
}

void
board_free(struct board **board)
{
	struct board *b = *board;

	if (b == NULL)
		return;
	map_each(&b->lanes, free_lane, b);
	map_each(&b->turns, free_turn, b);
	map_each(&b->hops, free_hop, b);
	board_pause_clear(b);
	map_clear(&b->lanes);
	map_clear(&b->turns);
	map_clear(&b->hops);
	map_clear(&b->providers);
	map_clear(&b->owners);
	heap_clear(&b->due);
	heap_clear(&b->waiting);
	mem_free(b);
	*board = NULL;
}

void
board_stop(struct board *b)
{
	b->stopped = true;
}

unsigned
board_active(const struct board *b)
{
	return b->active;
}

/* Time. */

int64_t
board_next(const struct board *b)
{
	const struct heap_node *lane = heap_first(&b->due);
	const struct heap_node *hop = heap_first(&b->waiting);
	int64_t at = lane != NULL ? lane->at : BOARD_NEVER;

	return hop != NULL && hop->at < at ? hop->at : at;
}

/* Each leaves its heap or gets a later time: due lanes stand, and a hop whose
 * time has come is ready, or waits for something else. */
static void
wake(struct board *b)
{
	struct heap_node *node;

	while ((node = heap_first(&b->due)) != NULL && node->at <= b->now)
		board_lane_settle(b, STRUCT_OF(node, struct lane, when));
	while ((node = heap_first(&b->waiting)) != NULL && node->at <= b->now)
		board_hop_settle(b, STRUCT_OF(node, struct hop, when));
}

/* Taking. */

static void
begin_fill(struct board *b, struct stand *s, struct board_job *job)
{
	struct lane *l = s->lane;
	bool fresh =
	    l->fresh <= b->now && (s->draw == DRAW_FRESH || l->due < l->fresh);

	/* What comes from now on is told by board_change(). */
	job->work = BOARD_FILL;
	job->looks = s->draw == DRAW_FRESH;
	job->fresh = l->fresh;
	job->from = fresh ? l->fresh : 0;
	/* The rows of those legs that there are come too. */
	job->max_rows = l->n_legs + (fresh ? FRESH_ROWS : ROWS);
	l->fresh = BOARD_NEVER;
	if (!fresh)
		l->due = BOARD_NEVER;
	l->is_filling = true;
	board_stand_settle(b, s);
}

static struct leg *
next_leg(struct stand *s)
{
	bool fresh = s->n_fresh > 0 && (s->fresh_next || s->n_old == 0);

	s->fresh_next = !fresh;
	return STRUCT_OF(
	    fresh ? s->fresh.next : s->old.next, struct leg, in_stand);
}

static void
begin_send(struct board *b, struct stand *s, struct board_job *job)
{
	struct leg *leg = next_leg(s);

	job->work = BOARD_SEND;
	job->leg = leg;
	job->id = leg->id;
	job->turn = s->turn;
	job->hop = s->turn->hop;
	job->key = job->hop->key;
	board_begin(b, s->turn);
	board_leg_leave(b, leg);
	board_lane_settle(b, leg->lane);
}

static bool
take_stand(struct board *b, struct stand *s, struct board_job *job)
{
	struct lane *l = s->lane;

	*job = (struct board_job){
	    .lane = l,
	    .domain = str_n(l->domain, l->domain_len),
	    .owner = l->owner,
	};
	if (s->fillable)
		begin_fill(b, s, job);
	else if (s->n_old + s->n_fresh > 0)
		begin_send(b, s, job);
	else
		return false;
	return true;
}

static bool
take_turn(struct board *b, struct turn *t, struct board_job *job)
{
	if (!board_turn_may_begin(b, t))
		return false;
	for (unsigned i = 0; i < ASKED_MAX; i++) {
		struct ring *first = t->stands.next;

		if (first == &t->stands)
			break;
		ring_rotate(&t->stands, first);
		if (take_stand(b, STRUCT_OF(first, struct stand, in_turn), job))
			return true;
	}
	return false;
}

static bool
take_hop(struct board *b, struct hop *h, struct board_job *job)
{
	for (unsigned i = 0; i < ASKED_MAX; i++) {
		struct ring *first = h->turns.next;

		if (first == &h->turns)
			break;
		ring_rotate(&h->turns, first);
		if (take_turn(b, STRUCT_OF(first, struct turn, in_hop), job))
			return true;
	}
	return false;
}

static bool
may_look(const struct board *b)
{
	return b->lookups->active < b->conf.max_lookups &&
	       board_hop_has_work(b->lookups);
}

void
board_wake(struct board *b, int64_t now)
{
	b->now = now;
	wake(b);
}

bool
board_take(struct board *b, int64_t now, struct board_job *job)
{
	b->now = now;
	wake(b);
	if (b->stopped || b->recording >= RECORDING_MAX)
		return false;
	if (may_look(b) && take_hop(b, b->lookups, job))
		return true;
	for (unsigned i = 0;
	     i < ASKED_MAX && b->active < b->conf.max_deliveries; i++) {
		struct ring *first = b->ready.next;
		struct hop *h = STRUCT_OF(first, struct hop, in_ring);

		if (first == &b->ready)
			break;
		/* Another hop of its provider may have had the last place. */
		if (!board_hop_may_begin(b, h)) {
			board_hop_settle(b, h);
			continue;
		}
		ring_rotate(&b->ready, first);
		if (take_hop(b, h, job))
			return true;
	}
	return false;
}

bool
board_has_work(const struct board *b)
{
	if (b->stopped || b->recording >= RECORDING_MAX)
		return false;
	return may_look(b) || (b->active < b->conf.max_deliveries &&
				  !ring_is_empty(&b->ready));
}

/* Giving back. */

/* A row that came, or was changed, lately, and is not to wait for the lane's
 * hop, which may have died while it was read: it is looked at. */
static bool
is_to_be_looked_at(
    const struct board *b, const struct board_job *job, int64_t due)
{
	const struct lane *l = job->lane;

	return job->looks || (due >= job->fresh && l->hop != NULL &&
				 window_is_dead(&l->hop->window, b->now));
}

static void
draw(struct board *b, const struct board_job *job, const struct board_row *row)
{
	struct lane *l = job->lane;
	bool looks = l->main == NULL || is_to_be_looked_at(b, job, row->due);
	struct leg *leg = board_leg_new(l, &row->id, row->due);

	leg->is_fresh = job->from != 0;
	board_leg_stand(
	    b, leg, looks ? board_stand(b, l, b->lookups) : l->main, false);
}

/*
 * The row is that of a message which was drawn before. Where it has another
 * time it was changed since: if its attempt is under way, the lane must come
 * back to it, and if it stands at a hop that is dead, it may go elsewhere now.
 */
static void
draw_again(struct board *b, const struct board_job *job, struct leg *leg,
    const struct board_row *row)
{
	struct lane *l = job->lane;

	if (row->due == leg->due)
		return;
	if (leg->stand == NULL) {
		if (row->due < leg->missed)
			leg->missed = row->due;
		return;
	}
	if (leg->stand == l->main && is_to_be_looked_at(b, job, row->due)) {
		board_leg_leave(b, leg);
		leg->due = row->due;
		board_leg_stand(b, leg, board_stand(b, l, b->lookups), false);
	}
}

static void
note_rest(const struct board_job *job, int64_t last)
{
	struct lane *l = job->lane;

	if (job->from != 0) {
		if (last < l->fresh)
			l->fresh = last;
		return;
	}
	if (last < l->due)
		l->due = last;
	/* Those that came lately were not reached. */
	if (job->fresh > last && job->fresh < l->fresh)
		l->fresh = job->fresh;
}

void
board_fill(struct board *b, const struct board_job *job,
    const struct board_row *rows, size_t n, int64_t now)
{
	struct lane *l = job->lane;
	size_t i;

	b->now = now;
	l->is_filling = false;
	for (i = 0; i < n && rows[i].due <= now && !l->is_paused; i++) {
		struct leg *leg = board_leg_find(l, &rows[i].id);

		if (leg == NULL)
			draw(b, job, &rows[i]);
		else
			draw_again(b, job, leg, &rows[i]);
	}
	if (i < n) {
		if (rows[i].due < l->due)
			l->due = rows[i].due;
	} else if (n > 0 && n == job->max_rows) {
		note_rest(job, rows[n - 1].due);
	}
	board_lane_settle(b, l);
}

void
board_fill_failed(
    struct board *b, const struct board_job *job, int64_t at, int64_t now)
{
	struct lane *l = job->lane;

	b->now = now;
	l->is_filling = false;
	if (at < l->due)
		l->due = at;
	board_lane_settle(b, l);
}

/* The place changes hands; false where there is none for it. */
static bool
begin_there(struct board *b, struct board_job *job, struct hop *to)
{
	struct turn *turn;
	bool may;

	if (!board_hop_may_begin(b, to))
		return false;
	turn = board_turn(b, to, job->owner);
	may = board_turn_may_begin(b, turn);
	if (may) {
		board_begin(b, turn);
		board_end(b, job->turn);
		job->turn = turn;
		job->hop = to;
		job->key = to->key;
	}
	board_turn_settle(b, turn);
	return may;
}

enum board_move
board_move(struct board *b, struct board_job *job, const char *key,
    const char *provider, int64_t now, int64_t *until)
{
	struct hop *h;
	struct lane *l = job->lane;
	enum board_move result = BOARD_THERE;

	b->now = now;
	*until = 0;
	h = board_hop(b, key, provider);
	board_lane_set_hop(b, l, h);
	if (window_is_dead(&h->window, now)) {
		if (l->is_mixed)
			*until = h->window.dead_until;
		result = BOARD_DEAD;
	} else if (begin_there(b, job, h)) {
		result = BOARD_HERE;
	} else {
		board_leg_stand(b, job->leg, board_stand(b, l, h), true);
		board_end(b, job->turn);
	}
	board_lane_settle(b, l);
	return result;
}

static void
judge(struct board *b, struct hop *h, enum board_verdict verdict)
{
	switch (verdict) {
	case BOARD_NO_VERDICT:
		break;
	case BOARD_ANSWERED:
		window_good(&h->window, h->active, b->now);
		break;
	case BOARD_BROKEN:
		window_broken(&h->window, b->now, board_random(b));
		break;
	case BOARD_UNREACHED:
		window_unreached(&h->window, b->now, board_random(b));
		break;
	}
}

/* What must not wait for a hop that has died stands elsewhere. */
static void
leave_dead(struct board *b, struct hop *h)
{
	struct ring *next_turn, *next;

	for (struct ring *t = h->turns.next; t != &h->turns; t = next_turn) {
		struct turn *turn = STRUCT_OF(t, struct turn, in_hop);

		next_turn = t->next;
		for (struct ring *s = turn->stands.next; s != &turn->stands;
		     s = next) {
			struct stand *stand =
			    STRUCT_OF(s, struct stand, in_turn);
			struct lane *l = stand->lane;
			bool last = s->next == &turn->stands;

			next = s->next;
			if (l->is_mixed && l->main == stand)
				board_lane_settle(b, l);
			if (last)
				break;
		}
	}
}

bool
board_report(struct board *b, const struct board_job *job,
    enum board_verdict verdict, bool slow_down, const struct fault *fault,
    int64_t now)
{
	struct hop *h = job->hop;
	bool was_dead, is_dead;

	b->now = now;
	was_dead = window_is_dead(&h->window, now);
	if (h != b->lookups) {
		judge(b, h, verdict);
		if (slow_down)
			pace_slow(&h->provider->pace, now);
		else if (verdict == BOARD_ANSWERED)
			pace_good(&h->provider->pace, now);
	}
	is_dead = window_is_dead(&h->window, now);
	if (fault != NULL) {
		h->fault = *fault;
		h->has_fault = true;
	} else if (verdict == BOARD_ANSWERED && !slow_down) {
		h->has_fault = false;
	}
	job->leg->is_recorded = true;
	b->recording++;
	if (is_dead && !was_dead)
		leave_dead(b, h);
	board_end(b, job->turn);
	return is_dead && !was_dead;
}

void
board_release(struct board *b, struct leg **leg, bool again, int64_t now)
{
	struct lane *l = (*leg)->lane;
	int64_t due = (*leg)->missed;

	b->now = now;
	/* It may go elsewhere than to a hop that has died. */
	if (due <= now && due < l->fresh)
		l->fresh = due;
	if ((*leg)->is_recorded)
		b->recording--;
	if (again && (*leg)->due < due)
		due = (*leg)->due;
	board_leg_free(*leg);
	*leg = NULL;
	if (due < l->due)
		l->due = due;
	board_lane_settle(b, l);
}
