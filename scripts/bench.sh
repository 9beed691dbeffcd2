# shellcheck shell=bash disable=SC2034
cmd_bench() {
  build all
  need_postgres
  command -v pgbench >/dev/null || PATH=$PATH:$PG_BIN
  command -v wrk >/dev/null || ! may_install || step "installing wrk, the load generator" apt_install wrk
  CLUSTER_CONF="synchronous_commit = on
fsync = on
jit = on
shared_buffers = '1GB'
max_wal_size = '4GB'"
  THROW_AWAY=yes
  enter_cluster "$(reachable_folder bench "$STATE")"
  BENCH_DATABASE_URL=$(cluster_url "$CLUSTER")
  export BENCH_DATABASE_URL
  case "${1:-start}" in start | validate | scale) make_package ;; esac
  start_child dotnet tests/Benchmarks/bin/Release/net10.0/Benchmarks.dll "$@"
  wait "${CHILDREN[-1]}"
}

# Packages the app as it is deployed, but with src/ServiceBusTrigger instead of the official extension: the standalone app uses neither.
make_package() {
  step "compiling the package ahead of time" dotnet publish src/LicenseFunctions -c Release -v q -nologo --disable-build-servers \
    -p:PublishFor=bench --artifacts-path "$STATE/package" -o "$STATE/package/app"
  export BENCH_PACKAGE=$STATE/package/app/LicenseFunctions.dll
}
