/* SPDX-License-Identifier: ISC */
/*
 * Parked tasks and the threads that run them.
 *
 * What is shared between threads (who is parked, deadlines, the table) is
 * under one mutex that is held for a few instructions or one epoll_ctl().
 * An event carries a descriptor and a generation, not a pointer: a task that
 * another thread has ended meanwhile is simply not found.
 *
 * Invariant: while there is work, some thread waits in epoll_wait(), or `busy`
 * threads run, or `max` threads exist.
 *
 * What is posted needs no event: a worker looks for it before it waits. One
 * that waits already is woken by the eventfd `poster`, which is written once
 * until somebody has come (edge-triggered: nobody needs to read it).
 */
#include "config.h"

#include "base/loop.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/loop_posted.h"
#include "base/mem.h"

enum {
	STACK_SIZE = 512 << 10,
	DEFAULT_MAX = 256,
	SURPLUS_S = 10, /* how long a thread too many waits for work */
	/* Then a worker looks whether there is input as well. */
	POSTED_IN_A_ROW = 32,
};

/* Descriptors of our own in the epoll set have generation 0. */
struct slot {
	struct loop_task *task;
	uint32_t generation;
};

struct loop {
	int epoll;
	int timer; /* fires when something other than input is to be done */
	int stopper;
	int poster;
	unsigned busy, max;

	atomic_uint active;  /* threads that neither block nor are surplus */
	atomic_uint waiting; /* threads in epoll_wait() */
	atomic_bool stopping;

	struct loop_posted posted;
	atomic_bool poster_written; /* and nobody has come yet */

	/* A post for each surplus thread that is wanted. Behind a condition
	 * variable it would have to queue for the mutex when it wakes. */
	sem_t call;

	pthread_mutex_t mutex;
	pthread_cond_t gone; /* the last thread has left */
	unsigned threads, surplus, calls;
	pthread_t leaver; /* the last that left: whoever leaves next joins it */
	bool has_leaver;

	struct slot *slots; /* by descriptor */
	size_t n_slots;
	uint32_t generation;
	struct heap heap; /* of tasks' nodes */
	int64_t timer_at; /* what the timer is set to; 0: unset */
	struct loop_task *parked;
	bool draining;
};

static _Thread_local struct loop *my_loop;
static _Thread_local unsigned my_depth;
static _Thread_local unsigned my_posted; /* that ran in a row */

/* A later deadline costs nothing: the heap learns of it when the earlier one
 * has come. */
static void
set_deadline(struct loop *l, struct loop_task *t, int64_t deadline)
{
	t->deadline = deadline;
	if (deadline == 0 || (t->node.index != 0 && t->node.at <= deadline))
		return;
	heap_put(&l->heap, &t->node, deadline);
}

/* The timer. */

static void
arm_timer(struct loop *l)
{
	struct itimerspec when = {0};
	const struct heap_node *first = heap_first(&l->heap);
	int64_t at = first != NULL ? first->at : 0;

	if (l->draining && l->parked != NULL)
		at = 1;
	if (at == 0 || (l->timer_at != 0 && l->timer_at <= at))
		return;
	l->timer_at = at;
	when.it_value.tv_sec = at / 1000;
	when.it_value.tv_nsec = at % 1000 * 1000000;
	if (timerfd_settime(l->timer, TFD_TIMER_ABSTIME, &when, NULL) < 0)
		die_bug("timerfd_settime: %s", strerror(errno));
}

/* Parking. All under the mutex. */

static void
link_parked(struct loop *l, struct loop_task *t)
{
	t->parked = true;
	t->prev = NULL;
	t->next = NULL;
	if (t->always)
		return;
	t->next = l->parked;
	if (t->next != NULL)
		t->next->prev = t;
	l->parked = t;
}

