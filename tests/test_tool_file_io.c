/* What is read ahead and written behind on threads: does each byte come once, in order, with the right CRC, and is each loan
 * given back once, whatever fails? Every test runs with a thread and without one. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "suite.h"
#include "tools/file_reader.h"
#include "tools/file_writer.h"

#define SIZE (3000000)
#define PIECE 997

static atomic_uint wakes;
static uint8_t data[SIZE], back[SIZE + 1];
static unsigned released;

static void wake(void *ctx) {
	(void)ctx;
	atomic_fetch_add(&wakes, 1);
}

static void count_release(void *arg) {
	ck_assert_uint_eq((uintptr_t)arg, ++released); /* in order, each once */
}

static int new_file(void) {
	char name[] = "/tmp/sluice-file-io-XXXXXX";
	int fd = mkstemp(name);
	ck_assert_int_ge(fd, 0);
	unlink(name);
	for (size_t i = 0; i < SIZE; i++)
		data[i] = (uint8_t)(i * 2654435761u >> 13);
	return fd;
}

/* ---- the writer ------------------------------------------------------------------------------------------------------- */

/* Lends data[from..to) in messages of up to `most` pieces. Returns the messages. */
static unsigned lend(struct file_writer *w, size_t from, size_t to, size_t most, unsigned number) {
	static struct iovec iov[2000];
	for (size_t count = 0; from < to; count = 0) {
		for (; from < to && count < most; from += iov[count++].iov_len)
			iov[count] = (struct iovec){data + from, to - from < PIECE ? to - from : PIECE};
		ck_assert(file_writer_put(w, iov, count, count_release, (void *)(uintptr_t)++number));
		int error;
		file_writer_collect(w, &error);
	}
	return number;
}

static enum file_writer_state settle_writer(struct file_writer *w, int *error) {
	enum file_writer_state state;
	while ((state = file_writer_state(w, error)) == FILE_WRITER_BUSY) {
		file_writer_collect(w, error);
		sched_yield();
	}
	file_writer_collect(w, error);
	return state;
}

static void write_all_of_it(size_t most, bool thread) {
	int error, fd = new_file();
	uint32_t crc = CRC32C_INIT;
	struct file_writer *w = file_writer_new(fd, 0, &crc, WORKER_AT_ONCE, thread ? wake : NULL, NULL);
	ck_assert_ptr_nonnull(w);
	released = 0;
	unsigned lent = lend(w, 0, SIZE, most, 0);
	ck_assert_int_eq(settle_writer(w, &error), FILE_WRITER_IDLE);
	ck_assert_uint_eq(released, lent);
	ck_assert_uint_eq(file_writer_at(w), SIZE);
	file_writer_free(w);
	ck_assert_int_eq(pread(fd, back, sizeof back, 0), SIZE);
	ck_assert_mem_eq(back, data, SIZE);
	ck_assert_uint_eq(crc32c_finish(crc), crc32c(data, SIZE));
	close(fd);
}

START_TEST(test_what_is_lent_is_written_in_order_and_given_back) {
	for (int thread = 0; thread < 2; thread++) {
		write_all_of_it(1, thread);
		write_all_of_it(59, thread);
		write_all_of_it(1024, thread);
		write_all_of_it(1500, thread); /* more than one pwritev takes */
	}
}
END_TEST

START_TEST(test_a_writer_that_goes_writes_what_it_has_first) {
	for (int thread = 0; thread < 2; thread++) {
		int fd = new_file();
		struct file_writer *w = file_writer_new(fd, 0, NULL, WORKER_AT_ONCE, thread ? wake : NULL, NULL);
		released = 0;
		unsigned lent = lend(w, 0, SIZE, 59, 0);
		file_writer_free(w);
		ck_assert_uint_eq(released, lent);
		ck_assert_int_eq(pread(fd, back, sizeof back, 0), SIZE);
		ck_assert_mem_eq(back, data, SIZE);
		close(fd);
	}
}
END_TEST

