# shellcheck shell=bash
# A suite is a folder of tests/ with a C# test project, a package.json with a `test` script for node's runner, or a script `run-tests`.
cmd_test() {
  local filter=${1:-} suites suite began=$SECONDS
  mkdir -p "$STATE/test"
  exec 6>"$STATE/test/lock"
  flock -n 6 || { say "… waiting for another ./dev test"; flock 6; }
  rm -rf "$STATE"/test/*.log "$STATE"/test/*.sum "$STATE/test/logs"
  mkdir -p "$STATE/test/logs"
  export TEST_LOGS=$STATE/test/logs     # where tests leave their backends' logs, and what those may not hold
  build_pages
  build all
  need_test_packages
  start_test_database
  start_test_broker

  mapfile -t suites < <(list_suites "$filter")
  say "… running ${#suites[@]} suites, two at a time"
  for suite in "${suites[@]}"; do
    while [ "$(running_suites)" -ge 2 ]; do await_a_suite; done
    start_child run_suite "$suite" "$filter"
    SUITES[CHILDREN[-1]]=$suite
  done
  while [ "$(running_suites)" -gt 0 ]; do await_a_suite; done
  search_logs
  say "… $((SECONDS - began)) s"
  sum_up
}

SUITES=()                               # by process

running_suites() { echo "${#SUITES[@]}"; }

list_suites() {
  local folder
  for folder in tests/*/; do
    folder=$(basename "$folder")
    suite_command "$folder" "$1" >/dev/null && echo "$folder"
  done
}

# suite_command SUITE FILTER: the command line that runs it, a word a line; fails where there is nothing to run
suite_command() {
  local folder=tests/$1 filter=$2
  if [ -f "$folder/$1.csproj" ]; then
    grep -q xunit "$folder/$1.csproj" || return 1
    printf '%s\n' dotnet "$folder/bin/Release/net10.0/$1.dll" --no-ansi --progress off
    [ -z "$filter" ] || printf '%s\n' --filter-method "*$filter*"
  else
    [[ $1 == *"$filter"* ]] || return 1
    if [ -f "$folder/package.json" ]; then printf '%s\n' npm --prefix "$folder" test
    elif [ -x "$folder/run-tests" ]; then echo "$folder/run-tests"
    else return 1; fi
  fi
}

run_suite() {
  local command log=$STATE/test/$1.log
  mapfile -t command < <(suite_command "$1" "$2")
  if [ -f "tests/$1/package-lock.json" ]; then
    npm ci --no-audit --no-fund --prefix "tests/$1" >"$log" 2>&1 || return
  fi
  # node's own runner tells its sums in this form only when asked to
  NODE_OPTIONS="--test-reporter=tap" "${command[@]}" >>"$log" 2>&1
}

await_a_suite() {
  local code=0 pid=
  tick 15 say "  still running: ${SUITES[*]}"
  wait -n -p pid "${!SUITES[@]}" || code=$?
  stop_ticking
  finish_suite "${SUITES[$pid]}" "$code"
  unset "SUITES[$pid]"
}

# finish_suite SUITE CODE: counts it, and shows what failed. A suite that ends without a sum is one failure.
finish_suite() {
  local log=$STATE/test/$1.log passed failed skipped
  passed=$(last_number "$log" 's/^ *succeeded: ([0-9]+)$/\1/p; s/^# pass ([0-9]+)$/\1/p; s/^([0-9]+) passed, [0-9]+ failed.*$/\1/p')
  failed=$(last_number "$log" 's/^ *failed: ([0-9]+)$/\1/p; s/^# fail ([0-9]+)$/\1/p; s/^[0-9]+ passed, ([0-9]+) failed.*$/\1/p')
  skipped=$(last_number "$log" 's/^ *skipped: ([0-9]+)$/\1/p; s/^# skipped ([0-9]+)$/\1/p; s/^.* failed, ([0-9]+) skipped$/\1/p')
  # 8: the runner's code for "no test matches"
  if [ "$failed" = 0 ] && [ "$2" != 0 ] && [ "$2" != 8 ] || [ "$passed$failed$skipped" = 000 ] && [ "$2" != 8 ]; then failed=1; fi
  echo "$passed $failed $skipped" >"$STATE/test/$1.sum"
  say "  $1: $passed passed, $failed failed$(skipped_words "$skipped")"
  # what a suite could not try on this machine
  grep -E '^NOTE: ' "$log" >&2 || true
  if [ "$failed" != 0 ]; then
    say "---- $1 (all of it: $log)"
    show_failures "$log" >&2
    say "----"
  elif [ "$skipped" != 0 ]; then
    grep -A 2 -E '^skipped |^ *ok .*# SKIP' "$log" >&2 || true
  fi
}

# No log of the run holds a token, an address of a person or a card that any of its tests used.
search_logs() {
  local secrets=$STATE/test/logs/secrets log=$STATE/test/logs.log failed=0
  find "$TEST_LOGS" -name '*.secrets' -exec cat {} + | sort -u >"$secrets"
  [ -s "$secrets" ] || return 0
  # What is looked for is found: else an empty result would say nothing.
  head -1 "$secrets" | grep -qF -f "$secrets" || failed=1
  find "$STATE/test" -name '*.log' ! -path "$log" -exec grep -HnF -f "$secrets" {} + >"$log" && failed=1
  [ "$failed" = 0 ] || echo "not ok a log holds a token, an address or a card: see above" >>"$log"
  printf '%s passed, %s failed\n' $((1 - failed)) "$failed" >>"$log"
  finish_suite logs "$failed"
}

last_number() { local n; n=$(sed -nE "$2" "$1" 2>/dev/null | tail -1); echo "${n:-0}"; }

skipped_words() { [ "$1" = 0 ] || echo ", $1 SKIPPED"; }

# The failed tests of an xUnit log with what follows each up to the next test, the failed ones of the others' with their details
show_failures() {
  if grep -qE '^failed ' "$1"; then awk '/^(skipped |Test run summary)/ { show = 0 } /^failed / { show = 1 } show' "$1" | head -n 400
  elif grep -qE '^ *not ok ' "$1"; then grep -E -A 25 '^ *not ok ' "$1" | head -n 200
  else tail -n 60 "$1"; fi
}

sum_up() {
  local passed=0 failed=0 skipped=0 p f s
  while read -r p f s; do passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s)); done < <(cat "$STATE"/test/*.sum)
  if [ $((passed + failed)) = 0 ]; then say "./dev: no test ran"; fi
  if [ "$skipped" = 0 ]; then echo "$passed passed, $failed failed"; else echo "$passed passed, $failed failed, $skipped skipped"; fi
  [ "$failed" = 0 ] && [ "$passed" != 0 ]
}
