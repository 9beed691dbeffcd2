# shellcheck shell=bash
cmd_simulate() {
  local options=("$@") store=memory
  while [ $# -gt 0 ]; do
    case $1 in
      --schedules | --seed | --licenses)
        [[ ${2:-} =~ ^[1-9][0-9]{0,8}$ ]] || die "$1 needs a whole number above 0, e.g. $1 2000"
        shift 2 ;;
      --store)
        [[ ${2:-} =~ ^(memory|postgres)$ ]] || die "--store needs memory or postgres"
        store=$2
        shift 2 ;;
      --until-failure) shift ;;
      *) die "simulate has no option $1; ./dev help lists its options" ;;
    esac
  done
  build all
  if [ "$store" = postgres ]; then
    need_postgres
    start_test_database
  fi
  dotnet tests/Simulation/bin/Release/net10.0/Simulation.dll simulate ${options[@]+"${options[@]}"}
}
