# shellcheck shell=bash
# The default database is that of ./dev run's private cluster, if that is running.
cmd_tool() {
  local cluster data=$STATE named=''
  if [ "${1:-}" = --data ]; then
    need_value ~/licenses "$@"
    data=$(cd "$CALLED_FROM" && realpath -m "$2")
    named=yes
    shift 2
  fi
  build run
  use_local_keys
  cluster=$(reachable_folder postgres "$data")
  [ -z "$named" ] || cluster_ready "$cluster" || die "./dev run --data $data is not running"
  if [ -n "$named" ] || { [ -z "${DATABASE_URL:-}" ] && cluster_ready "$cluster"; }; then
    DATABASE_URL=$(cluster_url "$cluster")
    export DATABASE_URL
  fi
  cd "$CALLED_FROM" || exit
  exec dotnet "$TOOL" "$@"
}

cmd_token() {
  build run
  use_local_keys
  exec dotnet "$TOOL" token "$@"
}