START_TEST(test_bytes_that_are_not_lent_are_copied) {
	for (int thread = 0; thread < 2; thread++) {
		int error, fd = new_file();
		char text[] = "abcdef";
		struct file_writer *w = file_writer_new(fd, 10, NULL, WORKER_AT_ONCE, thread ? wake : NULL, NULL);
		ck_assert(file_writer_put(w, (struct iovec[]){{text, 3}, {text + 3, 3}}, 2, NULL, NULL));
		memset(text, 'x', 6);
		ck_assert_int_eq(settle_writer(w, &error), FILE_WRITER_IDLE);
		file_writer_free(w);
		ck_assert_int_eq(pread(fd, back, sizeof back, 10), 6);
		ck_assert_mem_eq(back, "abcdef", 6);
		close(fd);
	}
}
END_TEST

START_TEST(test_a_full_disk_is_an_error_and_gives_all_loans_back) {
	for (int thread = 0; thread < 2; thread++) {
		new_file();
		int error, fd = open("/dev/full", O_RDWR | O_CLOEXEC);
		struct file_writer *w = file_writer_new(fd, 0, NULL, WORKER_AT_ONCE, thread ? wake : NULL, NULL);
		released = 0;
		unsigned lent = lend(w, 0, SIZE, 59, 0);
		ck_assert_int_eq(settle_writer(w, &error), FILE_WRITER_FAILED);
		ck_assert_int_eq(error, ENOSPC);
		ck_assert_uint_eq(file_writer_at(w), 0);
		file_writer_free(w);
		ck_assert_uint_eq(released, lent);
		close(fd);
	}
}
END_TEST

/* Until all is written; a wake-up follows each time that the writer was busy. */
static void await_wakes(struct file_writer *w) {
	int error;
	for (unsigned before = atomic_load(&wakes); file_writer_state(w, &error) == FILE_WRITER_BUSY;
	     before = atomic_load(&wakes))
		while (atomic_load(&wakes) == before)
			sched_yield();
}

START_TEST(test_the_owner_is_woken_to_release_and_when_all_is_written) {
	int error, fd = new_file();
	struct file_writer *w = file_writer_new(fd, 0, NULL, WORKER_AT_ONCE, wake, NULL);
	atomic_store(&wakes, 0);
	for (size_t at = 0; at < SIZE; at += 100000)
		ck_assert(file_writer_put(w, &(struct iovec){data + at, 100000}, 1, NULL, NULL));
	while (atomic_load(&wakes) == 0) /* a MiB can be released, and nobody waits for the end */
		sched_yield();
	file_writer_collect(w, &error);
	await_wakes(w); /* also for what was not worth waking the thread */
	ck_assert_uint_eq(file_writer_at(w), SIZE);
	ck_assert(file_writer_put(w, &(struct iovec){data, 10}, 1, NULL, NULL));
	await_wakes(w);
	ck_assert_uint_eq(file_writer_at(w), SIZE + 10);
	file_writer_free(w);
	close(fd);
}
END_TEST

/* ---- a worker that has no thread yet ------------------------------------------------------------------------------------ */

struct job {
	struct worker worker;
	pthread_t owner;
	unsigned left, here; /* here: steps on the owner's thread */
};

static bool is_left(void *owner) {
	return ((struct job *)owner)->left > 0;
}

static void take_step(void *owner) {
	struct job *j = owner;
	nanosleep(&(struct timespec){.tv_nsec = 30000000}, NULL); /* slow */
	j->left--;
	j->here += pthread_equal(pthread_self(), j->owner) != 0;
}

START_TEST(test_a_worker_gets_a_thread_once_a_step_was_slow) {
	struct job j = {.owner = pthread_self(), .left = 3};
	worker_start(&j.worker, WORKER_IF_SLOW, is_left, take_step, &j, wake, NULL);
	ck_assert(worker_step(&j.worker));
	ck_assert(!worker_step(&j.worker)); /* from now on it is the thread's */
	worker_lock(&j.worker);
	worker_await(&j.worker);
	worker_unlock(&j.worker);
	for (bool done = false; !done; sched_yield()) {
		worker_lock(&j.worker);
		done = !j.worker.awaited;
		worker_unlock(&j.worker);
	}
	ck_assert_uint_eq(j.left, 0);
	ck_assert_uint_eq(j.here, 1);
	worker_stop(&j.worker, false);
}
END_TEST

