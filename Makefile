.POSIX:
.SUFFIXES:

# The build of weir, for any POSIX make that has a plain include. Run ./configure first: it writes
# config.mk, which holds the choices and, from the lists below, a rule for each object and program.
#
# To add a file, add a line to its list (a list ends at the empty line). make does the rest.

# ---- files ----

# Beside these, the one poller that configure chose.
BACKEND_SRCS = \
	backend/fdtab.c \
	backend/sys_fd.c \
	backend/sys_socket.c \
	backend/sys_wake.c \
	backend/sys_signal.c \
	backend/sys_clock.c \
	backend/sys_thread.c \
	backend/sys_inherit.c \
	backend/sys_process.c \
	backend/sys_pass.c \
	backend/sys_file.c \
	backend/sys_ids.c \
	backend/sigpipe.c \

CORE_SRCS = \
	core/mem.c \
	core/error.c \
	core/addr.c \
	core/trust.c \
	core/peer.c \
	core/chunk.c \
	core/outq.c \
	core/timer.c \
	core/wheel.c \
	core/task.c \
	core/owner.c \
	core/loop.c \
	core/io.c \
	core/socket.c \
	core/listen.c \
	core/proxy.c \
	core/guest.c \
	core/stream.c \
	core/read.c \
	core/write.c \
	core/open.c \
	core/signal.c \
	core/chan.c \
	core/child.c \
	core/spawn.c \
	core/fork.c \
	core/ready.c \
	core/roster.c \
	core/place.c \
	core/cluster.c \
	core/door.c \
	core/worker.c \

# The archive member that a program with a main of its own never pulls in.
MAIN_SRCS = \
	core/main.c \

HTTP_SRCS = \
	http/octets.c \
	http/scan.c \
	http/scan_swar.c \
	http/scan_sse2.c \
	http/scan_avx2.c \
	http/scan_avx512.c \
	http/scan_neon.c \
	http/target.c \
	http/framing.c \
	http/parse.c \
	http/startline.c \
	http/fields.c \
	http/trailer.c \
	http/body.c \
	http/head.c \
	http/index.c \
	http/status.c \
	http/url.c \
	http/emit.c \
	http/admit.c \
	http/conn.c \
	http/step.c \
	http/callback.c \
	http/exchange.c \
	http/partial.c \
	http/intake.c \
	http/limit.c \
	http/part.c \
	http/request.c \
	http/forwarded.c \
	http/added.c \
	http/reply.c \
	http/switch.c \
	http/health.c \
	http/access.c \
	http/logline.c \
	http/options.c \
	http/drain.c \
	http/server.c \

# Copied into include/ of the build folder, where programs find them as <weir.h>.
PUBLIC_HEADERS = \
	core/weir.h \
	http/weir_http.h \

MANPAGES = \
	core/weir.3 \
	http/weir_http.3 \

# A program each, of the library alone.
EXAMPLES = \
	tests/examples/hello.c \
	tests/examples/echo.c \
	tests/examples/upgrade.c \
	tests/examples/upload.c \
	tests/examples/events.c \
	tests/examples/longpoll.c \
	tests/examples/cluster.c \
	tests/examples/service.c \

BENCHES = \
	bench/idle.c \
	bench/floor.c \
	bench/threads.c \
	bench/prefork.c \
	bench/parse.c \
	bench/chan.c \
	bench/spawn.c \
	bench/load.c \
	bench/timers.c \
	bench/backends.c \

# What measuring programs share, in an archive: each is linked with what it uses.
BENCH_SRCS = \
	bench/meter.c \
	bench/family.c \
	bench/listen.c \
	bench/blocking.c \
	bench/option.c \
	bench/tsv.c \
	bench/memory.c \
	bench/dial.c \
	bench/subject.c \
	bench/million.c \
	bench/histogram.c \
	bench/load_options.c \
	bench/load_dial.c \
	bench/load_conn.c \
	bench/load_reply.c \
	bench/load_slow.c \
	bench/load_server.c \
	bench/load_report.c \

