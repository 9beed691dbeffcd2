# shellcheck shell=bash disable=SC2034
# Installs the missing programs that the tests need in addition to .NET.
need_test_packages() {
  local missing=()
  need_postgres
  [ -x /usr/lib/rabbitmq/bin/rabbitmq-server ] || missing+=(rabbitmq-server)
  command -v promtool >/dev/null || missing+=(prometheus)
  command -v pgbouncer >/dev/null || [ -x /usr/sbin/pgbouncer ] || missing+=(pgbouncer)
  command -v psql >/dev/null || missing+=(postgresql-client)
  [ ! -d tests/dashboard ] || command -v chromium-headless-shell chromium >/dev/null || missing+=(chromium-headless-shell)
  [ ! -d tests/clients ] || command -v g++ >/dev/null || missing+=(g++)
  [ ! -d tests/clients ] || command -v rustc >/dev/null || missing+=(rustc)
  need_node
  [ ! -d tests/dashboard ] || need_mail_catcher
  [ ${#missing[@]} = 0 ] && return
  may_install || die "the tests need ${missing[*]}; install them (Debian: apt-get install ${missing[*]}) and start again"
  step "installing ${missing[*]} for the tests" apt_install "${missing[@]}"
}

# start_test_database: starts a PostgreSQL for one run of the suites; deletes that of the previous run, if any
start_test_database() {
  local folder
  leave_cluster
  # The data is deleted at the end of the run, so it does not have to survive a crash. Without "autovacuum = off", PostgreSQL would start a
  # process in each of the hundreds of databases once a minute. A test and its backend may open 40 connections.
  CLUSTER_CONF="fsync = off
synchronous_commit = off
full_page_writes = off
autovacuum = off
max_wal_size = 256MB
max_connections = 500"
  THROW_AWAY=yes
  folder=$(reachable_folder test-postgres "$STATE")
  # In memory, a test drops its database of 800 files. On disk, the databases are deleted with the server: ext4 looks at all files that were
  # deleted in the last minutes before it makes a new one.
  if has_memory; then
    folder=/dev/shm/licensing-$(sha256sum <<<"$STATE" | cut -c1-12)-test-postgres
    unset TEST_DATABASE_IS_DELETED
  else export TEST_DATABASE_IS_DELETED=yes; fi
  enter_cluster "$folder" --no-sync
  TEST_DATABASE_URL=$(cluster_url "$CLUSTER")
  export TEST_DATABASE_URL
}

# Whether the databases of a run, about 1 GB at a time, fit into memory beside the tests
has_memory() {
  local free
  [ "$(stat -f -c %T /dev/shm 2>/dev/null)" = tmpfs ] && as_pg test -w /dev/shm || return 1
  free=$(($(stat -f -c '%a * %S' /dev/shm) / 1024))
  [ "$free" -ge 3000000 ] && [ "$(awk '$1 == "MemAvailable:" { print $2 }' /proc/meminfo)" -ge 5000000 ]
}

# Starts RabbitMQ with AMQP 1.0, with its own files and its own Erlang name server. It is ready after await_test_broker.
start_test_broker() {
  local dir user port names dist
  dir=$(reachable_folder test-rabbitmq "$STATE") port=$(free_port) names=$(free_port) dist=$(free_port)
  user=$(id -un)
  rm -rf "$dir"
  mkdir -p "$dir"
  echo '[rabbitmq_amqp1_0].' >"$dir/enabled_plugins"
  printf 'listeners.tcp.default = 127.0.0.1:%s\nlog.console = true\n' "$port" >"$dir/rabbitmq.conf"
  [ "$(id -u)" != 0 ] || { user=rabbitmq; chown -R "$user" "$dir"; }
  local settings=(HOME="$dir" ERL_EPMD_PORT="$names" ERL_EPMD_ADDRESS=127.0.0.1 RABBITMQ_NODENAME="test-$port@localhost"
    RABBITMQ_DIST_PORT="$dist" RABBITMQ_CONFIG_FILE="$dir/rabbitmq.conf" RABBITMQ_ENABLED_PLUGINS_FILE="$dir/enabled_plugins"
    RABBITMQ_MNESIA_BASE="$dir/mnesia" RABBITMQ_LOG_BASE="$dir/log" RABBITMQ_PID_FILE="$dir/pid"
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none")
  start_child env "${settings[@]}" epmd >/dev/null 2>&1
  start_child as_user "$user" env "${settings[@]}" /usr/lib/rabbitmq/bin/rabbitmq-server >"$dir/output" 2>&1
  BROKER=("$port" "${CHILDREN[-1]}" "$dir/output")
  export RABBITMQ_URL=amqp://guest:guest@127.0.0.1:$port
}

await_test_broker() { answers "${BROKER[0]}" || step "starting RabbitMQ" await_port "${BROKER[@]}"; }
