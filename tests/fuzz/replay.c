/*
 * replay.c: the main of a fuzzer where libFuzzer has none: TARGET [FILE | FOLDER]…
 *
 * Each file is one input; without any, standard input is, as AFL++ gives it.
 * Built by AFL++'s compiler it stays for many inputs.
 */
#ifndef WEIR_LIBFUZZER

#include "config.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"

static const char *current = "standard input";
static unsigned long inputs;

/* The name of the input, for whom an assert's line is not enough. */
static void say_which(const char *path)
{
	current = path;
	if (getenv("WEIR_FUZZ_VERBOSE"))
		fprintf(stderr, "%s\n", current);
}

static void replay_stream(FILE *from)
{
	static uint8_t buffer[1 << 20];
	const size_t len = fread(buffer, 1, sizeof buffer, from);
	/* Of just this size, for a sanitizer to watch its ends. */
	uint8_t *octets = malloc(len + !len);

	if (!octets)
		exit(2);
	memcpy(octets, buffer, len);
	LLVMFuzzerTestOneInput(octets, len);
	free(octets);
	inputs++;
}

static void replay_file(const char *path)
{
	FILE *from = fopen(path, "rb");

	if (!from) {
		perror(path);
		exit(2);
	}
	say_which(path);
	replay_stream(from);
	fclose(from);
}

/* A file, or the files of a folder. */
static void replay(const char *path)
{
	DIR *folder = opendir(path);
	char name[4096];

	if (!folder) {
		replay_file(path);
		return;
	}
	for (struct dirent *entry; (entry = readdir(folder));) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
		replay_file(name);
	}
	closedir(folder);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		replay(argv[i]);
	if (argc > 1) {
		printf("%lu inputs\n", inputs);
		return 0;
	}
#ifdef __AFL_LOOP
	while (__AFL_LOOP(10000)) {
		static uint8_t octets[FUZZ_MOST];
		const ssize_t len = read(STDIN_FILENO, octets, sizeof octets);

		LLVMFuzzerTestOneInput(octets, len > 0 ? (size_t)len : 0);
	}
#else
	replay_stream(stdin);
#endif
	return 0;
}

#else

/* No translation unit is empty. */
typedef int weir__libfuzzer_has_the_main;

#endif