# A cmocka program each, of the library and the support objects.
# (BACKEND_TESTS also of the parts of the conformance suite.)
UNIT_TESTS = \
	tests/unit/addr_test.c \
	tests/unit/trust_test.c \
	tests/unit/proxy_test.c \
	tests/unit/peer_test.c \
	tests/unit/chunk_test.c \
	tests/unit/outq_test.c \
	tests/unit/error_test.c \
	tests/unit/size_test.c \
	tests/unit/status_test.c \
	tests/unit/head_test.c \
	tests/unit/octets_test.c \
	tests/unit/scan_test.c \
	tests/unit/index_test.c \
	tests/unit/forwarded_test.c \
	tests/unit/url_test.c \
	tests/unit/parse_test.c \
	tests/unit/histogram_test.c \

BACKEND_TESTS = \
	tests/backend/sys_test.c \
	tests/backend/fd_test.c \
	tests/backend/socket_test.c \
	tests/backend/file_test.c \
	tests/backend/process_test.c \
	tests/backend/conformance_test.c \

CONFORMANCE_SRCS = \
	tests/backend/conform_time.c \
	tests/backend/conform_many.c \
	tests/backend/conform_interest.c \
	tests/backend/conform_fork.c \
	tests/backend/conform_fault.c \
	tests/backend/conform_drop.c \
	tests/backend/conform.c \
	tests/backend/conform_sockets.c \
	tests/backend/conform_kinds.c \
	tests/backend/conform_trace.c \
	tests/backend/conform_recorded.c \
	tests/backend/conform_ends.c \
	tests/backend/conform_batch.c \

LOOPBACK_TESTS = \
	tests/loopback/loop_test.c \
	tests/loopback/timer_test.c \
	tests/loopback/io_test.c \
	tests/loopback/signal_test.c \
	tests/loopback/adopt_test.c \
	tests/loopback/alloc_test.c \
	tests/loopback/child_test.c \
	tests/loopback/close_test.c \
	tests/loopback/cluster_test.c \
	tests/loopback/connect_test.c \
	tests/loopback/exhaust_test.c \
	tests/loopback/fork_test.c \
	tests/loopback/idle_test.c \
	tests/loopback/listen_test.c \
	tests/loopback/net_test.c \
	tests/loopback/process_node_test.c \
	tests/loopback/ready_test.c \
	tests/loopback/stream_test.c \
	tests/loopback/transport_test.c \
	tests/loopback/write_test.c \
	tests/loopback/chan_test.c \
	tests/loopback/http_test.c \
	tests/loopback/stream_node_test.c \
	tests/loopback/exchange_test.c \

SUPPORT_SRCS = \
	tests/support/test.c \
	tests/support/net.c \
	tests/support/kid.c \
	tests/support/hive.c \

# A cmocka program each, in which the scripted kernel takes the place of backend/.
MEMIO_TESTS = \
	tests/unit/wheel_test.c \
	tests/memio/memio_test.c \
	tests/memio/guest_test.c \
	tests/memio/http_conn_test.c \
	tests/memio/http_ask_test.c \
	tests/memio/http_log_test.c \
	tests/memio/http_fixture_test.c \
	tests/memio/http_endless_test.c \
	tests/memio/http_storm_test.c \
	tests/memio/http_calm_test.c \
	tests/memio/http_switch_test.c \
	tests/memio/http_trailer_test.c \
	tests/memio/http_odd_test.c \
	tests/memio/http_rfc_test.c \
	tests/memio/http_node_test.c \
	tests/memio/http_drain_test.c \
	tests/memio/http_adopt_test.c \
	tests/memio/http_health_test.c \
	tests/memio/http_limit_test.c \
	tests/memio/http_persist_test.c \
	tests/memio/http_lean_test.c \

MEMIO_SRCS = \
	tests/memio/kernel.c \
	tests/memio/ends.c \
	tests/memio/listeners.c \
	tests/memio/sys.c \
	tests/memio/alone.c \
	tests/memio/sockets.c \
	tests/memio/poller.c \
	tests/memio/clients.c \
	tests/memio/memio.c \

# What tests of the server share on it.
BED_SRCS = \
	tests/memio/http_bed.c \

# A program each, of the library or, those of CONN_FUZZERS, of the scripted kernel in the place of
# backend/.
FUZZERS = \
	tests/fuzz/head_fuzz.c \
	tests/fuzz/body_fuzz.c \
	tests/fuzz/response_fuzz.c \
	tests/fuzz/split_fuzz.c \
	tests/fuzz/variants_fuzz.c \
	tests/fuzz/proxy_fuzz.c \

