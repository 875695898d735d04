#!/bin/sh
# An agent's loop in POSIX sh: start a job, ask now and then, read the result. Against the JSON alone.
# Exits with the job's own code, or with 1 where there is none. Takes JSON apart with jq, or else Python.
#
#   sh examples/agent_loop.sh outlast submit -- make
#   sh examples/agent_loop.sh TOOL COMMAND...
set -u

# field NAME: print one field of $answer; nothing where it is null or false.
if command -v jq >/dev/null 2>&1; then
    field() { printf '%s' "$answer" | jq -r ".$1 // empty"; }
else
    field() {
        printf '%s' "$answer" | python3 -c '
import functools, json, sys
found = functools.reduce(lambda at, key: (at or {}).get(key), sys.argv[1].split("."), json.load(sys.stdin))
print("" if found is None or found is False else "true" if found is True else found)
' "$1"
    }
fi

# The command failed to answer: its words, and the end. How a job fared is another matter, in `data`.
check() {
    [ "$(field ok)" = true ] && return
    printf '%s: %s\n' "$(field error.code)" "$(field error.message)" >&2
    exit 1
}

export OUTLAST_OUTPUT=json    # whatever this shell's user has set
answer=$("$@")
check
printf 'started %s\n' "$(field data.job_id)"
while [ "$(field data.terminal)" != true ]; do
    ms=$(field data.poll_interval_ms)
    sleep $(((ms + 999) / 1000))                      # POSIX has no sleep shorter than a second
    answer=$(sh -c "$(field data.status_command)")    # what an answer has is a line for a shell
    check
done

answer=$(sh -c "$(field data.result_command)")
check
printf 'ended: %s, %s\n' "$(field data.status)" "$(field data.reason)"
printf '%s\n' "$(field data.result.stdout)"
code=$(field data.result.exit_code)
exit "${code:-1}"
