# shellcheck shell=bash disable=SC2034
cmd_bench() {
  build all
  need_postgres
  command -v pgbench >/dev/null || PATH=$PATH:$PG_BIN
  command -v wrk >/dev/null || ! may_install || step "installing wrk, the load generator" apt_install wrk
  CLUSTER_CONF="synchronous_commit = on
fsync = on
shared_buffers = '1GB'
max_wal_size = '4GB'
log_checkpoints = on
log_autovacuum_min_duration = 0
log_min_duration_statement = 60
log_line_prefix = '%m [%p] %a '
log_lock_waits = on
deadlock_timeout = '100ms'"
  THROW_AWAY=yes
  enter_cluster "$(reachable_folder bench "$STATE")"
  BENCH_DATABASE_URL=$(cluster_url "$CLUSTER")
  export BENCH_DATABASE_URL
  start_child dotnet tests/Benchmarks/bin/Release/net10.0/Benchmarks.dll "$@"
  wait "${CHILDREN[-1]}"
}
