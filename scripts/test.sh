# shellcheck shell=bash
# ./dev test. A suite is a folder of tests/ with a C# test project, a package.json whose `test` script is `node --test …`, or a script
# run-tests that writes its report with scripts/report.sh. Each leaves SUITE.xml (JUnit) and SUITE.log in $RESULTS for scripts/results.mjs.

TEST=$STATE/test
RESULTS=$TEST                            # results of this run; with --repeat, one folder per run
LONGEST_FIRST=(LicenseFunctions.Tests dashboard clients dev Infrastructure.Tests Simulation FunctionsHost.Tests)
# How many suites run at once, and how many tests of a C# suite per processor. More than the processors can run, because tests often wait
# for a lock, a process or a time limit.
AT_ONCE=3
THREADS=2x
SUITE_LIMIT=30m                          # a suite that hangs fails; its log names the tests that run for more than two minutes
FILTER=''                                # the filter of this run, or nothing
declare -A SUITES=() STARTED=()          # by process ID: the suite, and when it started

cmd_test() {
  local repeat='' installing restoring suites round folders=()
  while [ $# -gt 0 ]; do
    case $1 in
      --repeat)
        [[ ${2:-} =~ ^[1-9][0-9]{0,3}$ ]] || die "--repeat needs a whole number above 0, e.g. --repeat 10"
        repeat=$2
        shift 2 ;;
      -*) die "test has no option $1; ./dev help lists its options" ;;
      *)
        [ -z "$FILTER" ] || die "test accepts one filter; ./dev help describes it"
        FILTER=$1
        shift ;;
    esac
  done
  mkdir -p "$TEST"
  exec 6>"$TEST/lock"
  flock -n 6 || { say "… waiting for another ./dev test"; flock 6; }
  find "$TEST" -mindepth 1 ! -name lock -delete
  # Packages are installed while the code is built: one waits for the network, the other uses the processors.
  start_child need_test_packages
  installing=${CHILDREN[-1]}
  start_child restore >/dev/null 2>&1
  restoring=${CHILDREN[-1]}
  build_pages
  while kill -0 "$restoring" 2>/dev/null; do pause 0.2; done
  build all
  while kill -0 "$installing" 2>/dev/null; do pause 0.2; done
  # If it failed, this tries again and reports why.
  need_test_packages
  start_test_broker

  mapfile -t suites < <(list_suites "$FILTER")
  if [ -z "$repeat" ]; then
    start_test_database
    await_test_broker
    run_suites "${suites[@]}"
    node scripts/results.mjs sum "$RESULTS"
  else
    for ((round = 1; round <= repeat; round++)); do
      RESULTS=$TEST/$round
      folders+=("$RESULTS")
      say "… run $round of $repeat"
      start_test_database
      await_test_broker
      run_suites "${suites[@]}"
    done
    node scripts/results.mjs repeat "${folders[@]}"
  fi
}

# run_suites SUITE…: runs $AT_ONCE at a time; their results are in $RESULTS
run_suites() {
  local began=$SECONDS suite
  export TEST_LOGS=$RESULTS/logs          # the logs of the tests' backends, and the secrets that they must not contain
  export DOTNET_TieredPGO=0               # saves 9 % of the CPU time: hundreds of processes end before a profile is useful
  export DOTNET_EnableWriteXorExecute=0   # saves 10 % of the CPU time of a start: less memory is mapped twice
  # Saves up to 25 %: a method is optimized after 768 calls (hexadecimal 300) instead of 30; most methods of a test have fewer calls.
  export DOTNET_TC_CallCountThreshold=300
  # Saves up to 26 %: an idle thread sleeps immediately, as in the backend, instead of spinning first.
  export DOTNET_ThreadPool_UnfairSemaphoreSpinLimit=0
  # Otherwise each ASP.NET Core server of a test watches all folders of the project for a changed appsettings.json.
  export DOTNET_hostBuilder__reloadConfigOnChange=false
  mkdir -p "$TEST_LOGS"
  say "… running $# suites, $AT_ONCE at a time"
  for suite; do
    [ "${#SUITES[@]}" -lt "$AT_ONCE" ] || await_a_suite
    start_child run_to_file "$suite" "$FILTER"
    SUITES[${CHILDREN[-1]}]=$suite STARTED[${CHILDREN[-1]}]=$SECONDS
  done
  while [ "${#SUITES[@]}" -gt 0 ]; do await_a_suite; done
  search_logs
  say "… $((SECONDS - began)) s"
}

