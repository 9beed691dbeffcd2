# shellcheck shell=bash
# The database of a private cluster that runs now is the default one.
cmd_tool() {
  local cluster
  build run
  use_local_keys
  cluster=$(place postgres "$STATE")
  if [ -z "${DATABASE_URL:-}" ] && cluster_ready "$cluster"; then
    DATABASE_URL=$(cluster_url "$cluster")
    export DATABASE_URL
  fi
  cd "$CALLED_FROM"
  exec dotnet "$TOOL" "$@"
}

cmd_token() {
  build run
  use_local_keys
  exec dotnet "$TOOL" token "$@"
}