CONN_FUZZERS = \
	tests/fuzz/conn_fuzz.c \

FUZZ_SRCS = \
	tests/fuzz/input.c \
	tests/fuzz/follow.c \
	tests/fuzz/model.c \
	tests/fuzz/replies.c \
	tests/fuzz/replay.c \

# A program each for the scripts, of these objects and no library.
TEST_TOOLS = \
	tests/tools/after.c \
	tests/tools/ask.c \
	tests/tools/crowd.c \
	tests/tools/upload.c \
	tests/tools/starve.c \
	tests/tools/steady.c \
	tests/tools/spread.c \
	tests/tools/killer.c \

TOOL_SRCS = \
	tests/tools/client.c \
	tests/tools/taker.c \
	tests/tools/asker.c \

# A program each, of the library and of what reads fixtures and writes logs, which tests use as well.
LOG_TOOLS = \
	tests/tools/http-events.c \
	tests/tools/fixture-events.c \

LOG_SRCS = \
	tests/support/eventlog.c \
	tests/support/fixture.c \
	tests/support/exchange.c \

TEST_SCRIPTS = \
	tests/layers_test.sh \
	tests/docs_test.sh \
	tests/rfc_test.sh \
	tests/build_test.sh \
	tests/shells_test.sh \
	tests/examples_test.sh \
	tests/bench_servers_test.sh \
	tests/cluster_test.sh \
	tests/bench_run_test.sh \
	tests/events_test.sh \
	tests/fuzz_test.sh \
	tests/bench_test.sh \
	tests/bench_tools_test.sh \
	tests/standins/check.sh \
	tests/contract_test.sh \
	tests/support_test.sh \
	tests/pollers_test.sh \
	tests/breaks_test.sh \

# ---- how ----

# The goal when none is named, before the rules of config.mk.
all:

# Empty in the source tree; the Makefile of a build folder sets it to that folder's full path,
# since some makes look for an included file beside the including one first.
include $(weir_build)config.mk

# In this order: what is in the build folder hides what another build left in the source tree.
INCLUDES = -I. -I$(srcdir) -Iinclude
COMPILE = $(CC) $(STANDARD) $(WARNINGS) $(INCLUDES) $(CPPFLAGS) $(CFLAGS)
LINK = $(CC) $(STANDARD) $(CFLAGS) $(LDFLAGS)
CONFIG = $(weir_build)config.mk

LIBRARY_OBJS = $(BACKEND_OBJS) $(CORE_OBJS) $(MAIN_OBJS) $(HTTP_OBJS)
PROGRAMS = $(EXAMPLE_PROGRAMS) $(BENCH_PROGRAMS) $(TOOL_PROGRAMS) $(FUZZ_PROGRAMS) \
	$(ALL_TEST_PROGRAMS)

all: $(CONFIG) libweir.a $(EXAMPLE_PROGRAMS)

# GNU make comes here before anything else, the others on the way.
$(CONFIG):
	@test -f config.mk || { echo 'weir is not configured: run ./configure first' >&2; exit 1; }
	@sh $(srcdir)/configure --renew='$(CURDIR)'

libweir.a: $(LIBRARY_OBJS)
	rm -f $@
	$(AR) rc $@ $(LIBRARY_OBJS)
	$(RANLIB) $@

libbench.a: $(BENCH_OBJS)
	rm -f $@
	$(AR) rc $@ $(BENCH_OBJS)
	$(RANLIB) $@

# ---- running ----

run: $(CONFIG) tests/examples/hello
	./tests/examples/hello $(ADDRESS)

# One or a few of them: make check TESTS='tests/unit/parse_test tests/build_test.sh'
TESTS = $(TEST_PROGRAMS) $(TEST_SCRIPTS)

check: $(CONFIG) libweir.a $(EXAMPLE_PROGRAMS) $(BENCH_PROGRAMS) $(TOOL_PROGRAMS) $(FUZZ_PROGRAMS) \
	$(TEST_PROGRAMS)
	@$(CMOCKA) || { echo 'the tests need cmocka: run sh tests/deps.sh, then ./configure' >&2; exit 1; }
	@WEIR_SRCDIR=$(srcdir) WEIR_BACKEND=$(BACKEND) CC='$(CC)' sh $(srcdir)/tests/run.sh $(TESTS)

