# shellcheck shell=bash
CHILDREN=()                              # process groups that this run started and stops when it ends
SIGNALED=''                              # yes after Ctrl-C or another signal that ends this run
TICKER=''                                # the process that prints that a step still runs

say() { printf '%s\n' "$*" >&2; }

die() { say "./dev: $*"; exit 1; }

# pause SECONDS: sleeps without a process that would outlive a killed shell
pause() { read -rt "$1" <> <(:) || true; }

# step WHAT COMMAND…: runs the command and prints every few seconds that it still runs; if it fails, prints the end of its output and exits
step() {
  attempt "$@"
  [ "$FAILED" = no ] || exit 1
}

# attempt WHAT COMMAND…: like step, but sets FAILED to yes or no instead of exiting. Don't use it with `if` or `||`, which would switch
# `set -e` off for COMMAND, nor in a subshell, which a signal would not end.
attempt() {
  local what=$1 began=$SECONDS log code=0; shift
  mkdir -p "$STATE/log"
  log=$STATE/log/$(tr -cs 'a-zA-Z0-9' - <<<"${what%% (*}")$$.log
  say "… $what"
  start_child "$@" >"$log" 2>&1
  local child=${CHILDREN[-1]}
  tick 5 still "$what" "$began"
  wait "$child" || code=$?
  kill -TERM -- "-$child" 2>/dev/null || true   # what the command left running, such as a compiler server
  stop_ticking
  unset 'CHILDREN[-1]'
  FAILED=no
  if [ "$code" = 0 ]; then rm -f "$log"; return; fi
  FAILED=yes
  tail -n 40 "$log" >&2
  say "./dev: $what failed (complete output: $log)"
}

still() { say "  still $1, $((SECONDS - $2)) s"; }

# tick SECONDS COMMAND…: runs the command every SECONDS until stop_ticking, or until this script has ended
tick() {
  local every=$1; shift
  (trap - EXIT INT TERM HUP; while pause "$every" && kill -0 $$ 2>/dev/null; do "$@"; done) 6>&- 7>&- 8>&- 9>&- &
  TICKER=$!
  disown "$TICKER"
}

stop_ticking() {
  [ -n "$TICKER" ] || return 0
  # Not SIGTERM: a subshell that gets it before it has reset the traps of this script runs `leave`, which stops everything.
  kill -KILL "$TICKER" 2>/dev/null || true
  TICKER=''
}

# start_child COMMAND…: runs it in the background, in its own process group, which stop_children ends. It inherits none of this script's
# locks (descriptors 6 to 9). A program, but not a function, also gets SIGTERM if this script is killed with SIGKILL.
start_child() {
  local bound=()
  [ "$(type -t "$1")" = file ] && setpriv --pdeathsig TERM true 2>/dev/null && bound=(setpriv --pdeathsig TERM)
  set -m
  (trap - EXIT INT TERM HUP; ${bound[@]+exec "${bound[@]}"} "$@") 6>&- 7>&- 8>&- 9>&- </dev/null &
  set +m
  CHILDREN+=($!)
}

# Ends all children within about a second, because the user who pressed Ctrl-C waits for it.
stop_children() {
  local pid tries=0
  for pid in ${CHILDREN[@]+"${CHILDREN[@]}"}; do kill -TERM -- "-$pid" 2>/dev/null || true; done
  for pid in ${CHILDREN[@]+"${CHILDREN[@]}"}; do
    while kill -0 -- "-$pid" 2>/dev/null && [ "$tries" -lt 10 ]; do pause 0.1; tries=$((tries + 1)); done
    disown "$pid" 2>/dev/null || true             # so that bash doesn't print that it was killed
    kill -KILL -- "-$pid" 2>/dev/null || true
  done
  CHILDREN=()
}

leave() {
  trap - EXIT; trap '' INT TERM HUP
  [ -z "$SIGNALED" ] || say "Stopping…" || true
  stop_ticking
  stop_children
  leave_cluster
  [ -z "$SIGNALED" ] || say "Stopped." || true
}

trap leave EXIT
trap 'SIGNALED=yes; exit ${STOPPED_BY_SIGNAL:-130}' INT
trap 'SIGNALED=yes; exit ${STOPPED_BY_SIGNAL:-143}' TERM HUP

need_dotnet() {
  command -v dotnet >/dev/null ||
    die "the .NET SDK 10.0 is missing; install it from https://dotnet.microsoft.com/download/dotnet/10.0 and start again"
  dotnet --version >/dev/null 2>&1 ||
    die "the .NET SDK 10.0 is missing; installed: $(dotnet --list-sdks | tr '\n' ' ');" \
      "get it at https://dotnet.microsoft.com/download/dotnet/10.0"
}

need_node() {
  command -v npm >/dev/null ||
    die "Node.js 20 or later with npm is missing; install it (Debian: apt-get install nodejs npm) and start again"
}

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }

may_install() { command -v apt-get >/dev/null && { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }; }

apt_install() {
  as_root apt-get update -q
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@"
}

# need_value EXAMPLE OPTION [VALUE…]: ends the run if the option has no value
need_value() {
  case ${3:-} in '' | --*) die "$2 needs a value, e.g. $2 $1" ;; esac
}

# read_options COMMAND BROKER [OPTION…]: sets port, data, database and empty of the caller, and ServiceBus;
# BROKER is the example that the error for --servicebus shows
read_options() {
  local command=$1 broker=$2; shift 2
  while [ $# -gt 0 ]; do
    case $1 in
      --port) need_value 7071 "$@"; port=$2 ;;
      --data) need_value ~/licenses "$@"; data=$(cd "$CALLED_FROM" && realpath -m "$2") ;;
      --database) need_value postgresql://user@localhost/execution_control "$@"; database=$2 ;;
      --servicebus) need_value "$broker" "$@"; export ServiceBus=$2 ;;
      --empty) empty=yes; shift; continue ;;
      *) die "$command has no option $1; ./dev help lists its options" ;;
    esac
    shift 2
  done
}

# need_writable FOLDER HINT: creates the folder; ends the run if files can't be created in it
need_writable() {
  { mkdir -p "$1" && test -w "$1"; } 2>/dev/null || die "no files can be created in $1; $2"
}

is_port() { [[ $1 =~ ^[0-9]{1,5}$ ]] && [ "$((10#$1))" -ge 1 ] && [ "$((10#$1))" -le 65535 ]; }

answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

free_port() {
  local port
  while port=$((20000 + RANDOM % 12000)); answers "$port"; do :; done
  echo "$port"
}

# await_port PORT PROCESS OUTPUT: waits until the port answers; if the process ends before that, prints the end of its output and fails
await_port() {
  local tries
  for ((tries = 0; tries < 600; tries++)); do
    answers "$1" && return
    kill -0 "$2" 2>/dev/null || break
    pause 0.1
  done
  tail -n 20 "$3"
  return 1
}

MAIL_CATCHER=src/DevServices/MailCatcher

need_mail_catcher() {
  [ -f "$MAIL_CATCHER/node_modules/.package-lock.json" ] ||
    step "installing the mail catcher (npm)" npm ci --no-audit --no-fund --prefix "$MAIL_CATCHER"
}
