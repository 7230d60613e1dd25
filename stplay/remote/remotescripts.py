"""What a POSIX shell does on the other machine, where nothing of ours need be installed.

No line feed, single quote or backslash stands in a script: the login shell that hands it to ``sh``
may be any. Each gets a mark first, by which its words are told from what a
login says.
"""

from __future__ import annotations

import shlex

# Where stplay keeps its runs, as platformdirs decides; they become the arguments.
_HOMES = (
    'set -- "${STPLAY_HOME:-/-}/data/runs" "${XDG_DATA_HOME:-$HOME/.local/share}/stplay/runs"'
    ' "$HOME/Library/Application Support/stplay/runs";'
)
# Login shells differ in where they look for programs: of what one says, the last line counts.
_FIND = (
    'find_it() { command -v stplay || sh -lc "command -v stplay" ||'
    ' "$SHELL" -lc "command -v stplay" || ls "$HOME/.local/bin/stplay"; };'
    " it=$(find_it 2>/dev/null </dev/null | tail -n 1);"
    ' case "$it" in /*) ;; *) it= ;; esac;'
)

# path: what is there, and whether stplay is. A name without a slash may be a run's.
LOOK = (
    f"set -f; mark=$1; p=$2; {_HOMES} {_FIND}"
    ' case "$p" in */events.jsonl) p=${p%/events.jsonl} ;; -*) p=./$p ;; esac;'
    ' kind=none; if [ -f "$p/events.jsonl" ]; then kind=run; elif [ -d "$p" ]; then kind=folder;'
    ' elif [ -e "$p" ]; then kind=file; fi;'
    ' case "$p" in */*|"") ;; *) for h in "$@"; do if [ -f "$h/$p/events.jsonl" ]; then'
    " p=$h/$p; kind=run; break; fi; done ;; esac;"
    ' echo "$mark node $(uname -n)"; echo "$mark stplay $it"; echo "$mark kind $kind";'
    ' printf "%s" "$mark path "; case $kind in run|folder) (cd "$p" && pwd -P) ;;'
    ' *) case "$p" in /*) echo "$p" ;; *) echo "$PWD/$p" ;; esac ;; esac; echo "$mark end"'
)
# The runs that are there, the one that changed last first, where stplay cannot tell of them.
LIST = (
    f"mark=$1; {_HOMES}"
    ' for h in "$@"; do for e in "$h"/*/events.jsonl; do [ -f "$e" ] && set -- "$@" "$e"; done;'
    ' done; shift 3; [ $# = 0 ] || ls -1td "$@" | while IFS= read -r e; do echo "$mark $e"; done'
)
# log, bytes known, stplay or nothing, folder: the log from there on as it grows. What is asked on
# the input, a number and the id of a process, is answered beside it: the same number, which file
# the log is, how long, and whether that process is there. The feed ends with its input.
FEED = (
    "set -f; mark=$1; f=$2; from=$3; it=$4; d=$5;"
    ' here() { set -- $(LC_ALL=C ls -Lin "$f" 2>/dev/null); echo "${1:--} ${6:--}"; };'
    ' alive() { [ "$1" -gt 0 ] || { echo -; return; };'
    ' if [ -d "/proc/$1" ] || kill -0 "$1" 2>/dev/null || ps -p "$1" >/dev/null 2>&1;'
    " then echo up; else echo down; fi; };"
    ' echo "$mark $(here) $(uname -n)";'
    ' if [ -n "$it" ]; then "$it" events "$d" --follow --from "$from" & else'
    ' LC_ALL=C tail -c "+$((from + 1))" -f "$f" & fi; t=$!;'
    ' trap "kill $t 2>/dev/null" EXIT; trap "exit 1" HUP TERM PIPE;'
    ' while read -r n p; do echo "$mark $n $(here) $(alive "$p")" >&2; done'
)
# file: the end of what the processes of a run have printed.
PRINTED = 'echo "$1 "; tail -c 65536 "$2" 2>/dev/null'
# home or nothing, stplay, its words: that command, with what it prints after the mark.
COMMAND = 'echo "$1 "; [ -z "$2" ] || { STPLAY_HOME=$2; export STPLAY_HOME; }; shift 2; exec "$@"'


def shell_command(script: str, mark: str, *arguments: str) -> str:
    """``script`` with its arguments, as any login shell takes it."""
    return f"exec sh -c {' '.join(map(shlex.quote, (script, 'stplay', mark, *arguments)))}"
