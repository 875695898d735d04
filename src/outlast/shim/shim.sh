# The parent of one command, for a host that has nothing but a POSIX shell.
#
#   sh shim.sh NONCE VERB ...      The answer begins with a line that says NONCE: before it may
#                                  stand whatever a login prints.
#
#   start KEY < ORDER       run what ORDER says, unless an attempt of this key was begun before
#   status KEY ...          tell how attempts stand, many at once
#   read KEY FILE AT MOST   give a piece of a file, byte for byte
#   put KEY FILE < DATA     keep what the command is to read
#   stop KEY GRACE REASON   end it: TERM, after GRACE seconds KILL. One not begun never will be
#   remove KEY ...          delete what is over
#
# An attempt is a folder, `jobs/KEY` beside this file. Whatever is to happen only once is a file
# that is linked into its place, complete: of two, link(2) lets one through.
#
#   began    `began TRY AT PID START BOOT KEEPER START CONTAINMENT`, or `void TRY AT REASON DETAIL`
#   wish     `REASON AT`: somebody wants it to end
#   ended    `AT STATUS SIGNALLED`: the command is over, STATUS as the shell has it
#   emptied  `AT`: the last of its processes is gone, the output is final
#
# The command links `began` itself, with its own identity in it, right before it becomes the
# command: who does not get the link leaves, so no attempt runs twice, whoever is killed when.
# Its parent, `keep`, waits for it in the foreground and writes how it ended. `time` beside it
# keeps the clocks, and goes on if `keep` is killed. Each has a session of its own, where there is
# setsid. Kept to what dash, bash, busybox and the BSDs' shells have in common.

mask=$(umask)
umask 077
nonce=$1 verb=$2 key=$3
sh=${OUTLAST_SH:-/bin/sh}
root=$(cd "${0%/*}" && pwd) || exit 1
self=$root/${0##*/}
dir=$root/jobs/$key

seconds() { # on the clock of the day
  date +%s
}

uptime() { # sets `up`: whole seconds on a clock that nobody sets, where there is one
  if [ -r /proc/uptime ]; then
    read -r up rest </proc/uptime
    up=${up%.*}
  else
    up=$(seconds)
  fi
}

pause() { # a moment; a whole second where sleep knows no fractions
  sleep 0.05 2>/dev/null || sleep 1
}

size() { # FILE: sets `size`
  # Of the listing, since some wc read all that they count.
  set -- $(LC_ALL=C ls -ln "$1" 2>/dev/null)
  size=${5:-0}
}

boot() {
  if [ -r /proc/sys/kernel/random/boot_id ]; then
    read -r id </proc/sys/kernel/random/boot_id
    echo "$id"
  else
    sysctl -n kern.boottime 2>/dev/null | tr -cd '0-9' || echo unknown
  fi
}

start_of() { # PID: when it began, by the system's count; nothing if it is dead
  if [ -d /proc/self ]; then
    line=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
    set -- ${line##*) }
    case $1 in Z | X) ;; *) echo "${20}" ;; esac
  else
    LC_ALL=C ps -o stat= -o lstart= -p "$1" 2>/dev/null | {
      read -r state began
      case $state in Z*) ;; *) echo "$began" | tr -s ' ' '_' ;; esac
    }
  fi
}

is_running() { # PID START
  [ -n "$2" ] && [ "$(start_of "$1")" = "$2" ]
}

once() { # FILE TEXT: fails if somebody was first, or it cannot be written
  printf '%s\n' "$2" >"$dir/$1.$$" 2>/dev/null && ln "$dir/$1.$$" "$dir/$1" 2>/dev/null
  linked=$?
  rm -f "$dir/$1.$$"
  return $linked
}

record() { # FILE TEXT
  printf '%s\n' "$2" >"$dir/$1.$$" 2>/dev/null && mv -f "$dir/$1.$$" "$dir/$1"
}

apart() { # VERB ARGS...: do it in a session of its own, holding nothing of the connection
  (
    exec </dev/null >/dev/null 2>&1
    if command -v setsid >/dev/null; then
      exec setsid "$sh" "$self" "$nonce" "$@"
    fi
    trap '' HUP
    exec "$sh" "$self" "$nonce" "$@"
  ) &
}