START_TEST(test_without_anybody_to_wake_slow_steps_stay_where_they_are) {
	struct job j = {.owner = pthread_self(), .left = 3};
	worker_start(&j.worker, WORKER_IF_SLOW, is_left, take_step, &j, NULL, NULL);
	while (worker_step(&j.worker))
		;
	ck_assert_uint_eq(j.here, 3);
	worker_stop(&j.worker, false);
}
END_TEST

/* ---- the reader ------------------------------------------------------------------------------------------------------- */

/* Reads up to the end or an error, which is returned. *len: how much came. */
static int read_all_of_it(struct file_reader *r, size_t len, size_t *came) {
	int error = 0;
	*came = 0;
	while (*came < len && !error) {
		struct block *b = file_reader_next(r, &error);
		if (!b) {
			sched_yield();
			continue;
		}
		memcpy(back + *came, b->bytes, b->len);
		*came += b->len;
		block_unref(b);
	}
	return error;
}

START_TEST(test_a_file_is_read_from_an_offset_to_its_end) {
	static const size_t from[] = {0, 1, BLOCK_SIZE, SIZE - 1, SIZE};
	int fd = new_file();
	ck_assert_int_eq(write(fd, data, SIZE), SIZE);
	for (size_t i = 0; i < 2 * sizeof from / sizeof *from; i++) {
		size_t at = from[i / 2], came;
		struct block_home *home = block_home_new();
		uint32_t crc = CRC32C_INIT;
		struct file_reader *r = file_reader_new(fd, at, SIZE, &crc, home, WORKER_AT_ONCE, i % 2 ? wake : NULL, NULL);
		int error;
		ck_assert_int_eq(read_all_of_it(r, SIZE - at, &came), 0);
		ck_assert_uint_eq(came, SIZE - at);
		ck_assert_mem_eq(back, data + at, SIZE - at);
		ck_assert_ptr_null(file_reader_next(r, &error));
		ck_assert_int_eq(error, 0);
		file_reader_free(r);
		ck_assert_uint_eq(crc32c_finish(crc), crc32c(data + at, SIZE - at));
		block_home_leave(home);
	}
	close(fd);
}
END_TEST

START_TEST(test_a_file_that_became_shorter_is_an_error_behind_its_last_whole_block) {
	int fd = new_file();
	ck_assert_int_eq(write(fd, data, SIZE / 2), SIZE / 2);
	for (int thread = 0; thread < 2; thread++) {
		size_t came;
		struct block_home *home = block_home_new();
		struct file_reader *r = file_reader_new(fd, 0, SIZE, NULL, home, WORKER_AT_ONCE, thread ? wake : NULL, NULL);
		ck_assert_int_eq(read_all_of_it(r, SIZE, &came), EOF);
		ck_assert_uint_eq(came, SIZE / 2 / BLOCK_SIZE * BLOCK_SIZE);
		file_reader_free(r);
		block_home_leave(home);
	}
	close(fd);
}
END_TEST

START_TEST(test_a_reader_may_go_in_the_middle_and_blocks_outlive_it) {
	int fd = new_file(), error;
	ck_assert_int_eq(write(fd, data, SIZE), SIZE);
	struct block *b;
	struct block_home *home = block_home_new();
	struct file_reader *r = file_reader_new(fd, 0, SIZE, NULL, home, WORKER_AT_ONCE, wake, NULL);
	while (!(b = file_reader_next(r, &error)))
		sched_yield();
	file_reader_free(r);
	block_home_leave(home);
	ck_assert_mem_eq(b->bytes, data, b->len);
	block_unref(b);
	close(fd);
}
END_TEST

SUITE("file_io", test_what_is_lent_is_written_in_order_and_given_back, test_a_writer_that_goes_writes_what_it_has_first,
      test_bytes_that_are_not_lent_are_copied, test_a_full_disk_is_an_error_and_gives_all_loans_back,
      test_the_owner_is_woken_to_release_and_when_all_is_written, test_a_worker_gets_a_thread_once_a_step_was_slow,
      test_without_anybody_to_wake_slow_steps_stay_where_they_are, test_a_file_is_read_from_an_offset_to_its_end,
      test_a_file_that_became_shorter_is_an_error_behind_its_last_whole_block,
      test_a_reader_may_go_in_the_middle_and_blocks_outlive_it)
