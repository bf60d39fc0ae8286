/*
 * Does backend/sys.h keep its word on other processes? What a program that is started
 * finds (descriptors, environment, folder, user, signals) it tells itself: it is this
 * one again, with a word for what to tell and a file to tell it to.
 */
#include "config.h"

#include "tests/support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/sys.h"

/* Files with a letter each stand at numbers below this one, some of them. */
enum { LETTERS = 8, TABLE = 200, SCANNED = 1024 };

static char self[PATH_MAX];

/* ---- what a started program tells ---------------------------------------- */

static bool is_null(int fd)
{
	struct stat here, null;

	return fstat(fd, &here) == 0 && stat("/dev/null", &null) == 0 && S_ISCHR(here.st_mode) &&
	       here.st_rdev == null.st_rdev;
}

/* What stands at a number: its letter, '0' for the empty device, '?' for anything else. */
static char letter_at(int fd)
{
	char letter;

	if (is_null(fd))
		return '0';
	return pread(fd, &letter, 1, 0) == 1 ? letter : '?';
}

/* "0a1b7?": numbers and letters of all that are open. */
static void say_descriptors(char *text, size_t size)
{
	size_t n = 0;

	text[0] = '\0';
	for (int fd = 0; fd < SCANNED; fd++)
		if (fcntl(fd, F_GETFD) >= 0 && n < size)
			n += (size_t)snprintf(text + n, size - n, "%d%c ", fd, letter_at(fd));
}

static void say_signals(char *text, size_t size)
{
	struct sigaction now;
	sigset_t blocked;
	int n = 0, odd = 0;

	(void)sigprocmask(SIG_SETMASK, NULL, &blocked);
	for (int signo = 1; signo < WEIR__SIGNAL_MAX; signo++) {
		n += sigismember(&blocked, signo) == 1;
		/* Sanitizers catch faults before main. */
		if (signo != SIGSEGV && signo != SIGBUS && signo != SIGFPE)
			odd += sigaction(signo, NULL, &now) == 0 && now.sa_handler != SIG_DFL;
	}
	(void)snprintf(text, size, "%d blocked, %d not default", n, odd);
}

static void say_identity(char *text, size_t size)
{
	(void)snprintf(text, size, "uid %d %d gid %d %d groups %d leader %d", (int)getuid(),
	               (int)geteuid(), (int)getgid(), (int)getegid(), getgroups(0, NULL),
	               getsid(0) == getpid() && getpgrp() == getpid());
}

static void say_variable(char *text, size_t size)
{
	const char *value = getenv("TOLD");

	(void)snprintf(text, size, "%s %d", value ? value : "none", (int)getpid());
}

static int tell(const char *what, const char *path)
{
	static char text[8192];

	if (strcmp(what, "descriptors") == 0)
		say_descriptors(text, sizeof text);
	else if (strcmp(what, "signals") == 0)
		say_signals(text, sizeof text);
	else if (strcmp(what, "identity") == 0)
		say_identity(text, sizeof text);
	else if (strcmp(what, "variable") == 0)
		say_variable(text, sizeof text);
	else if (strcmp(what, "folder") != 0 || getcwd(text, sizeof text) == NULL)
		return 99;

	const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
	const size_t len = strlen(text);

	return fd >= 0 && write(fd, text, len) == (ssize_t)len ? 23 : 98;
}

/* ---- starting ------------------------------------------------------------ */

static const char *told_path(void)
{
	static char path[128];

	(void)snprintf(path, sizeof path, "%s/told", test_dir());
	return path;
}

/* Waits for what became of the exec. */
static int await_report(int report)
{
	struct pollfd p = {.fd = report, .events = POLLIN};
	int outcome;

	while ((outcome = weir__sys_report(report)) == 1)
		(void)poll(&p, 1, 1000);
	weir__sys_close(report);
	return outcome;
}

/* Waits for its end; the exit status, or the signal as a negative number. */
static int await_end(int64_t pid)
{
	siginfo_t info;
	int code = -1, signo = 0;

	while (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) < 0 && errno == EINTR)
		;
	if (weir__sys_reap(pid, &code, &signo) != 1)
		return -1000;
	return signo ? -signo : code;
}

/* Starts it and waits for its end. -errno of the start or the exec, less 1000. */
static int run(const struct weir__spawn *how)
{
	int report;
	const int64_t pid = weir__sys_spawn(how, &report);

	if (pid < 0)
		return (int)pid - 1000;

	const int outcome = await_report(report), status = await_end(pid);

	return outcome < 0 ? outcome - 1000 : status;
}

/* A program that tells `what`, with 0 to 2 as here. */
struct teller {
	const char *argv[4];
	int fds[TABLE];
	struct weir__spawn how;
};

static void teller_init(struct teller *t, const char *what)
{
	*t = (struct teller){.argv = {"teller", what, told_path(), NULL}, .fds = {0, 1, 2}};
	t->how = (struct weir__spawn){
		.file = self,
		.argv = (char *const *)(uintptr_t)t->argv,
		.fds = t->fds,
		.nfds = 3,
		.uid = -1,
		.gid = -1,
	};
	(void)unlink(told_path());
}

