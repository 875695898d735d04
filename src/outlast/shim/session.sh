# What a session carries from one command to the next, on a host that has only a POSIX shell.
#
#   sh session.sh begin SH STATE NEW OWN line LINE      become a shell that has what STATE says,
#   sh session.sh begin SH STATE NEW OWN words WORD...  runs this, and leaves in NEW what it has
#   sh session.sh save STATE NEW OWN DIRECTORY          write NEW: called by that shell as it ends
#
# A state is a piece of shell: `variable NAME VALUE` for each exported variable, `directory PATH`,
# and a last line that says it is whole. OWN are the variables that were given to this command
# alone: of those the session keeps what it had.
#
# Only what is built into shells, since PATH may be anything; and no name but OUTLAST_..., which
# is never carried, since the variables here are those of somebody else.

OUTLAST_is_carried() { # NAME
  case $1 in
  PWD | OLDPWD | SHLVL | _ | IFS | PPID | UID | EUID | GROUPS | LINENO | SECONDS | RANDOM | SRANDOM) return 1 ;;
  OPTIND | OPTARG | OPTERR | SHELLOPTS | BASH* | EPOCH* | FUNCNAME | DIRSTACK | PIPESTATUS) return 1 ;;
  SSH_CLIENT | SSH_CONNECTION | SSH_TTY | OUTLAST_*) return 1 ;;
  esac
  case " $OUTLAST_own " in *" $1 "*) return 1 ;; esac
}

OUTLAST_exported() { # the names of what is exported, among others that are not: lines of values
  export -p | while IFS= read -r OUTLAST_line; do
    case $OUTLAST_line in
    'export '*) OUTLAST_line=${OUTLAST_line#export } ;;
    'declare -'* | 'typeset -'*) OUTLAST_line=${OUTLAST_line#* -* } ;;
    *) continue ;;
    esac
    OUTLAST_line=${OUTLAST_line%%=*}
    # Letter by letter: what a range has in it depends on the language.
    case $OUTLAST_line in
    '' | [0123456789]* | *[!ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_]*) ;;
    *) echo "$OUTLAST_line" ;;
    esac
  done
}

OUTLAST_write() { # WORD VALUE: `WORD 'VALUE'`
  OUTLAST_rest=$2 OUTLAST_quoted=
  while :; do
    case $OUTLAST_rest in
    *\'*)
      OUTLAST_quoted=$OUTLAST_quoted${OUTLAST_rest%%\'*}"'\\''"
      OUTLAST_rest=${OUTLAST_rest#*\'}
      ;;
    *) break ;;
    esac
  done
  printf '%s\n' "$1 '$OUTLAST_quoted$OUTLAST_rest'"
}

OUTLAST_save() { # DIRECTORY: all that the next command is to find
  for OUTLAST_name in $(OUTLAST_exported); do
    if OUTLAST_is_carried "$OUTLAST_name" && eval "[ \"\${$OUTLAST_name+set}\" ]"; then
      eval "OUTLAST_value=\$$OUTLAST_name"
      OUTLAST_write "variable $OUTLAST_name" "$OUTLAST_value"
    fi
  done
  if [ -r "$OUTLAST_state" ]; then
    variable() {
      case " $OUTLAST_own " in *" $1 "*) OUTLAST_write "variable $1" "$2" ;; esac
    }
    directory() { :; }
    . "$OUTLAST_state"
  fi
  # As the shell calls it, where that is true: by way of a link, say.
  if ! [ "$1" -ef . ] 2>/dev/null; then
    OUTLAST_here=$(pwd -P && echo .)
    case $OUTLAST_here in /*) set -- "${OUTLAST_here%??}" ;; esac # none: it was deleted
  fi
  OUTLAST_write directory "$1"
  echo '# whole'
}

OUTLAST_SHELL='
OUTLAST_shell=$1 OUTLAST_script=$2 OUTLAST_state=$3 OUTLAST_new=$4 OUTLAST_own=$5 OUTLAST_end=
OUTLAST_leave() {
  if [ -n "$OUTLAST_end" ]; then return 0; fi
  OUTLAST_end=saved
  "$OUTLAST_shell" "$OUTLAST_script" save "$OUTLAST_state" "$OUTLAST_new" "$OUTLAST_own" "$PWD" \
    </dev/null >/dev/null 2>&1 || :
}
trap "{ set +x; } 2>/dev/null; OUTLAST_leave" EXIT
case $6 in
line)
  OUTLAST_line=$7
  set --
  eval "$OUTLAST_line"
  ;;
words)
  shift 6
  "$@"
  ;;
esac
{ OUTLAST_status=$?; set +x; } 2>/dev/null
OUTLAST_leave # here as well, for a line that has a trap of its own
exit $OUTLAST_status
'

case $1 in
begin)
  OUTLAST_script=$0 OUTLAST_shell=$2 OUTLAST_state=$3 OUTLAST_new=$4 OUTLAST_own=$5
  shift 5
  if [ -r "$OUTLAST_state" ]; then
    for OUTLAST_name in $(OUTLAST_exported); do
      if OUTLAST_is_carried "$OUTLAST_name"; then unset -v "$OUTLAST_name"; fi
    done
    variable() { if OUTLAST_is_carried "$1"; then export "$1=$2"; fi; }
    directory() { :; }
    . "$OUTLAST_state" 2>/dev/null
  fi
  exec "$OUTLAST_shell" -c "$OUTLAST_SHELL" sh \
    "$OUTLAST_shell" "$OUTLAST_script" "$OUTLAST_state" "$OUTLAST_new" "$OUTLAST_own" "$@"
  ;;
save)
  umask 077
  OUTLAST_state=$2 OUTLAST_new=$3 OUTLAST_own=$4
  OUTLAST_save "$5" >"$OUTLAST_new"
  ;;
esac
