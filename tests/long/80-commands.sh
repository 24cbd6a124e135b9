#!/bin/sh
# Every command line of the documents and the help, also those that take minutes.
exec "$(dirname "$(readlink -f "$0")")/../check_commands.sh" long