/* What it told, in static storage; "" for nothing. */
static const char *told(void)
{
	static char text[8192];
	const int fd = open(told_path(), O_RDONLY);
	const ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : 0;

	if (fd >= 0)
		(void)close(fd);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

/* As test_in_child, whose bodies may say on standard error what they miss. */
static void assert_in_child(int (*body)(void *arg), void *arg)
{
	assert_int_equal(test_in_child(body, arg), 0);
}

/* ---- descriptors --------------------------------------------------------- */

/* A test may have closed all of 0 to 2: what is wrong goes to a descriptor above. */
static int complain;

static int make_letter(int at)
{
	char path[128], letter = (char)('a' + at);

	(void)snprintf(path, sizeof path, "%s/letter-%d", test_dir(), at);
	const int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || write(fd, &letter, 1) != 1)
		return -1;
	return fd;
}

/* The letters of `open` stand at their numbers; nothing else is open. */
static bool set_up(unsigned open)
{
	complain = fcntl(2, F_DUPFD, 900);
	for (int at = 0; at < LETTERS; at++) {
		const int fd = make_letter(at), high = fcntl(fd, F_DUPFD, 500 + at);

		if (high < 0)
			return false;
		(void)close(fd);
	}
	for (int at = 0; at < LETTERS; at++) {
		(void)close(at);
		if ((open >> at & 1) && dup2(500 + at, at) != at)
			return false;
		(void)close(500 + at);
	}
	return true;
}

/* What a program with this table should tell of it. */
static void foresee(const struct teller *t, char *text, size_t size, unsigned open)
{
	size_t n = 0;

	text[0] = '\0';
	for (int i = 0; i < t->how.nfds; i++) {
		const int from = t->fds[i];
		const bool empty =
			from == WEIR__FD_NULL || (from == i && (i >= LETTERS || !(open >> i & 1)));

		if (from == WEIR__FD_NONE)
			continue;
		n += (size_t)snprintf(text + n, size - n, "%d%c ", i, empty ? '0' : 'a' + from);
	}
}

/* Starts it with this table; 0 when it finds what it should. */
static int place(struct teller *t, unsigned open)
{
	char expected[4096];

	foresee(t, expected, sizeof expected, open);
	const int status = run(&t->how);
	if (status == 23 && strcmp(told(), expected) == 0)
		return 0;
	(void)dprintf(complain, "open %x: status %d, expected %s, found %s\n", open, status,
	              expected, told());
	return 1;
}

static int map_three(void *arg)
{
	struct teller t;

	(void)arg;
	if (!set_up(7))
		return 2;
	for (int map = 0; map < 27; map++) {
		teller_init(&t, "descriptors");
		t.fds[0] = map % 3;
		t.fds[1] = map / 3 % 3;
		t.fds[2] = map / 9;
		if (place(&t, 7))
			return 1;
	}
	return 0;
}

/* Among them those that swap, rotate, and give one several numbers. */
static void three_descriptors_are_placed_in_each_permutation(void **state)
{
	(void)state;
	assert_in_child(map_three, NULL);
}

static int any_source(unsigned open, int place)
{
	for (;;) {
		const int from = (int)test_roll(LETTERS + 3);

		if (from < LETTERS && (open >> from & 1))
			return from;
		if (from == LETTERS)
			return WEIR__FD_NULL;
		if (from == LETTERS + 1)
			return WEIR__FD_NONE;
		if (from == LETTERS + 2)
			return place;
	}
}

static int map_at_random(void *arg)
{
	const unsigned open = *(unsigned *)arg;
	struct teller t;

	if (!set_up(open))
		return 2;
	for (int i = 0; i < 12; i++) {
		teller_init(&t, "descriptors");
		t.how.nfds = (int)test_roll(LETTERS + 3);
		for (int at = 0; at < t.how.nfds; at++)
			t.fds[at] = any_source(open, at);
		if (place(&t, open))
			return 1;
	}
	return 0;
}

/* Numbers below, in and above the table are open or not: what weir opens for itself
   (the report) comes to stand at any of them. */
static void descriptors_are_placed_whatever_is_open(void **state)
{
	static const unsigned opens[] = {0,    1,    2,    4,    8,    7,    0xf0, 0xff,
	                                 0xfe, 0xfc, 0xaa, 0x55, 0x0f, 0x7f, 0xbf, 0xef};

	(void)state;
	for (size_t i = 0; i < sizeof opens / sizeof *opens; i++) {
		unsigned open = opens[i];

		test_dice(i);
		assert_in_child(map_at_random, &open);
	}
}

static int start_without(void *arg)
{
	const unsigned open = *(unsigned *)arg;
	struct teller t;

	if (!set_up(open))
		return 2;
	teller_init(&t, "descriptors");
	return place(&t, open);
}

/* A daemon has closed some of the first three: its children have the empty device there,
   and nothing of what weir opened meanwhile. */
static void what_is_not_open_here_is_empty_there(void **state)
{
	(void)state;
	for (unsigned open = 0; open < 8; open++)
		assert_in_child(start_without, &open);
}