word=
this_boot=
began() { # reads `began` into variables; fails if the command never ran
  # What was read once is known for good: somebody may delete the folder of what still runs.
  if [ -r "$dir/began" ]; then
    read -r word try at pid start booted keeper keeper_start containment <"$dir/began"
    if [ "$word" = began ]; then
      # Numbers of an earlier boot mean others by now.
      [ -n "$this_boot" ] || this_boot=$(boot)
      [ "$booted" = "$this_boot" ] || start= keeper_start=
    fi
  fi
  [ "$word" = began ]
}

marked() { # the processes that were born with our mark, one in a line
  # busybox's grep sees nothing behind a NUL: then each is read by itself.
  if printf 'a\0b' | grep -qF b; then
    set -- $(grep -lF "OUTLAST_ATTEMPT=$mark" /proc/[0-9]*/environ 2>/dev/null)
  else
    set -- /proc/[0-9]*/environ
  fi
  for file; do
    if tr '\0' '\n' 2>/dev/null <"$file" | grep -qxF "OUTLAST_ATTEMPT=$mark"; then
      file=${file%/environ}
      echo "${file#/proc/}"
    fi
  done 2>/dev/null
}

is_ours() { # whether the command's number means no other process by now, nor its group
  if [ "$containment" = process ] || [ -z "$start" ]; then return 1; fi
  now=$(start_of "$pid")
  [ -z "$now" ] || [ "$now" = "$start" ]
}

in_group() { # whether somebody lives in the command's group
  # In this form, since it is the only one that dash, bash and busybox all take.
  kill -0 "-$pid" 2>/dev/null || return 1
  [ -d /proc/self ] || return 0
  # The dead that nobody has fetched yet are in it as well.
  cat /proc/[0-9]*/stat 2>/dev/null | while IFS= read -r line; do
    set -- ${line##*) }
    if [ "$3" = "$pid" ]; then
      case $1 in Z | X) ;; *) echo "$1" ;; esac
    fi
  done | grep -q .
}

left() { # whether anything of the attempt lives
  if is_ours && in_group; then return 0; fi
  [ -d /proc/self ] && [ -n "$(marked)" ]
}

strike() { # SIGNAL: to all there is of the attempt
  if is_running "$pid" "$start"; then kill "-$1" "$pid" 2>/dev/null; fi
  if is_ours; then kill "-$1" "-$pid" 2>/dev/null; fi
  if [ -d /proc/self ]; then
    for one in $(marked); do kill "-$1" "$one" 2>/dev/null; done
  fi
}

void() { # REASON DETAIL: it never ran, and never will
  once began "void $try $(seconds) $1 $2"
}

end_all() { # GRACE: until nothing of the attempt is left
  uptime
  deadline=$((up + $1 + 1))
  if [ "$1" = 0 ]; then
    strike KILL
  else
    strike TERM
    strike CONT
  fi
  while left; do
    uptime
    if [ "$up" -ge "$deadline" ] || [ "$1" = 0 ]; then strike KILL; fi
    # What does not die is looked at more rarely.
    if [ "$up" -ge $((deadline + 5)) ]; then sleep 5; else pause; fi
  done
}

# ---------------------------------------------------------------------------------------- verbs

start() {
  mkdir -p "$dir" 2>/dev/null && : >"$dir/order.$nonce" 2>/dev/null || { echo unwritable; exit; }
  cat >"$dir/order.$nonce" 2>/dev/null
  if [ "$(tail -n 1 "$dir/order.$nonce" 2>/dev/null)" != '# whole' ]; then
    rm -f "$dir/order.$nonce"
    echo unwritable # the connection was cut, and nobody reads this; or the disk is full
  elif [ -e "$dir/began" ]; then
    rm -f "$dir/order.$nonce"
    echo known
  else
    apart keep "$key"
    echo started
  fi
}

