# The parent of one command, for a host that has nothing but a POSIX shell.
#
#   sh shim.sh NONCE VERB ...      The answer begins with a line that says NONCE: before it may
#                                  stand whatever a login prints.
#
#   start KEY SIZE LINES PATIENT < ORDER  run what the SIZE bytes of ORDER say, unless an attempt of
#                           this key was begun before, and tell how it stands; PATIENT `yes`: once it
#                           is over, or some moments have passed. Output of what is over comes along,
#                           if it is little. LINES: so many has an ORDER that is short and plain
#   status KEY ...          tell how attempts stand, many at once
#   read KEY FILE AT MOST   give a piece of a file, byte for byte
#   put KEY FILE SIZE < DATA  keep what the command is to read
#   stop KEY GRACE REASON   end it: TERM, after GRACE seconds KILL. One not begun never will be
#   remove KEY ...          delete what is over
#   retire KEY ...          the same, but for the mark that it has begun: where a start of it may
#                           still be on its way. Such marks go a day later, when somebody connects
#
#   serve [TIME]            answer questions, one in a line: NONCE VERB ... The answer ends with a
#                           line break and a line that says the question's NONCE. There, `watch`
#                           is one more: from then on, a line comes on stderr for each change,
#                           until all is removed. TIME: the seconds since 1970, by who asks
#
# An attempt is a folder, `jobs/KEY` beside this file. Whatever is to happen only once is a file
# that is linked into its place, complete: of two, link(2) lets one through.
#
#   began    `began TRY AT PID START BOOT KEEPER START CONTAINMENT`, or `void TRY AT REASON DETAIL`
#   wish     `REASON AT`: somebody wants it to end
#   ended    `AT STATUS SIGNALLED`: the command is over, STATUS as the shell has it
#   emptied  `AT`: the last of its processes is gone, the output is final
#   spare.*  room for these three where the command fills the disk
#
# The command links `began` itself, with its own identity in it, right before it becomes the
# command: who does not get the link leaves, so no attempt runs twice, whoever is killed when.
# Its parent, `keep`, waits for it in the foreground and writes how it ended. A fork of it keeps
# the clocks, and goes on if `keep` is killed. Each has a session of its own, where there is setsid. Kept to what dash, bash, busybox and the BSDs' shells have in common.

# A fork costs a host more than everything else here, and $(...) is one: what a shell can do by
# itself sets variables.