static int start_with_many(void *arg)
{
	struct teller t;

	(void)arg;
	if (!set_up(7))
		return 2;
	teller_init(&t, "descriptors");
	t.how.nfds = TABLE;
	for (int i = 0; i < TABLE; i++)
		t.fds[i] = i % 4 == 3 ? WEIR__FD_NULL : (i + 1) % 3;
	if (place(&t, 7))
		return 1;
	teller_init(&t, "descriptors");
	t.how.nfds = TABLE;
	for (int i = 3; i < TABLE; i++)
		t.fds[i] = i == TABLE - 1 ? 0 : WEIR__FD_NONE;
	return place(&t, 7);
}

static void a_table_of_200_is_placed(void **state)
{
	(void)state;
	assert_in_child(start_with_many, NULL);
}

static int start_with_none(void *arg)
{
	struct teller t;

	(void)arg;
	if (!set_up(7))
		return 2;
	teller_init(&t, "descriptors");
	t.how.nfds = 0;
	return place(&t, 7);
}

static void a_program_may_have_no_descriptor_at_all(void **state)
{
	(void)state;
	assert_in_child(start_with_none, NULL);
}

static int start_with_source_behind(void *arg)
{
	struct teller t;

	(void)arg;
	if (!set_up(0xff))
		return 2;
	/* 3 is where the report comes to stand. */
	teller_init(&t, "descriptors");
	t.fds[0] = 3;
	t.fds[1] = 7;
	t.fds[2] = 3;
	return place(&t, 0xff);
}

static void a_source_right_behind_the_table_is_placed(void **state)
{
	(void)state;
	assert_in_child(start_with_source_behind, NULL);
}

static void a_source_that_is_not_open_is_reported(void **state)
{
	struct teller t;

	(void)state;
	teller_init(&t, "descriptors");
	t.fds[1] = 700;
	assert_int_equal(run(&t.how), -1000 - EBADF);
	assert_string_equal(told(), "");
}

static void a_source_stays_open_here_and_close_on_exec(void **state)
{
	struct teller t;
	const int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)state;
	teller_init(&t, "descriptors");
	t.fds[0] = fd;
	assert_int_equal(run(&t.how), 23);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(close(fd), 0);
}

static void starting_leaves_no_descriptor_here(void **state)
{
	const int before = test_open_fds();
	struct teller t;

	(void)state;
	for (int i = 0; i < 20; i++) {
		teller_init(&t, "descriptors");
		if (i % 2)
			t.how.file = "/nowhere";
		(void)run(&t.how);
	}
	assert_int_equal(test_open_fds(), before);
}

/* ---- closing ------------------------------------------------------------- */

static int open_limit(void)
{
	struct rlimit limit;

	(void)getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	return weir__sys_fd_limit();
}

/* How long it takes to close what is open from `first` on; -1: not all was. */
static int64_t close_all(int first, int limit)
{
	const int64_t began = test_now_us();

	weir__sys_close_from(first);

	const int64_t took = test_now_us() - began;

	for (int fd = 0; fd < limit; fd++)
		if ((fcntl(fd, F_GETFD) >= 0) != (fd < first && fd < 3))
			return -1;
	return took;
}

struct closing {
	int n;
	int64_t took; /* microseconds */
};

static int close_many(void *arg)
{
	struct closing *c = arg;
	const int limit = open_limit() < 100000 ? open_limit() : 100000;
	const int n = c->n < limit - 10 ? c->n : limit - 10;

	weir__sys_close_from(3);
	/* From the top of what is looked at down, with gaps. */
	for (int i = 0; i < n; i++)
		if (dup2(0, limit - 1 - i - (i % 7 == 0)) < 0)
			return 2;
	c->took = close_all(3, limit);
	return c->took < 0;
}

static void everything_is_closed_in_a_time_that_depends_on_how_much_is_open(void **state)
{
	struct closing *few = weir__sys_share(2 * sizeof *few), *many = few + 1;

	(void)state;
	assert_non_null(few);
	few->n = 5;
	many->n = 10000;
	assert_in_child(close_many, few);
	assert_in_child(close_many, many);
	print_message("closing 5 took %d us, 10000 %d us\n", (int)few->took, (int)many->took);
	/* With a limit of thousands of millions a walk over all numbers would take minutes. */
	assert_true(few->took < 1000000 && many->took < 5000000);
	weir__sys_unshare(few, 2 * sizeof *few);
}

/* In a folder of its own, where there is neither /proc nor /dev. */
static int close_without_a_list(void *arg)
{
	const int limit = open_limit();

	(void)arg;
	if (chroot(test_dir()) != 0)
		return 2;
	weir__sys_close_from(3);
	for (int fd = 3; fd < 300; fd += 2)
		(void)dup2(0, fd);
	(void)dup2(0, limit < 60000 ? limit - 1 : 60000);
	return close_all(3, limit < 100000 ? limit : 100000) < 0;
}

static void what_is_open_is_found_also_where_the_system_has_no_list(void **state)
{
	(void)state;
	(void)test_dir();
	if (geteuid() != 0) {
		print_message("only root may change the root folder\n");
		skip();
	}
	assert_in_child(close_without_a_list, NULL);
}

static int close_from_the_middle(void *arg)
{
	(void)arg;
	weir__sys_close_from(3);
	for (int fd = 3; fd < 40; fd++)
		(void)dup2(0, fd);
	weir__sys_close_from(20);
	for (int fd = 0; fd < 60; fd++)
		if ((fcntl(fd, F_GETFD) >= 0) != (fd < 20))
			return 1;
	weir__sys_close_from(1);
	weir__sys_close_from(0);
	return fcntl(0, F_GETFD) >= 0;
}