# list_suites FILTER: prints the suites that have something to run, the longest first: a long suite that starts last would prolong the run
list_suites() {
  local suite
  for suite in $( (printf '%s\n' "${LONGEST_FIRST[@]}"; cd tests && printf '%s\n' */ | tr -d /) | awk '!seen[$0]++'); do
    [ -d "tests/$suite" ] && suite_command "$suite" "$1" >/dev/null && echo "$suite"
  done
}

# suite_command SUITE FILTER: prints the command line that runs it, one word per line; fails if there is nothing to run
suite_command() {
  local folder=tests/$1 filter=$2
  if [ -f "$folder/$1.csproj" ]; then
    grep -q xunit "$folder/$1.csproj" || return 1
    printf '%s\n' dotnet "$folder/bin/Release/net10.0/$1.dll" --no-ansi --progress off --max-threads "$THREADS" \
      --long-running 120 --results-directory "$RESULTS" --report-xunit-junit --report-xunit-junit-filename "$1.xml"
    [ -z "$filter" ] || printf '%s\n' --filter-method "*$filter*"
  else
    [[ $1 == *"$filter"* ]] || return 1
    if [ -f "$folder/package.json" ]; then
      printf '%s\n' npm --prefix "$folder" test -- --test-reporter=spec --test-reporter-destination=stdout \
        --test-reporter=junit --test-reporter-destination="$RESULTS/$1.xml"
    elif [ -x "$folder/run-tests" ]; then echo "$folder/run-tests"
    else return 1; fi
  fi
}

# The exit code goes to a file: after `set -m`, bash forgets processes that end before it waits for them.
run_to_file() {
  local code=0
  run_suite "$@" || code=$?
  echo "$code" >"$RESULTS/$1.code"
}

run_suite() {
  local command log=$RESULTS/$1.log
  mapfile -t command < <(suite_command "$1" "$2")
  install_packages "tests/$1" >"$log" 2>&1 || return
  TEST_REPORT=$RESULTS/$1.xml timeout --kill-after=10 "$SUITE_LIMIT" "${command[@]}" >>"$log" 2>&1
}

# install_packages FOLDER: installs what its package-lock.json lists, unless it is installed already
install_packages() {
  [ -f "$1/package-lock.json" ] || return 0
  cmp -s "$1/package-lock.json" "$1/node_modules/.installed" && return
  npm ci --no-audit --no-fund --prefix "$1" && cp "$1/package-lock.json" "$1/node_modules/.installed"
}

await_a_suite() {
  local pid suite
  tick 15 say "  still running: ${SUITES[*]}"
  while :; do
    for pid in "${!SUITES[@]}"; do kill -0 "$pid" 2>/dev/null || break 2; done
    pause 0.2
  done
  stop_ticking
  suite=${SUITES[$pid]}
  finish_suite "$suite" "$(cat "$RESULTS/$suite.code" 2>/dev/null || echo 255)" $((SECONDS - STARTED[$pid]))
  unset "SUITES[$pid]" "STARTED[$pid]"
}

# finish_suite SUITE CODE SECONDS: prints its result and stores it for the summary
finish_suite() { node scripts/results.mjs suite "$1" "$RESULTS/$1.xml" "$RESULTS/$1.log" "$2" "$3" "$FILTER" >&2; }

# A separate suite: no log of the run contains a token, a person's address or a card that one of its tests used.
search_logs() {
  local secrets=$TEST_LOGS/secrets found=$TEST_LOGS/found code=0
  find "$TEST_LOGS" -name '*.secrets' -exec cat {} + | sort -u >"$secrets"
  # With a filter, the tests may have no secrets.
  [ -s "$secrets" ] || [ -z "$FILTER" ] || return 0
  (
    TEST_REPORT=$RESULTS/logs.xml
    source scripts/report.sh
    open_report logs
    # The search is tested first: if it misses a known secret, or has none to look for, its result proves nothing.
    if ! head -1 "$secrets" | grep -qF -f "$secrets"; then fail "the search of the logs finds what it looks for"
    elif find "$RESULTS" -name '*.log' ! -name logs.log -exec grep -HnF -f "$secrets" {} + >"$found"; then
      fail "no log contains a token, an address or a card" "$found"
    else pass "no log contains a token, an address or a card"; fi
    close_report
  ) >"$RESULTS/logs.log" || code=$?
  finish_suite logs "$code" 0
}
