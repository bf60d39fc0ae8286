s/if (errors == 0 && got == room)/if (errors != 0 \&\& got == room)/