static void those_below_stay_open(void **state)
{
	(void)state;
	assert_in_child(close_from_the_middle, NULL);
}

/* A started program has none of thousands, which are open without close-on-exec. */
static int start_among_thousands(void *arg)
{
	struct closing *c = arg;
	struct teller t;
	const int limit = open_limit();

	if (!set_up(7))
		return 2;
	for (int i = 0; i < c->n && i < limit - 100; i++)
		if (dup(1) < 0)
			return 2;
	teller_init(&t, "descriptors");
	const int64_t began = test_now_us();
	const int result = place(&t, 7);
	c->took = test_now_us() - began;
	return result;
}

static void a_program_has_none_of_thousands_that_are_open(void **state)
{
	struct closing *few = weir__sys_share(2 * sizeof *few), *many = few + 1;

	(void)state;
	assert_non_null(few);
	many->n = 10000;
	assert_in_child(start_among_thousands, few);
	assert_in_child(start_among_thousands, many);
	print_message("starting took %d us with few open, %d us with 10000\n", (int)few->took,
	              (int)many->took);
	weir__sys_unshare(few, 2 * sizeof *few);
}

/* ---- what it does not find ----------------------------------------------- */

static const char *make_file(const char *name, const char *text, mode_t mode)
{
	static char path[128];
	(void)snprintf(path, sizeof path, "%s/%s", test_dir(), name);
	const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(close(fd), 0);
	return path;
}

static int run_file(const char *file)
{
	struct teller t;

	teller_init(&t, "folder");
	t.how.file = file;
	return run(&t.how);
}

static void what_cannot_be_run_is_reported_with_its_reason(void **state)
{
	char slash[160];

	(void)state;
	assert_int_equal(run_file("/nowhere/at/all"), -1000 - ENOENT);
	assert_int_equal(run_file("no-such-program-in-the-path"), -1000 - ENOENT);
	assert_int_equal(run_file(""), -1000 - ENOENT);
	assert_int_equal(run_file(make_file("plain", "hello", 0644)), -1000 - EACCES);
	assert_int_equal(run_file("/dev"), -1000 - EACCES);
	(void)snprintf(slash, sizeof slash, "%s/x", make_file("plain", "hello", 0644));
	assert_int_equal(run_file(slash), -1000 - ENOTDIR);
	assert_int_equal(run_file(make_file("dangling", "#!/nowhere/sh\n", 0755)), -1000 - ENOENT);
}

static int exec_file(void *file)
{
	char *argv[] = {file, NULL};

	(void)execvp(file, argv);
	return errno;
}

/* As execvp has it, which on some systems (musl) knows no such scripts. */
static void a_file_without_a_first_line_is_a_script_of_the_shell(void **state)
{
	char file[160];

	(void)state;
	(void)snprintf(file, sizeof file, "%s", make_file("script", "exit 7\n", 0755));
	const int here = test_in_child(exec_file, file);
	assert_true(here == 7 || here == ENOEXEC);
	assert_int_equal(run_file(file), here == 7 ? 7 : -1000 - ENOEXEC);
}

static void the_path_of_its_own_environment_is_searched(void **state)
{
	char path[160], found[] = "PATH=/bin:/usr/bin";
	const char *argv[] = {"sh", "-c", "exit 5", NULL};
	char *env[] = {path, NULL};
	struct teller t;

	(void)state;
	(void)snprintf(path, sizeof path, "PATH=%s", test_dir());
	teller_init(&t, "folder");
	t.how.file = "sh";
	t.how.argv = (char *const *)(uintptr_t)argv;
	t.how.env = env;
	assert_int_equal(run(&t.how), -1000 - ENOENT);
	env[0] = found;
	assert_int_equal(run(&t.how), 5);
}

static void a_folder_that_is_not_there_is_reported(void **state)
{
	struct teller t;

	(void)state;
	teller_init(&t, "folder");
	t.how.cwd = "/nowhere";
	assert_int_equal(run(&t.how), -1000 - ENOENT);
	t.how.cwd = make_file("plain", "", 0644);
	assert_int_equal(run(&t.how), -1000 - ENOTDIR);
}

/* A child that is held between its fork and its exec. */
static int gate[2];
static bool gated;

static void wait_at_the_gate(void)
{
	char octet;

	if (gated)
		(void)!read(gate[0], &octet, 1);
}

static void starting_does_not_wait_for_the_exec(void **state)
{
	struct teller t;
	int report;

	(void)state;
	assert_int_equal(pthread_atfork(NULL, NULL, wait_at_the_gate), 0);
	assert_int_equal(pipe(gate), 0);
	gated = true;
	teller_init(&t, "folder");
	const int64_t pid = weir__sys_spawn(&t.how, &report);
	gated = false;
	assert_true(pid > 0);
	assert_int_equal(weir__sys_report(report), 1);
	assert_string_equal(told(), "");
	assert_int_equal(write(gate[1], "x", 1), 1);
	assert_int_equal(await_report(report), 0);
	assert_int_equal(await_end(pid), 23);
	assert_string_not_equal(told(), "");
	assert_int_equal(close(gate[0]), 0);
	assert_int_equal(close(gate[1]), 0);
}