# In every way this machine can, with the table of what is supported: see tests/matrix.sh.
check-all:
	@ZIG='$(ZIG)' sh $(srcdir)/tests/matrix.sh --all

# Only builds them; `check` runs them.
test-programs: $(CONFIG) libweir.a $(EXAMPLE_PROGRAMS) $(BENCH_PROGRAMS) $(TOOL_PROGRAMS) \
	$(FUZZ_PROGRAMS) $(TEST_PROGRAMS)

# With the main of tests/fuzz/replay.c, or with libFuzzer's: see tests/fuzz/README.md.
fuzzers: $(CONFIG) $(FUZZ_PROGRAMS)

# Only builds what measures; `bench` runs it.
bench-programs: $(CONFIG) libweir.a $(BENCH_PROGRAMS) $(EXAMPLE_PROGRAMS) tests/tools/after tests/tools/ask
	@set -- $(BENCH_PROGRAMS); echo "$$# measuring programs in bench/"

# Parts of it, and how long they take: see bench/run.sh.
#     make bench BENCH_ONLY='throughput memory'
BENCH_CHOICES = CC='$(CC)' BENCH_ONLY='$(BENCH_ONLY)' BENCH_SERVERS='$(BENCH_SERVERS)' \
	BENCH_CONNECTIONS='$(BENCH_CONNECTIONS)' BENCH_IDLE='$(BENCH_IDLE)' \
	BENCH_SECONDS='$(BENCH_SECONDS)' BENCH_PAIRS='$(BENCH_PAIRS)' \
	BENCH_MILLION='$(BENCH_MILLION)'

bench: bench-programs
	@$(BENCH_CHOICES) sh $(srcdir)/bench/run.sh

# The same for figures that are to stand somewhere: longer, in more turns, and with a whole million.
soak-bench: bench-programs
	@$(BENCH_CHOICES) BENCH_SOAK=1 sh $(srcdir)/bench/run.sh

# The long runs behind figures of bench/RESULTS.md.
soak-upload: $(CONFIG) $(EXAMPLE_PROGRAMS) $(TOOL_PROGRAMS)
	@sh $(srcdir)/tests/soak.sh upload

soak-crowd: $(CONFIG) $(EXAMPLE_PROGRAMS) $(TOOL_PROGRAMS)
	@sh $(srcdir)/tests/soak.sh crowd

soak-fuzz: $(CONFIG)
	@FUZZ_RUNS='$(FUZZ_RUNS)' FUZZ_JOBS='$(FUZZ_JOBS)' sh $(srcdir)/tests/soak.sh fuzz

# What the example service promises of its workers, for SOAK_SECONDS: see tests/soak.sh.
soak-reload: $(CONFIG) $(EXAMPLE_PROGRAMS) $(TOOL_PROGRAMS)
	@SOAK_SECONDS='$(SOAK_SECONDS)' sh $(srcdir)/tests/soak.sh reload

soak-upgrade: $(CONFIG) $(EXAMPLE_PROGRAMS) $(TOOL_PROGRAMS)
	@SOAK_SECONDS='$(SOAK_SECONDS)' sh $(srcdir)/tests/soak.sh upgrade

soak-kill: $(CONFIG) $(EXAMPLE_PROGRAMS) $(TOOL_PROGRAMS)
	@SOAK_SECONDS='$(SOAK_SECONDS)' sh $(srcdir)/tests/soak.sh kill

soak-cluster: $(CONFIG) $(TEST_PROGRAMS)
	@SOAK_ROUNDS='$(SOAK_ROUNDS)' sh $(srcdir)/tests/soak.sh cluster

soak-balance: $(CONFIG) $(EXAMPLE_PROGRAMS) $(TOOL_PROGRAMS)
	@sh $(srcdir)/tests/soak.sh balance

soak-haproxy: $(CONFIG) $(EXAMPLE_PROGRAMS) $(TOOL_PROGRAMS)
	@SOAK_SECONDS='$(SOAK_SECONDS)' sh $(srcdir)/tests/soak.sh haproxy

# A million connections at once: bench/idle.
soak-million: $(CONFIG) $(BENCH_PROGRAMS)
	@sh $(srcdir)/tests/soak.sh million

