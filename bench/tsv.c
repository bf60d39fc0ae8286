/* Tables of results, a line for each, columns parted by tabs. */
#include "config.h"

#include "bench/tsv.h"

#include "bench/meter.h"

FILE *tsv_open(const char *path, const char *header)
{
	FILE *file = fopen(path, "a");

	if (!file || fseek(file, 0, SEEK_END) != 0)
		meter_die(path);
	if (ftell(file) == 0)
		fprintf(file, "%s\n", header);
	return file;
}

void tsv_close(FILE *file)
{
	if (file && (ferror(file) | fclose(file)))
		meter_die("writing results");
}