nonce=$1 verb=$2 key=$3
sh=${OUTLAST_SH:-/bin/sh}
case $0 in
/*) self=$0 ;;
*) self=$PWD/$0 ;;
esac
root=${self%/*}

attempt() { # KEY: sets what is named after it; nothing of it has been read yet
  key=$1 dir=$root/jobs/$1 job=${1%%.*} mark=$1 word=
  while :; do
    case $mark in *.*) mark=${mark%%.*}/${mark#*.} ;; *) break ;; esac
  done
}

uptime() { # sets `up`: whole seconds on a clock that nobody sets, where there is one
  if [ -r /proc/uptime ]; then
    read -r up rest </proc/uptime
    up=${up%.*}
  else
    up=$(date +%s)
  fi
}

now() { # [TIME]: sets `now`, seconds since 1970: what uptime's clock lacks of it is asked for once
  uptime
  if [ -z "$OUTLAST_EPOCH" ]; then
    OUTLAST_EPOCH=0
    if [ -r /proc/uptime ]; then OUTLAST_EPOCH=$((${1:-$(date +%s)} - up)); fi
  fi
  now=$((up + OUTLAST_EPOCH))
}

login_umask() { # sets OUTLAST_UMASK
  OUTLAST_UMASK=
  while [ -z "$OUTLAST_UMASK" ] && read -r word rest; do
    case $word in Umask:) OUTLAST_UMASK=$rest ;; esac
  done </proc/self/status
  [ -n "$OUTLAST_UMASK" ] || OUTLAST_UMASK=$(umask)
} 2>/dev/null

pause() { # a moment; a whole second where sleep knows no fractions
  sleep 0.05 2>/dev/null || sleep 1
}

sizes() { # sets `out`, `err` and `told`: of the two streams, and of what is told of progress
  out=0 err=0 told=0
  [ -s "$dir/stdout" ] || [ -s "$dir/stderr" ] || [ -s "$dir/progress" ] || return 0
  # Of the listing, since some wc read all that they count.
  set -- $(cd "$dir" && LC_ALL=C ls -ln stdout stderr progress 2>/dev/null)
  while [ $# -ge 9 ]; do
    case $9 in
    stdout) out=$5 ;;
    stderr) err=$5 ;;
    progress) told=$5 ;;
    esac
    shift 9
  done
}

boot=
boot() { # sets `boot`: another one each time that the machine starts
  [ -z "$boot" ] || return 0
  boot=unknown
  if [ -r /proc/sys/kernel/random/boot_id ]; then
    read -r boot </proc/sys/kernel/random/boot_id
  else
    boot=$(sysctl -n kern.boottime 2>/dev/null | tr -cd '0-9')
    boot=${boot:-unknown}
  fi
}

start_of() { # PID: sets `since`: when it began, by the system's count; nothing if it is dead
  since=
  if [ -d /proc/self ]; then
    # A name may have lines and brackets of its own.
    line=
    while read -r more; do line="$line $more"; done <"/proc/$1/stat" || return 0
    set -- ${line##*) }
    case $1 in Z | X | '') ;; *) since=${20} ;; esac
  else
    since=$(LC_ALL=C ps -o stat= -o lstart= -p "$1" 2>/dev/null | {
      read -r state began
      case $state in Z*) ;; *) echo "$began" | tr -s ' ' '_' ;; esac
    })
    # Without ps(1) nothing tells a number's next owner from this one.
    if [ -z "$since" ] && ! command -v ps >/dev/null && kill -0 "$1"; then since=unknown; fi
  fi
} 2>/dev/null

is_running() { # PID START
  [ -n "$2" ] && start_of "$1" && [ "$since" = "$2" ]
}

spare() { # has room for what must be written whatever becomes of the disk; fails if it is full
  for each in wish ended emptied; do
    printf '%99s\n' '' >"$dir/spare.$each" || return 1
  done
}

once() { # FILE TEXT: fails if somebody was first, or it cannot be written
  # The other name of the file stays: to remove it would be a fork more.
  if printf '%s\n' "$2" >"$dir/$1.$$"; then
    ln "$dir/$1.$$" "$dir/$1"
  else
    printf '%s\n' "$2" 1<>"$dir/spare.$1" && ln "$dir/spare.$1" "$dir/$1"
  fi
} 2>/dev/null

record() { # FILE TEXT, written by one alone, in one write: an empty one counts as absent
  printf '%s\n' "$2" >"$dir/$1" ||
    { printf '%s\n' "$2" 1<>"$dir/spare.$1" && mv -f "$dir/spare.$1" "$dir/$1"; }
} 2>/dev/null

is_whole() { # FILE
  [ "$(tail -n 1 "$1" 2>/dev/null)" = '# whole' ]
}

apart() { # VERB ARGS...: do it in a session of its own, holding nothing of the connection
  apart_for "$@" >/dev/null
}

apart_for() { # VERB ARGS...: the same, but for stdout
  (
    exec </dev/null 2>/dev/null
    if command -v setsid >/dev/null; then
      exec setsid "$sh" "$self" "$nonce" "$@"
    fi
    trap '' HUP
    exec "$sh" "$self" "$nonce" "$@"
  ) &
}

began() { # reads `began` into variables; fails if the command never ran
  # What was read once is known for good: somebody may delete the folder of what still runs.
  if [ -r "$dir/began" ]; then
    read -r word try at pid start booted keeper keeper_start containment <"$dir/began"
    if [ "$word" = began ]; then
      # Numbers of an earlier boot mean others by now.
      boot
      [ "$booted" = "$boot" ] || start= keeper_start=
    fi
  fi
  [ "$word" = began ]
}

marked() { # sets `found`: the processes that were born with our mark
  found=
  # busybox's grep sees nothing behind a NUL, not even its own environment: then it is given lines,
  # and where there is the mark in any, each process is read by itself.
  set -- $(OUTLAST_SEEN=$$ grep -lF -e "OUTLAST_ATTEMPT=$mark" -e "OUTLAST_SEEN=$$" \
    /proc/self/environ /proc/[0-9]*/environ)
  if [ $# = 0 ]; then
    cat /proc/[0-9]*/environ | tr '\0' '\n' | grep -qxF "OUTLAST_ATTEMPT=$mark" || return 0
    set -- /proc/[0-9]*/environ
  fi
  for file; do
    if [ "$file" != /proc/self/environ ] && [ -d "${file%/environ}" ] &&
      tr '\0' '\n' <"$file" | grep -qxF "OUTLAST_ATTEMPT=$mark"; then
      file=${file%/environ}
      found="$found ${file#/proc/}"
    fi
  done
} 2>/dev/null