# Builds and tests in coverage/, and says how much of http/ was reached.
coverage: $(CONFIG)
	@sh $(srcdir)/tests/coverage.sh

# Compiles for other systems, against headers of our own; with ZIG=PATH against theirs, and links.
portcheck:
	@CC='$(CC)' ZIG='$(ZIG)' sh $(srcdir)/tests/portcheck.sh

# ---- installing ----

includedir = $(prefix)/include
libdir = $(prefix)/lib
mandir = $(prefix)/share/man
INTO_INCLUDE = $(DESTDIR)$(includedir)
INTO_LIB = $(DESTDIR)$(libdir)
INTO_MAN = $(DESTDIR)$(mandir)/man3

install: $(CONFIG) libweir.a
	mkdir -p '$(INTO_INCLUDE)' '$(INTO_LIB)/pkgconfig' '$(INTO_MAN)'
	cp libweir.a '$(INTO_LIB)/libweir.a'
	$(RANLIB) '$(INTO_LIB)/libweir.a'
	chmod 644 '$(INTO_LIB)/libweir.a'
	sed -e 's|@prefix@|$(prefix)|' -e 's|@libdir@|$(libdir)|' -e 's|@includedir@|$(includedir)|' \
		-e 's|@VERSION@|$(VERSION)|' -e 's|@LIBS@|$(LIBS)|' $(srcdir)/core/weir.pc.in \
		>'$(INTO_LIB)/pkgconfig/weir.pc'
	chmod 644 '$(INTO_LIB)/pkgconfig/weir.pc'
	for file in $(PUBLIC_HEADERS); do \
		cp $(srcdir)/$$file '$(INTO_INCLUDE)' && \
		chmod 644 '$(INTO_INCLUDE)'/$${file##*/} || exit 1; \
	done
	for file in $(MANPAGES); do \
		cp $(srcdir)/$$file '$(INTO_MAN)' && chmod 644 '$(INTO_MAN)'/$${file##*/} || exit 1; \
	done

uninstall:
	rm -f '$(INTO_LIB)/libweir.a' '$(INTO_LIB)/pkgconfig/weir.pc'
	for file in $(PUBLIC_HEADERS); do rm -f '$(INTO_INCLUDE)'/$${file##*/}; done
	for file in $(MANPAGES); do rm -f '$(INTO_MAN)'/$${file##*/}; done

# ---- shipping ----

# What git knows of; without git, all that is in the rooms and was not built.
DIST = weir-$(VERSION)

dist: $(CONFIG)
	rm -rf $(DIST)
	mkdir $(DIST)
	@here=`pwd`; cd $(srcdir) && \
	{ test -e .git && git ls-files 2>/dev/null | grep . || \
	find backend core http tests bench [A-Z]*.md LICENSE configure Makefile .[a-z]* -type f \
		! -name '*.o' ! -path '.git/*' ! -path 'bench/results/*' 2>/dev/null; } | \
	while read -r file; do \
		case " $(PROGRAMS) " in *" $$file "*) continue;; esac; \
		if test -f "$$file"; then echo "$$file"; fi; \
	done | sort >"$$here"/$(DIST).files && \
	tar cf - `cat "$$here"/$(DIST).files` | (cd "$$here"/$(DIST) && tar xf -)
	tar cf - $(DIST) | gzip -9 >$(DIST).tar.gz
	rm -rf $(DIST) $(DIST).files

# ---- cleaning ----

# By folder and not by list: a file may have left its list since.
clean:
	rm -f libweir.a libbench.a $(PROGRAMS)
	for folder in $(FOLDERS); do rm -f $$folder/*.o; done
	for file in $(PUBLIC_HEADERS); do rm -f include/$${file##*/}; done

distclean: clean
	rm -f config.h config.mk config.log $(DIST).tar.gz $(BUILD_MAKEFILE)
	rm -rf coverage fuzz-soak bench/results
	for folder in $(FOLDERS) tests; do rmdir $$folder 2>/dev/null || :; done

.PHONY: all check check-all portcheck test-programs fuzzers bench-programs bench soak-bench soak-upload \
	soak-crowd soak-fuzz soak-reload soak-upgrade soak-kill soak-cluster soak-balance soak-haproxy \
	soak-million coverage run \
	install uninstall dist clean distclean
