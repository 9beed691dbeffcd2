# shellcheck shell=bash disable=SC2034
cmd_run() {
  local port='' data=$STATE database=${DATABASE_URL:-} empty='' address
  read_options run amqp://127.0.0.1:5672 "$@"
  # The option overrides the environment: it applies to this run only, the environment to every run.
  if [ -n "$port" ] || [ -z "${ASPNETCORE_URLS:-}" ]; then export ASPNETCORE_URLS=http://127.0.0.1:${port:-7071}; fi
  address=${ASPNETCORE_URLS%%;*} address=${address%/}
  port=${address##*:}
  is_port "$port" ||
    die "--port needs a number from 1 to 65535, e.g. 7071; ASPNETCORE_URLS needs an address such as http://127.0.0.1:7071"
  STOPPED_BY_SIGNAL=0
  answers "$port" && die "port $port is in use; choose another: ./dev run --port $((port + 1))"
  [ -n "$database" ] || need_writable "$data" "choose another folder, e.g. --data ~/licenses"

  build_pages
  build run
  use_local_keys
  export PUBLIC_URL=${PUBLIC_URL:-http://127.0.0.1:$port}    # links in mails, and the issuer of leases
  if [ -z "$database" ]; then
    enter_cluster "$(reachable_folder postgres "$data")"
    database=$(cluster_url "$CLUSTER")
  fi
  export DATABASE_URL=$database
  step "migrating the database" licensectl migrate
  if [ -z "$empty" ]; then
    step "loading demo data" licensectl demo-data ${CLUSTER:+--yes}
    export DEMO_SIGN_IN_SECRET=${DEMO_SIGN_IN_SECRET:-$(local_key demo-sign-in-secret)}
    start_demo_services "$port" "$data"
  fi
  use_locations "$empty"
  greet "$address" "$empty"
  [ -n "$empty" ] || start_child run_demo_timers "$port" >/dev/null 2>&1
  start_child dotnet "$APP"
  wait "${CHILDREN[-1]}"
}