/* ---- what it finds ------------------------------------------------------- */

static void the_folder_is_changed(void **state)
{
	struct teller t;
	char here[PATH_MAX];

	(void)state;
	teller_init(&t, "folder");
	t.how.cwd = "/";
	assert_int_equal(run(&t.how), 23);
	assert_string_equal(told(), "/");
	teller_init(&t, "folder");
	assert_int_equal(run(&t.how), 23);
	assert_string_equal(told(), getcwd(here, sizeof here));
}

static void its_environment_is_what_was_given(void **state)
{
	char variable[] = "TOLD=by the test";
	char *given[] = {variable, NULL}, *none[] = {NULL};
	struct teller t;

	(void)state;
	assert_int_equal(setenv("TOLD", "here", 1), 0);
	teller_init(&t, "variable");
	assert_int_equal(run(&t.how), 23);
	assert_memory_equal(told(), "here ", 5);
	teller_init(&t, "variable");
	t.how.env = given;
	assert_int_equal(run(&t.how), 23);
	assert_memory_equal(told(), "by the test ", 12);
	teller_init(&t, "variable");
	t.how.env = none;
	assert_int_equal(run(&t.how), 23);
	assert_memory_equal(told(), "none ", 5);
	assert_int_equal(unsetenv("TOLD"), 0);
}

static void its_number_is_written_into_its_environment(void **state)
{
	char variable[64] = "TOLD=", expected[64];
	char *given[] = {variable, NULL}, *texts[] = {variable + 5};
	struct teller t;
	int report;

	(void)state;
	teller_init(&t, "variable");
	t.how.env = given;
	t.how.pid_texts = texts;
	t.how.npid_texts = 1;
	const int64_t pid = weir__sys_spawn(&t.how, &report);
	assert_int_equal(await_report(report), 0);
	assert_int_equal(await_end(pid), 23);
	(void)snprintf(expected, sizeof expected, "%d %d", (int)pid, (int)pid);
	assert_string_equal(told(), expected);
	assert_string_equal(variable, "TOLD=");
}

static void handle(int signo)
{
	(void)signo;
}

static int start_with_odd_signals(void *arg)
{
	struct teller t;
	sigset_t blocked;

	(void)arg;
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGCHLD, SIG_IGN);
	(void)signal(SIGUSR2, handle);
	(void)signal(SIGCHLD, SIG_DFL);
	(void)sigemptyset(&blocked);
	(void)sigaddset(&blocked, SIGUSR1);
	(void)sigaddset(&blocked, SIGTERM);
	(void)pthread_sigmask(SIG_BLOCK, &blocked, NULL);
	teller_init(&t, "signals");
	if (run(&t.how) != 23 || strcmp(told(), "0 blocked, 0 not default") != 0) {
		(void)fprintf(stderr, "told: %s\n", told());
		return 1;
	}
	(void)pthread_sigmask(SIG_BLOCK, NULL, &blocked);
	return sigismember(&blocked, SIGUSR1) != 1 || sigismember(&blocked, SIGHUP) == 1;
}

static void its_signals_are_as_the_system_has_them(void **state)
{
	(void)state;
	assert_in_child(start_with_odd_signals, NULL);
}

static void it_has_a_session_of_its_own_if_it_is_to(void **state)
{
	struct teller t;

	(void)state;
	teller_init(&t, "identity");
	assert_int_equal(run(&t.how), 23);
	assert_non_null(strstr(told(), "leader 0"));
	teller_init(&t, "identity");
	t.how.session = true;
	assert_int_equal(run(&t.how), 23);
	assert_non_null(strstr(told(), "leader 1"));
}

static void a_user_and_a_group_are_changed_without_their_extras(void **state)
{
	const gid_t extras[] = {5, 6};
	struct teller t;

	(void)state;
	if (geteuid() != 0) {
		print_message("only root may change the user\n");
		skip();
	}
	assert_int_equal(setgroups(2, extras), 0);
	assert_int_equal(chmod(test_dir(), 0777), 0);
	teller_init(&t, "identity");
	t.how.file = "/bin/sh"; /* the program itself may stand where others may not go */
	const char *argv[] = {"sh", "-c", "echo `id -u` `id -g` `id -G` >$0", told_path(), NULL};
	t.how.argv = (char *const *)(uintptr_t)argv;
	t.how.uid = 4711;
	t.how.gid = 4712;
	assert_int_equal(run(&t.how), 0);
	assert_string_equal(told(), "4711 4712 4712\n");
	(void)unlink(told_path());
	t.how.uid = -1;
	assert_int_equal(run(&t.how), 0);
	assert_string_equal(told(), "0 4712 4712\n");
	(void)unlink(told_path());
	t.how.gid = -1;
	assert_int_equal(run(&t.how), 0);
	assert_string_equal(told(), "0 0 0 5 6\n");
	assert_int_equal(setgroups(0, NULL), 0);
}

static int change_user_as_nobody(void *arg)
{
	struct teller t;

	(void)arg;
	if (geteuid() == 0 && (setgid(4712) != 0 || setuid(4711) != 0))
		return 2;
	teller_init(&t, "identity");
	t.how.file = "/bin/sh";
	t.how.uid = 1;
	return run(&t.how) != -1000 - EPERM;
}

