s/fd += WORD;/fd += 2 * WORD;/