static void
unlink_parked(struct loop *l, struct loop_task *t)
{
	t->parked = false;
	if (t->always)
		return;
	if (t->prev != NULL)
		t->prev->next = t->next;
	else
		l->parked = t->next;
	if (t->next != NULL)
		t->next->prev = t->prev;
}

static struct slot *
slot_of(struct loop *l, int fd)
{
	size_t at = (size_t)fd, n = l->n_slots;

	if (at >= n) {
		n = at + 64 > n * 2 ? at + 64 : n * 2;
		l->slots = mem_resize(l->slots, n, sizeof *l->slots);
		memset(l->slots + l->n_slots, 0,
		    (n - l->n_slots) * sizeof *l->slots);
		l->n_slots = n;
	}
	return &l->slots[at];
}

static int
watch(struct loop *l, struct loop_task *t)
{
	struct slot *slot = slot_of(l, t->fd);
	struct epoll_event e = {.events = EPOLLIN | EPOLLRDHUP | EPOLLONESHOT};
	bool known = slot->task == t && slot->generation == t->generation &&
		     t->generation != 0;

	if (!known) {
		if (++l->generation == 0)
			l->generation = 1;
		t->generation = slot->generation = l->generation;
		slot->task = t;
	}
	e.data.u64 = (uint64_t)t->generation << 32 | (uint32_t)t->fd;
	return epoll_ctl(
	    l->epoll, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, t->fd, &e);
}

static void
park(struct loop *l, struct loop_task *t, int64_t deadline, bool always)
{
	pthread_mutex_lock(&l->mutex);
	t->loop = l;
	t->always = always;
	link_parked(l, t);
	set_deadline(l, t, deadline);
	if (t->fd >= 0 && watch(l, t) < 0)
		set_deadline(l, t, 1);
	arm_timer(l);
	pthread_mutex_unlock(&l->mutex);
}

void
loop_park(struct loop *loop, struct loop_task *task, int64_t deadline)
{
	park(loop, task, deadline, false);
}

void
loop_park_always(struct loop *loop, struct loop_task *task, int64_t deadline)
{
	park(loop, task, deadline, true);
}

void
loop_forget(struct loop *loop, struct loop_task *task)
{
	loop_posted_remove(&loop->posted, task);
	pthread_mutex_lock(&loop->mutex);
	if (task->parked)
		unlink_parked(loop, task);
	heap_remove(&loop->heap, &task->node);
	if (task->generation != 0) {
		struct slot *slot = slot_of(loop, task->fd);

		epoll_ctl(loop->epoll, EPOLL_CTL_DEL, task->fd, NULL);
		if (slot->task == task)
			slot->task = NULL;
		task->generation = 0;
	}
	pthread_mutex_unlock(&loop->mutex);
}

/* Choosing the task that an event means. */

static struct loop_task *
claim_by_input(struct loop *l, uint64_t event)
{
	size_t fd = (uint32_t)event;
	uint32_t generation = (uint32_t)(event >> 32);
	struct loop_task *t = NULL;

	pthread_mutex_lock(&l->mutex);
	if (fd < l->n_slots && l->slots[fd].generation == generation)
		t = l->slots[fd].task;
	if (t != NULL && !t->parked)
		t = NULL;
	if (t != NULL)
		unlink_parked(l, t);
	pthread_mutex_unlock(&l->mutex);
	return t;
}

/* The first task whose deadline has really passed, or that must drain. */
static struct loop_task *
find_due(struct loop *l, enum loop_why *why)
{
	int64_t now = clock_ms();
	struct heap_node *node;

	if (l->draining && l->parked != NULL) {
		*why = LOOP_DRAIN;
		return l->parked;
	}
	*why = LOOP_DEADLINE;
	while ((node = heap_first(&l->heap)) != NULL && node->at <= now) {
		struct loop_task *t = STRUCT_OF(node, struct loop_task, node);

		heap_remove(&l->heap, node);
		if (!t->parked || t->deadline == 0)
			continue;
		if (t->deadline <= now)
			return t;
		heap_put(&l->heap, node, t->deadline);
	}
	return NULL;
}