keep() {
  try=$nonce
  . "$dir/order.$try" || exit
  own=$(start_of $$)
  "$sh" "$self" "$nonce" time "$key" $$ "$timeout" "$idle" "$output" "$grace" &
  timer=$!
  # Shells say on stderr when a command of theirs was ended by a signal, and only then: the
  # status alone does not tell 137 from KILL.
  exec 2>"$dir/note.$try"
  if command -v setsid >/dev/null 2>&1; then
    setsid "$sh" "$self" "$nonce" enter "$key" $$ "$own" group
  elif (set -m) 2>/dev/null && [ -n "$BASH_VERSION" ]; then
    set -m
    "$sh" "$self" "$nonce" enter "$key" $$ "$own" group
    set +m
  else
    "$sh" "$self" "$nonce" enter "$key" $$ "$own" process
  fi
  status=$?
  exec 2>/dev/null
  mine=$try
  if began && [ "$try" = "$mine" ]; then
    signalled=no
    if [ -s "$dir/note.$mine" ]; then signalled=yes; fi
    record ended "$(seconds) $status $signalled"
    kill "$timer" 2>/dev/null
    clear_away
    record emptied "$(seconds)"
  else
    kill "$timer" 2>/dev/null
  fi
  rm -f "$dir/order.$mine" "$dir/note.$mine"
}

clear_away() { # what has outlived the command
  left || return 0
  if [ "$leftovers" = wait ]; then
    while [ ! -e "$dir/wish" ] && left; do sleep 1; done
  fi
  if [ -e "$dir/wish" ]; then
    read -r reason at wished <"$dir/wish"
    grace=${wished:-$grace}
  else
    sleep 1
  fi
  left || return 0
  end_all "$grace"
}