is_ours() { # whether the command's number means no other process by now, nor its group
  if [ "$containment" = process ] || [ -z "$start" ]; then return 1; fi
  start_of "$pid"
  [ -z "$since" ] || [ "$since" = "$start" ]
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
  [ -d /proc/self ] && marked && [ -n "$found" ]
}

strike() { # SIGNAL: to all there is of the attempt
  if is_running "$pid" "$start"; then kill "-$1" "$pid" 2>/dev/null; fi
  if is_ours; then kill "-$1" "-$pid" 2>/dev/null; fi
  if [ -d /proc/self ]; then
    marked
    for one in $found; do kill "-$1" "$one" 2>/dev/null; done
  fi
}

void() { # REASON DETAIL: it never ran, and never will
  now
  once began "void $try $now $1 $2"
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

take() { # SIZE LINES FILE: so many bytes of what comes; or so many lines, if they are counted
  if [ "$2" = 0 ]; then
    head -c "$1" >"$3"
    return
  fi
  text= lines=$2
  while [ "$lines" -gt 0 ] && IFS= read -r line; do
    text="$text$line
" lines=$((lines - 1))
  done
  printf %s "$text" >"$3"
  set -- $?
  text= # it may be secret
  return "$1"
} 2>/dev/null

start() { # SIZE LINES PATIENT
  [ -d "$dir" ] || mkdir -p "$dir" 2>/dev/null
  if ! take "$1" "$2" "$dir/order.$nonce"; then
    echo unwritable # the disk is full; or the connection was cut, and nobody reads this
    return
  fi
  if [ -e "$dir/began" ]; then
    printf '' >"$dir/order.$nonce"
    echo known
  else
    if [ "$3" = yes ]; then
      # Read to its end, which is there once nobody holds it: see `time_limits`.
      over=$(apart_for keep "$key" "$3")
    else
      apart keep "$key" "$3"
    fi
    echo started
  fi
  status "$key"
  if [ -n "$emptied" ] && [ $((out + err)) -gt 0 ] && [ $((out + err)) -le 16384 ]; then
    cat "$dir/stdout" "$dir/stderr"
  fi
}

keep() { # PATIENT
  try=$nonce whole=
  . "$dir/order.$try" || exit
  [ "$whole" = yes ] || exit # it was cut on its way
  start_of $$
  own=$since
  time_limits $$ "$timeout" "$idle" "$output" "$grace" "$1" &
  timer=$!
  exec >/dev/null
  # Shells say on stderr when a command of theirs was ended by a signal, and only then: the
  # status alone does not tell 137 from KILL.
  exec 2>"$dir/note.$try"
  echo >&2 # so that there is room for it
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
  # Nothing of the order stays, nor is it written once the end is told: then the folder is removed.
  printf '' >"$dir/order.$mine"
  if began && [ "$try" = "$mine" ]; then
    signalled=no
    { read -r more && read -r more; } <"$dir/note.$mine" && signalled=yes
    if [ -n "$session" ] && [ $signalled = no ] && [ ! -e "$dir/wish" ]; then carry_on; fi
    now
    record ended "$now $status $signalled"
    if left; then
      # What is waited for has the command's clocks.
      if [ "$leftovers" != wait ]; then kill "$timer" 2>/dev/null; fi
      clear_away
      now
    fi
    record emptied "$now"
  fi
  kill "$timer" 2>/dev/null
}

clear_away() { # what has outlived the command
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

take_place() { # begins where the command is to begin; fails if that cannot be entered
  missing=directory
  if [ -z "$session" ] || [ -n "$cwd" ] || [ ! -e "$root/sessions/$session" ]; then
    cd "${cwd:-.}"
    return
  fi
  missing=session
  variable() { :; }
  directory() { cd "$1" || exit 1; }
  is_whole "$root/sessions/$session" &&
    (. "$root/sessions/$session") && . "$root/sessions/$session"
}

carry_on() { # what the command has left is what the next one of its session finds
  is_whole "$dir/carried" && { [ -d "$root/sessions" ] || mkdir -p "$root/sessions"; } &&
    mv -f "$dir/carried" "$root/sessions/$session" && return
  if [ -e "$dir/carried" ]; then
    echo 'outlast: the directory and the variables of the session could not be kept' >>"$dir/stderr"
  fi
}

is_there() { # whether there is the program; returns 2 if it may not be executed
  case $program in
  */*) [ -f "$program" ] && { [ -x "$program" ] || return 2; } ;;
  '') true ;;
  *) command -v "$program" >/dev/null ;;
  esac
}

enter() { # KEEPER START CONTAINMENT: becomes the command
  exec 2>/dev/null
  try=$nonce
  . "$dir/order.$try" || exit
  : >"$dir/order.$try"
  [ -d /proc/self ] && set -- "$1" "$2" marker
  [ -e "$dir/wish" ] && { void cancelled; exit 0; }
  : >>"$dir/stdout" && : >>"$dir/stderr" && spare || { void disk_full; exit 0; }
  take_place || { void spawn_failed "$missing"; exit 0; }
  if [ "$has_script" = yes ]; then
    write_script >"$dir/script" && chmod 700 "$dir/script" || { void disk_full; exit 0; }
    script=$dir/script
  fi
  if [ -n "$session" ]; then
    write_session >"$dir/session" || { void disk_full; exit 0; }
  fi
  if [ "$has_path" = yes ]; then
    (environment && is_there)
  else
    is_there
  fi
  case $? in
  0) ;;
  2) void spawn_failed executable; exit 0 ;;
  *) void spawn_failed program; exit 0 ;;
  esac
  input=/dev/null
  if [ "$has_stdin" = yes ]; then input=$dir/stdin; fi
  [ -r "$input" ] || { void spawn_failed stdin; exit 0; }
  env=/usr/bin/env
  [ -x $env ] || env=$(command -v env)
  boot
  start_of $$
  now
  once began "began $try $now $$ $since $boot $1 $2 $3" || exit 0
  exec <"$input" >>"$dir/stdout" 2>>"$dir/stderr"
  umask "$OUTLAST_UMASK"
  unset OUTLAST_SH OUTLAST_UMASK OUTLAST_EPOCH
  OUTLAST_JOB_ID=$job OUTLAST_ATTEMPT=$mark OUTLAST_PROGRESS=$dir/progress
  export OUTLAST_JOB_ID OUTLAST_ATTEMPT OUTLAST_PROGRESS
  environment
  become
}

time_limits() { # KEEPER TIMEOUT IDLE OUTPUT GRACE PATIENT: end it where a limit passes; - is none
  trap 'kill $nap 2>/dev/null; exit' TERM
  uptime
  deadline=$((up + $2 + 1)) seen= quiet=$up
  if [ "$6" = yes ]; then
    # Whoever has started it reads our stdout, to know when all is over: then we are ended.
    for tick in 0.2 0.3 0.5; do
      sleep $tick >/dev/null &
      nap=$!
      wait $nap || break
      if [ $tick != 0.2 ] && began; then break; fi
    done
  fi
  exec >/dev/null
  while :; do
    # Whole seconds: one more than asked for is never early.
    tick=5
    if [ "$3" != - ] && [ "$3" -lt 5 ] || [ "$word" != began ]; then tick=1; fi
    if [ $((deadline - up)) -lt $tick ]; then tick=$((deadline - up)); fi
    if [ $tick -lt 1 ]; then tick=1; fi
    sleep $tick &
    nap=$!
    wait $nap
    if [ -s "$dir/emptied" ]; then exit; fi
    if [ -s "$dir/ended" ] && [ "$leftovers" != wait ]; then exit; fi
    if ! began || ! is_running "$pid" "$start"; then
      kill -0 "$1" 2>/dev/null || exit
    fi
    uptime
    if [ "$word" != began ]; then deadline=$((up + $2 + 1)); fi # a slow start takes nothing of it
    sizes
    if [ "$out $err" != "$seen" ]; then seen="$out $err" quiet=$up; fi
    if [ "$up" -ge $deadline ]; then
      finish "$5" timeout
    elif [ "$3" != - ] && [ $((up - quiet)) -gt "$3" ]; then
      finish "$5" idle_timeout
    elif [ "$4" != - ] && { [ "$out" -gt "$4" ] || [ "$err" -gt "$4" ]; }; then
      finish "$5" output_limit
    fi
  done
}

finish() { # GRACE REASON: end what runs
  began || return 0
  if [ -s "$dir/ended" ] || ! is_running "$pid" "$start"; then
    # Its parent clears away what is left, but for what is waited for, whose limit this is; where
    # that was killed, nobody does but us.
    if [ "$leftovers" != wait ] && is_running "$keeper" "$keeper_start"; then return 0; fi
    end_all "$1"
    return 0
  fi
  now
  once wish "$2 $now $1"
  end_all "$1"
}

stop() { # GRACE REASON
  mkdir -p "$dir" 2>/dev/null
  try=-
  if [ ! -e "$dir/began" ]; then void "$2"; fi
  if began && [ ! -s "$dir/emptied" ]; then
    now
    once wish "$2 $now $1"
    apart finish "$key" "$1" "$2"
  fi
  echo stopping
}

status() { # KEY...
  emptied=
  boot
  now
  echo "now $now $boot"
  for one; do
    attempt "$one"
    if began; then
      main=dead parent=dead
      ended= emptied= reason=
      if [ ! -s "$dir/emptied" ]; then
        # Asked before the record is read: what is written by one who dies now is seen.
        if is_running "$keeper" "$keeper_start"; then parent=alive; fi
        if is_running "$pid" "$start"; then main=alive; fi
        # Whose parent was killed, of that nobody else would ever say so.
        if [ $main$parent = deaddead ] && ! left; then record emptied "$now"; fi
      fi
      # The last first, so that what must stand before it is seen as well.
      [ -r "$dir/emptied" ] && read -r emptied <"$dir/emptied"
      [ -r "$dir/ended" ] && read -r ended <"$dir/ended"
      [ -r "$dir/wish" ] && read -r reason rest <"$dir/wish"
      sizes
      echo "job $key began $at $booted $containment $main $parent $out $err $told" \
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
  set -- "$@" $(LC_ALL=C ls -ln "$dir/$1" 2>/dev/null)
  most=$((${8:-0} - $2))
  if [ $most -gt "$3" ]; then most=$3; fi
  if [ $most -le 0 ]; then exit; fi
  # Whole blocks, since that is the only seeking that all of them know.
  dd if="$dir/$1" bs=65536 skip=$(($2 / 65536)) count=$((most / 65536 + 2)) 2>/dev/null |
    tail -c +$(($2 % 65536 + 1)) | head -c $most
}

watch() { # writes a line on stderr whenever something may have changed, as long as it is read
  # The marks of an end are looked for by the shell itself, at every tick; the sizes by a fork.
  seen= sizes= tick=5 quiet=0
  while kill -0 $$; do
    set -- "$root"/jobs/*/began "$root"/jobs/*/ended "$root"/jobs/*/emptied
    if [ "$*" != "$seen" ]; then
      seen="$*" tick=5 quiet=0
      echo >&3 || exit
    fi
    if [ $quiet -lt 10 ] || [ $((quiet % 4)) = 0 ]; then
      now=$(LC_ALL=C ls -ln "$root"/jobs/*/stdout "$root"/jobs/*/stderr "$root"/jobs/*/progress)
      if [ "$now" != "$sizes" ]; then
        sizes=$now quiet=0
        echo >&3 || exit
      fi
    fi
    quiet=$((quiet + 1)) tick=$((tick * 5 / 4 + 1))
    case $tick in
    ?) nap=0.0$tick ;;
    ??) nap=0.$tick ;;
    *) nap=1 tick=99 ;;
    esac
    sleep $nap 3>&- || sleep 1 3>&-
  done
} 3>&2 2>/dev/null </dev/null >/dev/null

retire() { # keep of the attempt what says that it must not begin
  : >"$dir/retired"
  for one in "$dir"/*; do
    case ${one##*/} in began | retired) ;; *) rm -rf "$one" ;; esac
  done
}