static void who_may_not_change_the_user_is_told(void **state)
{
	(void)state;
	assert_in_child(change_user_as_nobody, NULL);
}

/* ---- its end ------------------------------------------------------------- */

static int64_t start_shell(const char *command)
{
	const char *argv[] = {"sh", "-c", command, NULL};
	struct teller t;
	int report;

	teller_init(&t, "");
	t.how.file = "/bin/sh";
	t.how.argv = (char *const *)(uintptr_t)argv;
	const int64_t pid = weir__sys_spawn(&t.how, &report);
	assert_int_equal(await_report(report), 0);
	return pid;
}

static void its_status_is_told_once(void **state)
{
	int code = -5, signo = -5;
	const int64_t pid = start_shell("exit 42");

	(void)state;
	assert_int_equal(await_end(pid), 42);
	assert_int_equal(weir__sys_reap(pid, &code, &signo), -ECHILD);
	assert_int_equal(code, -5);
	assert_int_equal(signo, -5);
	assert_int_equal(weir__sys_kill(pid, 0), -ESRCH);
}

static void the_signal_that_ended_it_is_told(void **state)
{
	int code = 7, signo = 0;
	const int64_t pid = start_shell("exec sleep 100");

	(void)state;
	assert_int_equal(weir__sys_reap(pid, &code, &signo), 0);
	assert_int_equal(weir__sys_kill(pid, 0), 0);
	assert_int_equal(weir__sys_kill(pid, 1000), -EINVAL);
	assert_int_equal(weir__sys_kill(pid, SIGTERM), 0);
	assert_int_equal(await_end(pid), -SIGTERM);
}

static void a_descriptor_tells_of_its_end_where_there_are_such(void **state)
{
	const int64_t pid = start_shell("read x; exit 3");
	const int fd = weir__sys_pidfd(pid);
	struct pollfd p = {.fd = fd, .events = POLLIN};

	(void)state;
	assert_int_equal(weir__sys_pidfds(), fd >= 0);
	if (fd >= 0) {
		assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
		assert_int_equal(poll(&p, 1, 10000), 1);
		assert_int_equal(close(fd), 0);
	} else {
		assert_int_equal(fd, -ENOSYS);
	}
	assert_int_equal(await_end(pid), 3);
	assert_int_equal(weir__sys_pidfd(pid), fd >= 0 ? -ESRCH : -ENOSYS);
}

static int ask_without_numbers(void *arg)
{
	struct rlimit none = {.rlim_cur = 3, .rlim_max = 3};
	const bool before = weir__sys_pidfds();

	(void)arg;
	weir__sys_close_from(3);
	if (setrlimit(RLIMIT_NOFILE, &none) != 0)
		return 2;
	return weir__sys_pidfds() != before;
}

static void the_want_of_a_number_is_not_the_want_of_the_means(void **state)
{
	(void)state;
	assert_in_child(ask_without_numbers, NULL);
}

static int start_without_numbers(void *arg)
{
	struct rlimit few = {.rlim_cur = 4, .rlim_max = 4};
	struct teller t;
	int report = 77;

	(void)arg;
	weir__sys_close_from(3);
	if (setrlimit(RLIMIT_NOFILE, &few) != 0)
		return 2;
	teller_init(&t, "descriptors");
	if (weir__sys_spawn(&t.how, &report) != -EMFILE || report != -1)
		return 3;
	return fcntl(3, F_GETFD) >= 0;
}

static void without_numbers_nothing_is_started(void **state)
{
	(void)state;
	assert_in_child(start_without_numbers, NULL);
}

/* ---- fork ---------------------------------------------------------------- */

static int wake[2];

static int fork_with_a_caught_signal(void *arg)
{
	struct sigaction now;
	sigset_t before, after;

	(void)arg;
	/* The kernel fills a part of them only. */
	memset(&before, 0, sizeof before);
	memset(&after, 0, sizeof after);
	(void)signal(SIGUSR2, SIG_IGN);
	if (weir__sys_wake_open(wake) != 0 || weir__sys_signal_catch(SIGUSR1, wake[1]) != 0 ||
	    weir__sys_signal_catch(SIGUSR2, wake[1]) != 0)
		return 2;
	(void)pthread_sigmask(SIG_SETMASK, NULL, &before);

	const int64_t pid = weir__sys_fork();

	if (pid == 0) {
		int bad = sigaction(SIGUSR1, NULL, &now) != 0 || now.sa_handler != SIG_DFL;
		bad |= sigaction(SIGUSR2, NULL, &now) != 0 || now.sa_handler != SIG_IGN;
		bad |= weir__sys_signal_take(SIGUSR1) != 0;
		/* It may be caught anew. */
		bad |= weir__sys_signal_catch(SIGUSR1, 2) != 0;
		(void)pthread_sigmask(SIG_SETMASK, NULL, &after);
		bad |= memcmp(&before, &after, sizeof before) != 0;
		weir__sys_exit(bad ? 1 : 9);
	}
	(void)pthread_sigmask(SIG_SETMASK, NULL, &after);
	if (pid < 0 || await_end(pid) != 9 || memcmp(&before, &after, sizeof before) != 0)
		return 3;
	(void)raise(SIGUSR1);
	return weir__sys_signal_take(SIGUSR1) != 1;
}

