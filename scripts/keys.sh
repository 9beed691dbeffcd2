# shellcheck shell=bash
# local_key NAME: prints a key of 32 random bytes in base64. It is created once; two runs that create it simultaneously get the same key.
local_key() {
  local file=$STATE/$1
  if [ ! -s "$file" ]; then
    mkdir -p "$STATE"
    (umask 077; head -c 32 /dev/urandom | base64 >"$file.$$")
    ln "$file.$$" "$file" 2>/dev/null || true
    rm -f "$file.$$"
  fi
  cat "$file"
}

use_local_keys() {
  [ -n "${AUTH_AUTHORITY:-}" ] || export AUTH_SIGNING_KEY=${AUTH_SIGNING_KEY:-$(local_key auth-signing-key)}
  export LEASE_SIGNING_KEYS=${LEASE_SIGNING_KEYS:-$(local_key lease-signing-key)}
  export WEBHOOK_SECRET_KEYS=${WEBHOOK_SECRET_KEYS:-$(local_key webhook-secret-key)}
  export LINK_SIGNING_KEYS=${LINK_SIGNING_KEYS:-$(local_key link-signing-key)}
}