sweep() { # what was retired so long ago that no start of it can be on its way any more
  for one in "$root"/jobs/*/retired; do
    [ -e "$one" ] || return 0
    break
  done
  find "$root/jobs" -name retired -mtime +0 2>/dev/null | while IFS= read -r one; do
    rm -rf "${one%/*}"
  done
}

rest() { # no longer watch where nothing is left
  for one in "$root"/jobs/*; do
    [ ! -e "$one" ] || return 0
  done
  kill $watcher 2>/dev/null
  watcher=
}

serve() { # [TIME]
  watcher=
  now "$1"
  sweep
  trap 'kill $watcher 2>/dev/null' EXIT
  while read -r nonce verb words; do
    set -f
    set -- $words
    set +f
    [ -e "$self" ] || exit # somebody has removed it: who connects anew brings another
    case $verb in
    watch) [ -n "$watcher" ] || { watch & watcher=$!; } ;;
    start) answer "$@" 2>/dev/null ;;
    status | remove) answer "$@" 2>/dev/null </dev/null ;;
    put) (answer "$@") 2>/dev/null ;;
    *) (answer "$@") 2>/dev/null </dev/null ;;
    esac
    case $verb in remove | retire) rest ;; esac
    printf '\n%s\n' "$nonce"
  done
}

answer() { # ARGS...: to the verb
  attempt "$1"
  case $verb in
  start) start "$2" "$3" "$4" ;;
  status) status "$@" ;;
  read) read_piece "$2" "$3" "$4" ;;
  put) mkdir -p "$dir" && take "$3" 0 "$dir/$2.new" && mv -f "$dir/$2.new" "$dir/$2" && echo kept ;;
  stop) stop "$2" "$3" ;;
  remove | retire)
    for one; do
      attempt "$one"
      if ! began || [ -s "$dir/emptied" ] ||
        ! { is_running "$keeper" "$keeper_start" || is_running "$pid" "$start"; }; then
        if [ "$verb" = retire ] && [ -e "$dir/began" ]; then retire; else rm -rf "$dir"; fi
      fi
    done
    echo removed
    ;;
  esac
}

attempt "$key"
# The login's, for the command.
case $verb in
start | serve)
  login_umask
  OUTLAST_EPOCH=
  export OUTLAST_UMASK OUTLAST_EPOCH
  ;;
esac
umask 077
case $verb in
keep) keep "$4" ;;
enter)
  shift 3
  enter "$@"
  ;;
finish) finish "$4" "$5" ;;
*)
  echo "$nonce"
  case $verb in
  serve) serve "$3" ;;
  *)
    shift 2
    answer "$@"
    ;;
  esac
  ;;
esac