static void a_forked_child_has_none_of_the_signals_that_were_caught(void **state)
{
	(void)state;
	assert_in_child(fork_with_a_caught_signal, NULL);
}

/* As many signals as can be, while many are forked: none reaches the parent twice. */
static int fork_in_a_storm(void *arg)
{
	(void)arg;
	if (weir__sys_wake_open(wake) != 0 || weir__sys_signal_catch(SIGUSR1, wake[1]) != 0)
		return 2;
	for (int i = 0; i < 200; i++) {
		const int64_t pid = weir__sys_fork();

		if (pid == 0) {
			/* The default of it, which ends the child. */
			(void)raise(SIGUSR1);
			weir__sys_exit(0);
		}
		if (pid < 0 || await_end(pid) != -SIGUSR1)
			return 3;
	}
	return weir__sys_signal_take(SIGUSR1) != 0;
}

static void signals_of_a_forked_child_are_its_own(void **state)
{
	(void)state;
	assert_in_child(fork_in_a_storm, NULL);
}

static int print_and_fork(void *arg)
{
	int fd[2];
	char text[64];

	(void)arg;
	if (pipe(fd) != 0 || dup2(fd[1], 1) != 1)
		return 2;
	(void)close(fd[1]);
	(void)setvbuf(stdout, NULL, _IOFBF, 4096);
	(void)printf("once");

	const int64_t pid = weir__sys_fork();

	if (pid == 0)
		weir__sys_exit(0);
	(void)await_end(pid);
	(void)fflush(stdout);
	(void)close(1);
	return read(fd[0], text, sizeof text) != 4;
}

static void what_was_printed_is_not_printed_by_the_child_again(void **state)
{
	(void)state;
	assert_in_child(print_and_fork, NULL);
}

/* ---- what processes share ------------------------------------------------ */

static void shared_memory_is_one_for_both(void **state)
{
	int *number = weir__sys_share(100000);

	(void)state;
	assert_non_null(number);
	assert_int_equal(number[0], 0);
	assert_int_equal(number[20000], 0);

	const int64_t pid = weir__sys_fork();

	if (pid == 0) {
		number[20000] = 5;
		weir__sys_exit(0);
	}
	assert_int_equal(await_end(pid), 0);
	assert_int_equal(number[20000], 5);
	weir__sys_unshare(number, 100000);
	weir__sys_unshare(NULL, 0);
}

static void there_is_at_least_one_processor(void **state)
{
	(void)state;
	assert_true(weir__sys_processors() >= 1);
}

static void the_environment_is_the_one_that_getenv_sees(void **state)
{
	(void)state;
	assert_int_equal(setenv("WEIR_PROCESS_TEST", "x", 1), 0);
	bool found = false;
	for (char *const *at = weir__sys_environment(); *at; at++)
		found |= strcmp(*at, "WEIR_PROCESS_TEST=x") == 0;
	assert_true(found);
	assert_int_equal(unsetenv("WEIR_PROCESS_TEST"), 0);
}

/* ---- descriptors from process to process ---------------------------------- */

static int64_t pass(int to, int fd)
{
	char octet = 'x';
	const struct weir__vec vec = {&octet, 1};

	return weir__sys_write_passing(to, &vec, 1, fd);
}

static int64_t take(int from, char *text, size_t len, int *fds, int *n, bool *lost)
{
	const struct weir__vec vec = {text, len};

	return weir__sys_read_passing(from, &vec, 1, fds, n, lost);
}

static void a_pair_is_one_and_nothing_else_is(void **state)
{
	int pair[2], plain[2];

	(void)state;
	assert_int_equal(weir__sys_pair(pair), 0);
	for (int i = 0; i < 2; i++) {
		assert_true(fcntl(pair[i], F_GETFL) & O_NONBLOCK);
		assert_true(fcntl(pair[i], F_GETFD) & FD_CLOEXEC);
		assert_int_equal(weir__sys_is_pair(pair[i]), 0);
		assert_int_equal(weir__sys_disown(pair[i]), 0);
		assert_false(fcntl(pair[i], F_GETFL) & O_NONBLOCK);
		assert_int_equal(close(pair[i]), 0);
		assert_int_equal(weir__sys_is_pair(pair[i]), -EBADF);
	}
	assert_int_equal(pipe(plain), 0);
	assert_int_equal(weir__sys_is_pair(plain[0]), -ENOTSOCK);
	(void)close(plain[0]);
	(void)close(plain[1]);
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, plain), 0);
	assert_int_equal(weir__sys_is_pair(plain[0]), -EINVAL);
	(void)close(plain[0]);
	(void)close(plain[1]);
}