/* One task for each time that the timer fires; where more are due it fires
 * again at once, for another thread. */
static struct loop_task *
claim_by_timer(struct loop *l, enum loop_why *why)
{
	struct epoll_event e = {.events = EPOLLIN | EPOLLONESHOT};
	uint64_t fired;
	struct loop_task *t;

	pthread_mutex_lock(&l->mutex);
	if (read(l->timer, &fired, sizeof fired) < 0 && errno != EAGAIN)
		die_bug("timerfd: %s", strerror(errno));
	l->timer_at = 0;
	t = find_due(l, why);
	if (t != NULL)
		unlink_parked(l, t);
	arm_timer(l);
	e.data.u64 = (uint32_t)l->timer;
	if (epoll_ctl(l->epoll, EPOLL_CTL_MOD, l->timer, &e) < 0)
		die_bug("epoll_ctl: %s", strerror(errno));
	pthread_mutex_unlock(&l->mutex);
	return t;
}

static void
dispatch(struct loop *l, uint64_t event)
{
	enum loop_why why = LOOP_READY;
	struct loop_task *t;

	if (event == (uint32_t)l->stopper)
		return;
	if (event == (uint32_t)l->poster) {
		/* Before looking: who posts from now on writes again. */
		atomic_store(&l->poster_written, false);
		return;
	}
	if (event == (uint32_t)l->timer)
		t = claim_by_timer(l, &why);
	else
		t = claim_by_input(l, event);
	if (t != NULL)
		t->run(t, why);
}

/* Threads. */

static void *run_worker(void *ctx);

/* False with errno where the system refuses. Under the mutex. */
static bool
start_thread(struct loop *l)
{
	pthread_attr_t attr;
	sigset_t all, before;
	pthread_t thread;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	errno = pthread_create(&thread, &attr, run_worker, l);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	if (errno != 0)
		return false;
	l->threads++;
	atomic_fetch_add(&l->active, 1);
	return true;
}

static bool
wants_thread(struct loop *l)
{
	return atomic_load(&l->waiting) == 0 &&
	       atomic_load(&l->active) < l->busy && !atomic_load(&l->stopping);
}

/* Gets another thread to wait for events, unless loop_run() is still to come
 * and will start some. Where the system refuses one, those
 * that there are carry on when they stop blocking. */
static void
call_thread(struct loop *l)
{
	bool calls = false;

	pthread_mutex_lock(&l->mutex);
	if (wants_thread(l)) {
		if (l->surplus > l->calls) {
			l->calls++;
			atomic_fetch_add(&l->active, 1);
			calls = true;
		} else if (l->threads > 0 && l->threads < l->max) {
			(void)start_thread(l);
		}
	}
	pthread_mutex_unlock(&l->mutex);
	if (calls)
		sem_post(&l->call);
}

static void
write_event(int fd)
{
	uint64_t one = 1;

	if (write(fd, &one, sizeof one) < 0 && errno != EAGAIN)
		die_bug("eventfd: %s", strerror(errno));
}

/* Wakes one thread, at most, for what is posted. */
static void
share_posted(struct loop *l)
{
	unsigned active, waiting;

	if (!loop_posted_has_some(&l->posted))
		return;
	active = atomic_load(&l->active);
	waiting = atomic_load(&l->waiting);
	if (waiting == 0) {
		if (wants_thread(l))
			call_thread(l);
	} else if (active < l->busy + waiting &&
		   !atomic_exchange(&l->poster_written, true)) {
		write_event(l->poster);
	}
}

void
loop_post(struct loop *loop, struct loop_task *task)
{
	/* Under the mutex nobody takes the task, which may be the one that
	 * ends the loop: afterwards there may be none to look at. */
	pthread_mutex_lock(&loop->posted.mutex);
	task->loop = loop;
	loop_posted_add(&loop->posted, task);
	if (my_loop != loop || my_depth > 0)
		share_posted(loop);
	pthread_mutex_unlock(&loop->posted.mutex);
}

