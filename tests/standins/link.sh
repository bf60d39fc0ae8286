# shellcheck shell=sh
# How is a program built with a stand-in? For the scripts that do: they read this, with $standins, this
# folder.

# wraps KIND: what leads the calls of a program into the stand-in.
wraps()
{
	case $1 in
	kqueue) echo -Wl,--wrap=close ;;
	devpoll)
		echo -Wl,--wrap=open,--wrap=open64,--wrap=write,--wrap=pwrite,--wrap=pwrite64,--wrap=ioctl,--wrap=close
		;;
	esac
}

# stand_in KIND OBJECT FLAG…: compiles it.
stand_in()
{
	kind=$1 object=$2
	shift 2
	# shellcheck disable=SC2154
	${CC:-cc} -std=c11 -O1 -g -I"$standins/$kind" "$@" -c "$standins/$kind/$kind.c" -o "$object"
}