static void descriptors_arrive_in_their_order_and_close_on_exec(void **state)
{
	int pair[2], fds[WEIR__PASSED_MAX], n;
	bool lost;
	char text[8];

	(void)state;
	assert_int_equal(weir__sys_pair(pair), 0);
	for (int i = 0; i < 3; i++) {
		const int fd = make_letter(i);
		assert_int_equal(pass(pair[0], fd), 1);
		/* The copy here is still open. */
		assert_int_equal(close(fd), 0);
	}
	assert_int_equal(pass(pair[0], -1), 1);
	for (int i = 0; i < 3; i++) {
		assert_true(take(pair[1], text, 1, fds, &n, &lost) == 1);
		assert_int_equal(n, 1);
		assert_false(lost);
		assert_true(fcntl(fds[0], F_GETFD) & FD_CLOEXEC);
		assert_int_equal(letter_at(fds[0]), 'a' + i);
		assert_int_equal(close(fds[0]), 0);
	}
	assert_true(take(pair[1], text, 8, fds, &n, &lost) == 1);
	assert_int_equal(n, 0);
	assert_int_equal(take(pair[1], text, 8, fds, &n, &lost), -EAGAIN);
	assert_int_equal(pass(pair[0], 3000), -EBADF);
	assert_int_equal(close(pair[1]), 0);
	assert_int_equal(pass(pair[0], 0), -EPIPE);
	assert_int_equal(close(pair[0]), 0);
}

static int take_without_room(void *arg)
{
	struct rlimit few;
	int pair[2], fds[WEIR__PASSED_MAX], n;
	bool lost;
	char text[8];

	(void)arg;
	weir__sys_close_from(3);
	if (weir__sys_pair(pair) != 0 || pass(pair[0], 0) != 1)
		return 2;
	few.rlim_cur = few.rlim_max = 5;
	if (setrlimit(RLIMIT_NOFILE, &few) != 0)
		return 3;
	return take(pair[1], text, 8, fds, &n, &lost) != 1 || n != 0 || !lost;
}

static void one_that_there_is_no_room_for_is_told_as_lost(void **state)
{
	(void)state;
	assert_in_child(take_without_room, NULL);
}

static void a_copy_has_a_number_of_its_own(void **state)
{
	const int copy = weir__sys_dup(2);

	(void)state;
	assert_true(copy > 2);
	assert_true(fcntl(copy, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(close(copy), 0);
	assert_int_equal(weir__sys_dup(3000), -EBADF);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(three_descriptors_are_placed_in_each_permutation),
		cmocka_unit_test(what_is_not_open_here_is_empty_there),
		cmocka_unit_test(descriptors_are_placed_whatever_is_open),
		cmocka_unit_test(a_table_of_200_is_placed),
		cmocka_unit_test(a_program_may_have_no_descriptor_at_all),
		cmocka_unit_test(a_source_right_behind_the_table_is_placed),
		cmocka_unit_test(a_source_that_is_not_open_is_reported),
		cmocka_unit_test(a_source_stays_open_here_and_close_on_exec),
		cmocka_unit_test(starting_leaves_no_descriptor_here),
		cmocka_unit_test(everything_is_closed_in_a_time_that_depends_on_how_much_is_open),
		cmocka_unit_test(what_is_open_is_found_also_where_the_system_has_no_list),
		cmocka_unit_test(those_below_stay_open),
		cmocka_unit_test(a_program_has_none_of_thousands_that_are_open),
		cmocka_unit_test(what_cannot_be_run_is_reported_with_its_reason),
		cmocka_unit_test(a_file_without_a_first_line_is_a_script_of_the_shell),
		cmocka_unit_test(the_path_of_its_own_environment_is_searched),
		cmocka_unit_test(a_folder_that_is_not_there_is_reported),
		cmocka_unit_test(starting_does_not_wait_for_the_exec),
		cmocka_unit_test(the_folder_is_changed),
		cmocka_unit_test(its_environment_is_what_was_given),
		cmocka_unit_test(its_number_is_written_into_its_environment),
		cmocka_unit_test(its_signals_are_as_the_system_has_them),
		cmocka_unit_test(it_has_a_session_of_its_own_if_it_is_to),
		cmocka_unit_test(a_user_and_a_group_are_changed_without_their_extras),
		cmocka_unit_test(who_may_not_change_the_user_is_told),
		cmocka_unit_test(its_status_is_told_once),
		cmocka_unit_test(the_signal_that_ended_it_is_told),
		cmocka_unit_test(a_descriptor_tells_of_its_end_where_there_are_such),
		cmocka_unit_test(the_want_of_a_number_is_not_the_want_of_the_means),
		cmocka_unit_test(without_numbers_nothing_is_started),
		cmocka_unit_test(a_forked_child_has_none_of_the_signals_that_were_caught),
		cmocka_unit_test(signals_of_a_forked_child_are_its_own),
		cmocka_unit_test(what_was_printed_is_not_printed_by_the_child_again),
		cmocka_unit_test(shared_memory_is_one_for_both),
		cmocka_unit_test(there_is_at_least_one_processor),
		cmocka_unit_test(the_environment_is_the_one_that_getenv_sees),
		cmocka_unit_test(a_pair_is_one_and_nothing_else_is),
		cmocka_unit_test(descriptors_arrive_in_their_order_and_close_on_exec),
		cmocka_unit_test(one_that_there_is_no_room_for_is_told_as_lost),
		cmocka_unit_test(a_copy_has_a_number_of_its_own),
	};

	if (argc == 3)
		return tell(argv[1], argv[2]);
	test_watchdog(110);
	if (realpath(argv[0], self) == NULL)
		return 1;
	return cmocka_run_group_tests_name("process", tests, NULL, NULL);
}