/* Counts itself among those too many; false where it is not, after all: others
 * may have gone too, or the last one that waited may have got work. */
static bool
become_surplus(struct loop *l)
{
	bool surplus;

	pthread_mutex_lock(&l->mutex);
	atomic_fetch_sub(&l->active, 1);
	surplus = !wants_thread(l) && !atomic_load(&l->stopping);
	if (surplus)
		l->surplus++;
	else
		atomic_fetch_add(&l->active, 1);
	pthread_mutex_unlock(&l->mutex);
	return surplus;
}

/* A thread too many waits here until it is called: true, or may go. */
static bool
wait_for_call(struct loop *l)
{
	struct timespec until;
	bool called;
	int rc;

	if (!become_surplus(l))
		return true;
	/* Who has posted meanwhile may have counted on this thread. */
	share_posted(l);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += SURPLUS_S;
	do
		rc = sem_timedwait(&l->call, &until);
	while (rc < 0 && errno == EINTR);
	pthread_mutex_lock(&l->mutex);
	/* Where all are called, the post for this one is on its way. */
	called = rc == 0 || l->calls == l->surplus;
	l->surplus--;
	if (called)
		l->calls--;
	pthread_mutex_unlock(&l->mutex);
	if (rc < 0 && called)
		while (sem_wait(&l->call) < 0 && errno == EINTR)
			;
	return called;
}

static bool
is_surplus(struct loop *l)
{
	return atomic_load(&l->active) > l->busy &&
	       atomic_load(&l->waiting) > 0;
}

static bool
run_posted(struct loop *l)
{
	struct loop_task *t = loop_posted_take(&l->posted);

	if (t == NULL)
		return false;
	my_posted++;
	share_posted(l);
	t->run(t, LOOP_POSTED);
	return true;
}

/* Input is waited for only where nothing is posted: whoever posts sees this
 * thread among those that wait, or this thread sees what was posted. */
static void
wait_and_run(struct loop *l)
{
	struct epoll_event e;
	int n, timeout = -1;

	if (my_posted < POSTED_IN_A_ROW && run_posted(l))
		return;
	my_posted = 0;
	atomic_fetch_add(&l->waiting, 1);
	if (loop_posted_has_some(&l->posted))
		timeout = 0;
	n = epoll_wait(l->epoll, &e, 1, timeout);
	atomic_fetch_sub(&l->waiting, 1);
	if (n < 0 && errno != EINTR)
		die_bug("epoll_wait: %s", strerror(errno));
	if (n < 1 || atomic_load(&l->stopping))
		return;
	if (wants_thread(l))
		call_thread(l);
	dispatch(l, e.data.u64);
}

/* Threads that end are joined one by the next, the last by loop_run(). */
static void
leave(struct loop *l, bool active)
{
	pthread_t before;
	bool has_before;

	pthread_mutex_lock(&l->mutex);
	if (active)
		atomic_fetch_sub(&l->active, 1);
	before = l->leaver;
	has_before = l->has_leaver;
	l->leaver = pthread_self();
	l->has_leaver = true;
	if (--l->threads == 0)
		pthread_cond_broadcast(&l->gone);
	pthread_mutex_unlock(&l->mutex);
	if (has_before)
		pthread_join(before, NULL);
}

static void *
run_worker(void *ctx)
{
	struct loop *l = ctx;
	bool active = true;

	my_loop = l;
	while (active && !atomic_load(&l->stopping)) {
		if (is_surplus(l) && !loop_posted_has_some(&l->posted))
			active = wait_for_call(l);
		else
			wait_and_run(l);
	}
	leave(l, active);
	return NULL;
}