enter() { # KEEPER START CONTAINMENT: becomes the command
  exec 2>/dev/null
  try=$nonce
  . "$dir/order.$try" || exit
  rm -f "$dir/order.$try"
  [ -d /proc/self ] && [ "$3" = group ] && set -- "$1" "$2" marker
  [ -e "$dir/wish" ] && { void cancelled; exit 0; }
  : >>"$dir/stdout" && : >>"$dir/stderr" || { void disk_full; exit 0; }
  cd "${cwd:-.}" || { void spawn_failed directory; exit 0; }
  if [ "$has_script" = yes ]; then
    write_script >"$dir/script" && chmod 700 "$dir/script" || { void disk_full; exit 0; }
    script=$dir/script
  fi
  (
    environment
    case $program in
    */*) [ -f "$program" ] && [ -x "$program" ] ;;
    '') true ;;
    *) command -v "$program" >/dev/null ;;
    esac
  ) || { void spawn_failed program; exit 0; }
  input=/dev/null
  if [ "$has_stdin" = yes ]; then input=$dir/stdin; fi
  [ -r "$input" ] || { void spawn_failed stdin; exit 0; }
  env=$(command -v env)
  once began "began $try $(seconds) $$ $(start_of $$) $(boot) $1 $2 $3" || exit 0
  exec <"$input" >>"$dir/stdout" 2>>"$dir/stderr"
  unset OUTLAST_SH
  OUTLAST_JOB_ID=$job OUTLAST_ATTEMPT=$mark OUTLAST_PROGRESS=$dir/progress
  export OUTLAST_JOB_ID OUTLAST_ATTEMPT OUTLAST_PROGRESS
  umask "$mask"
  environment
  become
}

time_limits() { # KEEPER TIMEOUT IDLE OUTPUT GRACE: end it where a limit passes; - is none
  trap 'kill $nap 2>/dev/null; exit' TERM
  uptime
  deadline=$((up + $2 + 1)) seen= quiet=$up
  while :; do
    # Whole seconds: one more than asked for is never early.
    tick=5
    if [ "$3" != - ] && [ "$3" -lt 5 ] || [ "$word" != began ]; then tick=1; fi
    if [ $((deadline - up)) -lt $tick ]; then tick=$((deadline - up)); fi
    if [ $tick -lt 1 ]; then tick=1; fi
    sleep $tick &
    nap=$!
    wait $nap
    if [ -e "$dir/ended" ]; then exit; fi
    if ! began || ! is_running "$pid" "$start"; then
      kill -0 "$1" 2>/dev/null || exit
    fi
    uptime
    size "$dir/stdout"
    out=$size
    size "$dir/stderr"
    if [ "$out $size" != "$seen" ]; then seen="$out $size" quiet=$up; fi
    if [ "$up" -ge $deadline ]; then
      finish "$5" timeout
    elif [ "$3" != - ] && [ $((up - quiet)) -gt "$3" ]; then
      finish "$5" idle_timeout
    elif [ "$4" != - ] && { [ "$out" -gt "$4" ] || [ "$size" -gt "$4" ]; }; then
      finish "$5" output_limit
    fi
  done
}

finish() { # GRACE REASON: end what runs
  began || return 0
  if [ -e "$dir/ended" ] || ! is_running "$pid" "$start"; then
    # Its parent clears away what is left; where that was killed, nobody does but us.
    is_running "$keeper" "$keeper_start" && return 0
    end_all "$1"
    return 0
  fi
  once wish "$2 $(seconds) $1"
  end_all "$1"
}

stop() { # GRACE REASON
  mkdir -p "$dir" 2>/dev/null
  try=-
  if [ ! -e "$dir/began" ]; then void "$2"; fi
  if began && [ ! -e "$dir/emptied" ]; then
    once wish "$2 $(seconds) $1"
    apart finish "$key" "$1" "$2"
  fi
  echo stopping
}

status() { # KEY...
  echo "now $(seconds) $(boot)"
  for key; do
    dir=$root/jobs/$key
    word=
    if began; then
      main=dead parent=dead
      ended= emptied= reason=
      if [ ! -e "$dir/emptied" ]; then
        # Asked before the record is read: what is written by one who dies now is seen.
        if is_running "$keeper" "$keeper_start"; then parent=alive; fi
        if is_running "$pid" "$start"; then main=alive; fi
        # Whose parent was killed, of that nobody else would ever say so.
        if [ $main$parent = deaddead ] && ! left; then record emptied "$(seconds)"; fi
      fi
      # The last first, so that what must stand before it is seen as well.
      [ -r "$dir/emptied" ] && read -r emptied <"$dir/emptied"
      [ -r "$dir/ended" ] && read -r ended <"$dir/ended"
      [ -r "$dir/wish" ] && read -r reason rest <"$dir/wish"
      size "$dir/stdout"
      out=$size
      size "$dir/stderr"
      err=$size
      size "$dir/progress"
      echo "job $key began $at $booted $containment $main $parent $out $err $size" \
        "${reason:--} ${ended:-- - -} ${emptied:--}"
    elif [ "$word" = void ]; then
      echo "job $key void $at $pid ${start:--}"
    else
      echo "job $key none"
    fi
  done
  echo end
}

read_piece() { # FILE AT MOST
  size "$dir/$1"
  most=$((size - $2))
  if [ $most -gt "$3" ]; then most=$3; fi
  if [ $most -le 0 ]; then exit; fi
  # Whole blocks, since that is the only seeking that all of them know.
  dd if="$dir/$1" bs=65536 skip=$(($2 / 65536)) count=$((most / 65536 + 2)) 2>/dev/null |
    tail -c +$(($2 % 65536 + 1)) | head -c $most
}

case $verb in enter | keep | time | finish | stop | status)
  job=${key%%.*}
  mark=$(echo "$key" | tr . /)
  ;;
esac
case $verb in
keep) keep ;;
enter)
  shift 3
  enter "$@"
  ;;
time)
  shift 3
  time_limits "$@"
  ;;
finish) finish "$4" "$5" ;;
*)
  echo "$nonce"
  case $verb in
  start) start ;;
  status)
    shift 2
    status "$@"
    ;;
  read) read_piece "$4" "$5" "$6" ;;
  put) mkdir -p "$dir" && cat >"$dir/$4.new" && mv -f "$dir/$4.new" "$dir/$4" && echo kept ;;
  stop) stop "$4" "$5" ;;
  remove)
    shift 2
    for key; do
      dir=$root/jobs/$key
      word=
      if ! began || [ -e "$dir/emptied" ] ||
        ! { is_running "$keeper" "$keeper_start" || is_running "$pid" "$start"; }; then
        rm -rf "$dir"
      fi
    done
    echo removed
    ;;
  esac
  ;;
esac
