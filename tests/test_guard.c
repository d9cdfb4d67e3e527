/* guard: an object that a callback of its own frees is destroyed once, and not before its function has returned. */
#include "base/guard.h"
#include "suite.h"

struct object {
	struct guard guard;
	unsigned callbacks, destroyed;
	unsigned nested;  /* calls of use() that the callback makes */
	unsigned kill_in; /* the callback that frees the object; 0: none */
};

static void use(struct object *o);

static void free_object(struct object *o) {
	if (guard_kill(&o->guard))
		o->destroyed++;
}

static void callback(struct object *o) {
	o->callbacks++;
	if (o->callbacks == o->kill_in)
		free_object(o);
	if (o->nested) {
		o->nested--;
		use(o);
	}
}

/* Calls back up to three times, and stops when the object is dead. */
static void use(struct object *o) {
	guard_enter(&o->guard);
	for (int i = 0; i < 3 && !o->guard.dead; i++) {
		callback(o);
		ck_assert_uint_eq(o->destroyed, 0);
	}
	if (guard_leave(&o->guard))
		o->destroyed++;
}

START_TEST(test_an_object_that_nobody_uses_is_destroyed_at_once) {
	struct object o = {0};
	use(&o);
	ck_assert_uint_eq(o.callbacks, 3);
	ck_assert_uint_eq(o.destroyed, 0);
	ck_assert(!guard_is_busy(&o.guard));
	free_object(&o);
	ck_assert_uint_eq(o.destroyed, 1);
}
END_TEST

START_TEST(test_an_object_that_its_callback_frees_is_destroyed_when_its_function_returns) {
	struct object o = {.kill_in = 2};
	use(&o);
	ck_assert_uint_eq(o.callbacks, 2);
	ck_assert_uint_eq(o.destroyed, 1);
}
END_TEST

START_TEST(test_the_outermost_function_destroys_it) {
	for (unsigned kill_in = 1; kill_in <= 3; kill_in++) {
		struct object o = {.nested = 2, .kill_in = kill_in};
		use(&o);
		ck_assert_uint_eq(o.destroyed, 1);
	}
}
END_TEST

START_TEST(test_freeing_twice_destroys_once) {
	struct object o = {0};
	guard_enter(&o.guard);
	free_object(&o);
	free_object(&o);
	ck_assert(guard_leave(&o.guard));
	free_object(&o);
	ck_assert_uint_eq(o.destroyed, 0);
}
END_TEST

SUITE("guard", test_an_object_that_nobody_uses_is_destroyed_at_once,
      test_an_object_that_its_callback_frees_is_destroyed_when_its_function_returns, test_the_outermost_function_destroys_it,
      test_freeing_twice_destroys_once)