void
loop_blocking_begin(void)
{
	if (my_loop == NULL || my_depth++ > 0)
		return;
	atomic_fetch_sub(&my_loop->active, 1);
	if (wants_thread(my_loop))
		call_thread(my_loop);
	else
		share_posted(my_loop);
}

void
loop_blocking_end(void)
{
	if (my_loop == NULL || --my_depth > 0)
		return;
	atomic_fetch_add(&my_loop->active, 1);
}

/* Life. */

static unsigned
processors(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n < 2 ? 2 : (unsigned)n;
}

static int
open_descriptors(struct loop *l, struct fault *f)
{
	struct epoll_event e = {.events = EPOLLIN | EPOLLONESHOT};

	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	l->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	l->stopper = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	l->poster = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (l->epoll < 0 || l->timer < 0 || l->stopper < 0 || l->poster < 0)
		return fault_errno(f, "cannot make an event loop");
	e.data.u64 = (uint32_t)l->timer;
	if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, l->timer, &e) < 0)
		return fault_errno(f, "cannot make an event loop");
	/* Stays readable once it is written: every thread is to see it. */
	e.events = EPOLLIN;
	e.data.u64 = (uint32_t)l->stopper;
	if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, l->stopper, &e) < 0)
		return fault_errno(f, "cannot make an event loop");
	/* Each writing wakes one thread. */
	e.events = EPOLLIN | EPOLLET;
	e.data.u64 = (uint32_t)l->poster;
	if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, l->poster, &e) < 0)
		return fault_errno(f, "cannot make an event loop");
	return 0;
}

struct loop *
loop_new(const struct loop_limits *limits, struct fault *f)
{
	struct loop *l = mem_new(struct loop);

	l->busy = limits->busy > 0 ? limits->busy : processors();
	l->max = limits->max > 0 ? limits->max : DEFAULT_MAX;
	if (l->max < l->busy)
		l->max = l->busy;
	pthread_mutex_init(&l->mutex, NULL);
	loop_posted_init(&l->posted);
	sem_init(&l->call, 0, 0);
	pthread_cond_init(&l->gone, NULL);
	if (open_descriptors(l, f) < 0)
		loop_free(&l);
	return l;
}

void
loop_free(struct loop **loop)
{
	struct loop *l = *loop;

	if (l == NULL)
		return;
	if (l->epoll >= 0)
		close(l->epoll);
	if (l->timer >= 0)
		close(l->timer);
	if (l->stopper >= 0)
		close(l->stopper);
	if (l->poster >= 0)
		close(l->poster);
	sem_destroy(&l->call);
	pthread_cond_destroy(&l->gone);
	loop_posted_clear(&l->posted);
	pthread_mutex_destroy(&l->mutex);
	mem_free(l->slots);
	heap_clear(&l->heap);
	mem_free(l);
	*loop = NULL;
}

void
loop_run(struct loop *loop)
{
	pthread_mutex_lock(&loop->mutex);
	while (loop->threads < loop->busy && start_thread(loop))
		;
	if (loop->threads == 0)
		die(EX_OSERR, "posthouse: cannot start a thread: %s",
		    strerror(errno));
	while (loop->threads > 0)
		pthread_cond_wait(&loop->gone, &loop->mutex);
	pthread_mutex_unlock(&loop->mutex);
	pthread_join(loop->leaver, NULL);
	loop->has_leaver = false;
}

void
loop_stop(struct loop *loop)
{
	pthread_mutex_lock(&loop->mutex);
	atomic_store(&loop->stopping, true);
	for (; loop->calls < loop->surplus; loop->calls++) {
		atomic_fetch_add(&loop->active, 1);
		sem_post(&loop->call);
	}
	pthread_mutex_unlock(&loop->mutex);
	write_event(loop->stopper);
}

void
loop_drain(struct loop *loop)
{
	pthread_mutex_lock(&loop->mutex);
	loop->draining = true;
	arm_timer(loop);
	pthread_mutex_unlock(&loop->mutex);
}
