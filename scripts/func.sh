# shellcheck shell=bash disable=SC2034
AZURITE_NPM=3.37.0                       # storage for the host

# Prepares what the Functions host needs: storage for the timers' leases, a database, and every setting in local.settings.json.
cmd_func() {
  local port=7071 data=$STATE database=${DATABASE_URL:-} empty='' app=$STATE/func/bin/LicenseFunctions/release
  read_options func "'Endpoint=sb://NAMESPACE.servicebus.windows.net/;…'" "$@"
  is_port "$port" ||
    die "--port needs a number from 1 to 65535, e.g. 7071"
  [[ ${ServiceBus:-Endpoint=sb://} == Endpoint=sb://* ]] ||
    die "--servicebus needs a Service Bus connection string, e.g. Endpoint=sb://NAMESPACE.servicebus.windows.net/;SharedAccessKeyName=…"
  STOPPED_BY_SIGNAL=0
  need_dotnet
  need_node
  command -v func >/dev/null ||
    die "Azure Functions Core Tools are missing; install them and start again: npm install -g azure-functions-core-tools@4"
  command -v azurite >/dev/null || die "Azurite is missing; install it and start again: npm install -g azurite@$AZURITE_NPM"
  answers "$port" && die "port $port is in use; choose another: ./dev func --port $((port + 1))"
  [ -n "$database" ] || need_writable "$data" "choose another folder, e.g. --data ~/licenses"

  build_pages
  build run                               # licensectl for the migration, and the stand-ins for the demo
  build_for_func "$STATE/func"
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
    start_demo_services "$port" "$data"
  fi
  use_locations "$empty"
  start_azurite "$data/azurite"
  write_local_settings "$app/local.settings.json"
  greet "http://127.0.0.1:$port" "$empty"
  [ -n "${ServiceBus:-}" ] ||
    say "  IngestUsage and DrainDeadLetters are off without --servicebus; func may report that their binding is not registered."
  start_func "$app" "$port"
  wait "${CHILDREN[-1]}"
}

# build_for_func FOLDER: a separate build from that of ./dev run, because the Service Bus extension differs. Only the official one includes
# the host's part, without which the queue functions receive no messages.
build_for_func() {
  local official=()
  [ -z "${ServiceBus:-}" ] || official=(-p:ServiceBusExtension=Official)
  attempt "building for the Functions host" dotnet build src/LicenseFunctions -c Release -v q -nologo --disable-build-servers \
    --artifacts-path "$1" ${official[@]+"${official[@]}"}
  if [ "$FAILED" = yes ]; then
    [ -z "${ServiceBus:-}" ] ||
      say "./dev: with --servicebus the build needs the package Microsoft.Azure.Functions.Worker.Extensions.ServiceBus; if the output" \
        "above says that it can't be found, this machine's NuGet feed lacks it. Without --servicebus it isn't needed."
    exit 1
  fi
  [ -z "${ServiceBus:-}" ] || grep -q WebJobs.Extensions.ServiceBus "$1/bin/LicenseFunctions/release/extensions.json" ||
    die "the build has no Service Bus extension for the host, which --servicebus requires: the queue functions would receive no messages"
}

# start_azurite FOLDER: starts it on free ports and exports the connection string, with Azurite's well-known account and key. The host's
# client sends a newer API version than Azurite knows: --skipApiVersionCheck.
start_azurite() {
  local blob queue table log=$STATE/log/azurite.log account=devstoreaccount1
  local key=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==
  blob=$(free_port) queue=$(free_port) table=$(free_port)
  mkdir -p "$1" "$STATE/log"
  start_child azurite --silent --skipApiVersionCheck --disableTelemetry --location "$1" \
    --blobPort "$blob" --queuePort "$queue" --tablePort "$table" >"$log" 2>&1
  local azurite=${CHILDREN[-1]} port
  for port in "$blob" "$queue" "$table"; do step "starting Azurite (port $port)" await_port "$port" "$azurite" "$log"; done
  export AzureWebJobsStorage="DefaultEndpointsProtocol=http;AccountName=$account;AccountKey=$key"
  AzureWebJobsStorage+=";BlobEndpoint=http://127.0.0.1:$blob/$account;QueueEndpoint=http://127.0.0.1:$queue/$account"
  AzureWebJobsStorage+=";TableEndpoint=http://127.0.0.1:$table/$account"
}

# write_local_settings FILE: the sample, with the values that this run and the environment set
write_local_settings() {
  (umask 077; node - local.settings.sample.json >"$1.new" <<'JS'
const { readFileSync } = require('node:fs');
const settings = JSON.parse(readFileSync(process.argv[2], 'utf8'));
for (const name of Object.keys(settings.Values)) {
  if (process.env[name]) settings.Values[name] = process.env[name];
}
settings.Values.AzureWebJobsDisableHomepage = 'true';
if (!process.env.ServiceBus) {
  settings.Values.ServiceBus = '';
  settings.Values['AzureWebJobs.IngestUsage.Disabled'] = 'true';
  settings.Values['AzureWebJobs.DrainDeadLetters.Disabled'] = 'true';
}
console.log(JSON.stringify(settings, null, 2));
JS
  ) || die "$1 could not be written"
  mv "$1.new" "$1"
}

# start_func FOLDER PORT: starts func in the build's output, because in the project's folder it would build again. Environment variables
# override local.settings.json, so those that the file sets are removed from the environment.
start_func() {
  local unset=() name names
  names=$(node -p 'Object.keys(require("./local.settings.sample.json").Values).join(" ")')
  for name in ASPNETCORE_URLS $names; do unset+=(-u "$name"); done
  start_child env -C "$1" "${unset[@]}" FUNCTIONS_CORE_TOOLS_TELEMETRY_OPTOUT=1 func start --no-build --port "$2"
}
