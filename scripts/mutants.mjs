// Applies each break of tests/mutants/breaks.mjs to a copy of the tree, one at a time, and runs the simulation and then the tests that
// concern it. docs/mutants.md keeps the latest result of each break.
import { execFileSync, spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { breaks } from '../tests/mutants/breaks.mjs'

const tree = join('.local', 'mutants', 'tree')
const page = join('docs', 'mutants.md')
const output = join('bin', 'Release', 'net10.0')
const projects = { Licensing: 'src/Licensing', LicenseFunctions: 'src/LicenseFunctions' }
const suites = ['Licensing.Tests', 'LicenseFunctions.Tests', 'Simulation']
const schedules = { memory: 200_000, postgres: 1_000 }
const leastShare = 0.8
const quick = ['-p:RunAnalyzers=false', '-p:EnforceCodeStyleInBuild=false', '-p:TreatWarningsAsErrors=false']

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !breaks.some((one) => one.name === name))
if (unknown.length) fail(`./dev mutants: there is no break ${unknown.join(', ')}; tests/mutants/breaks.mjs lists them`)

for (const one of breaks) {
  const found = readFileSync(one.file, 'utf8').split(one.from).length - 1
  if (found !== 1) fail(`./dev mutants: the text of ${one.name} occurs ${found} times in ${one.file}; it must occur once`)
}

copyTree()
for (const suite of suites) build(`tests/${suite}`)
const compilers = Object.fromEntries(Object.entries(projects).map(([name, folder]) => [name, compiler(name, folder)]))
const kept = Object.keys(projects).map((name) => ({ name, bytes: readFileSync(join(tree, projects[name], output, `${name}.dll`)) }))
const healthy = simulate('memory') ?? simulate('postgres')
if (healthy) fail(`the simulation finds a fault in the unbroken code: ${healthy}`)

const known = Object.fromEntries(readFileSync(page, 'utf8').split('\n')
  .map((line) => /^\| [^|]+ \| (\S+) \| (?:yes)? ?\| ([\d-]+) \| ([^|]+) \| ?(.*?) ?\|$/.exec(line)).filter(Boolean)
  .map(([, name, on, by, what]) => [name, { on, by, what }]))
const began = Date.now()
for (const one of breaks.filter((one) => !wanted.length || wanted.includes(one.name))) {
  const noticed = { on: new Date().toISOString().slice(0, 10), ...judge(one) }
  known[one.name] = noticed
  writeFileSync(page, document(summary()))
  console.log(`${minutes()} ${one.name.padEnd(40)} ${one.money ? 'money' : '     '} ${noticed.by.padEnd(21)} ${noticed.what ?? ''}`)
}

const { totals, isFailed } = summary()
console.log(`\n${totals}`)
process.exit(isFailed ? 1 : 0)

function summary() {
  const results = breaks.filter((one) => known[one.name]).map((one) => ({ ...one, noticed: known[one.name] }))
  const by = (who, of = results) => of.filter((one) => one.noticed.by.startsWith(who)).length
  const isComplete = results.length === breaks.length
  const money = results.filter((one) => one.money)
  const [simulation, nobody, invalid, simulated] = [by('simulation'), by('nobody'), by('the compiler'), by('simulation', money)]
  const share = money.length ? simulated / money.length : 1
  const totals = `${results.length} breaks: ${simulation} noticed by the simulation, ${results.length - simulation - nobody - invalid} by `
    + `other tests, ${nobody} not noticed, ${invalid} invalid.\nOf ${money.length} that cost money, the simulation noticed ${simulated} `
    + `(${Math.round(share * 100)} %).` + (isComplete ? '' : ` ${breaks.length - results.length} of ${breaks.length} were not run.`)
  return { totals, isFailed: nobody > 0 || invalid > 0 || (isComplete && share < leastShare) }
}

function judge(one) {
  const path = join(tree, one.file)
  const project = one.file.startsWith('src/Licensing/') ? 'Licensing' : 'LicenseFunctions'
  writeFileSync(path, readFileSync(path, 'utf8').replace(one.from, () => one.to))
  try {
    const compiled = compilers[project]()
    if (!compiled) return { by: 'the compiler' }
    spread(project, compiled)
    // The simulation should notice the breaks that cost money. For the others, the tests are faster.
    return (one.money ? noticedBySimulation(one) ?? test(one.tests) : test(one.tests) ?? noticedBySimulation(one)) ?? { by: 'nobody' }
  } finally {
    copyFileSync(one.file, path)
    for (const { name, bytes } of kept) spread(name, bytes)
  }
}

function build(folder) {
  const done = run('dotnet', ['build', folder, '-c', 'Release', '-v', 'q', '-nologo', ...quick], 1800)
  if (done.status !== 0) fail(`the unbroken ${folder} does not build:\n${done.stdout.slice(-2000)}`)
}

// Compiles the project with the compiler alone, which takes a fraction of a build. Undefined if it does not compile.
function compiler(name, folder) {
  const asked = run('dotnet', ['build', folder, '-c', 'Release', '-nologo', '--no-restore', '--no-dependencies', ...quick,
    '-t:PrepareResources;Compile', '-p:ProvideCommandLineArgs=true', '-p:SkipCompilerExecution=true',
    '-p:NonExistentFile=always', '-getItem:CscCommandLineArgs'], 900)
  const args = JSON.parse(asked.stdout.slice(asked.stdout.indexOf('{'))).Items.CscCommandLineArgs.map((item) => item.Identity)
  if (!args.length) fail(`MSBuild gives no arguments for ${name}`)
  const response = join(folder, 'obj', 'break.rsp')
  const target = join('obj', 'break', `${name}.dll`)
  const lines = args.filter((arg) => !/^\/(out|refout|pdb|doc|analyzerconfig|warnaserror)/.test(arg))
    .map((arg) => (arg.includes(' ') ? `"${arg}"` : arg))
  mkdirSync(join(tree, folder, dirname(target)), { recursive: true })
  writeFileSync(join(tree, response), [...lines, `/out:${target}`].join('\n'))
  const sdk = run('dotnet', ['--list-sdks'], 60).stdout.trim().split('\n').at(-1).replace(/^(\S+) \[(.*)\]$/, '$2/$1')
  const csc = [join(sdk, 'Roslyn', 'bincore', 'csc.dll'), '/noconfig', '/shared', '@obj/break.rsp']
  return () => {
    const done = spawnSync('dotnet', csc, { cwd: join(tree, folder), encoding: 'utf8', timeout: 900_000 })
    if (done.status !== 0) console.error(done.stdout.split('\n').find((line) => line.includes('error')))
    return done.status === 0 ? readFileSync(join(tree, folder, target)) : undefined
  }
}

function minutes() { return `${((Date.now() - began) / 60_000).toFixed(1).padStart(5)} min` }

// The tests and the app load the assembly from their own folders.
function spread(name, bytes) {
  for (const parent of ['src', 'tests'])
    for (const folder of readdirSync(join(tree, parent))) {
      const file = join(tree, parent, folder, output, `${name}.dll`)
      if (existsSync(file)) writeFileSync(file, bytes)
    }
}

// The store in memory replaces the SQL, so only PostgreSQL can notice a break there. Both run the same rules, and memory is faster.
function noticedBySimulation(one) {
  if (one.file.includes('/Stripe/')) return undefined
  const store = one.file.startsWith('sql/') || /Transaction|RenewalStore|Inbox/.test(one.file) ? 'postgres' : 'memory'
  const found = simulate(store)
  return found && { by: store === 'memory' ? 'simulation' : 'simulation, postgres', what: found }
}

// The first violated rule; undefined if there is none.
function simulate(store) {
  const done = run('dotnet', [join('tests', 'Simulation', output, 'Simulation.dll'), 'simulate', '--until-failure',
    '--store', store, '--schedules', `${schedules[store]}`], 1800)
  if (done.status === 0) return undefined
  const line = done.stdout.split('\n').find((text) => text.includes('--seed')) ?? (done.stderr.split('\n')[0] || 'it does not end')
  if (line.includes('FileNotFoundException') || line.includes('Could not load')) fail(line)
  return line.replace(/^.*?--seed \d+: /, '').replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, '…').slice(0, 110).trim()
}

function test(classes) {
  for (const suite of suites) {
    const filters = classes.flatMap((name) => ['--filter-class', `*${name}`])
    const done = run('dotnet', [join('tests', suite, output, `${suite}.dll`), '--no-ansi', '--progress', 'off', ...filters], 900)
    // 8: the suite has none of the classes.
    if (done.status === 0 || done.status === 8) continue
    const failed = done.stdout.split('\n').find((text) => text.startsWith('failed '))
    return { by: suite, what: failed?.replace(/^failed (\S+\.)*/, '').replace(/[( ].*$/, '') ?? 'it stops' }
  }
  return undefined
}

function run(program, args, seconds) {
  return spawnSync(program, args, { cwd: tree, encoding: 'utf8', timeout: seconds * 1000, killSignal: 'SIGKILL', maxBuffer: 1 << 28 })
}

// Copies what changed since the last run, so that builds are incremental.
function copyTree() {
  const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '-z'], { encoding: 'utf8', maxBuffer: 1 << 28 })
    .split('\0').filter((file) => file && existsSync(file) && !file.startsWith('src/dashboard/'))
  const list = join(tree, '..', 'files.json')
  const before = existsSync(list) ? JSON.parse(readFileSync(list, 'utf8')) : []
  const now = new Set(files)
  for (const file of before) if (!now.has(file)) rmSync(join(tree, file), { force: true })
  for (const file of files) {
    const to = join(tree, file)
    if (existsSync(to) && readFileSync(to).equals(readFileSync(file))) continue
    mkdirSync(dirname(to), { recursive: true })
    copyFileSync(file, to)
  }
  writeFileSync(list, JSON.stringify(files))
}

function document({ totals }) {
  const rows = breaks.map((one) => {
    const { on, by, what } = known[one.name] ?? { on: '', by: 'not run' }
    const row = `| ${one.kind} | ${one.name} | ${one.money ? 'yes' : ''} | ${on} | ${by} | `
    return `${row}${(what ?? '').replaceAll('|', '/').slice(0, 158 - row.length).trim()} |`
  })
  return `# Deliberate breaks

\`./dev mutants\` breaks a copy of the code on purpose, in one place at a time, and reports what notices each break: the simulation in
memory, the simulation over PostgreSQL, or a test. Breaks that cost money are tried on the simulation first, the others on the tests.
\`./dev mutants NAME…\` runs only the named breaks of \`tests/mutants/breaks.mjs\`. The command fails if a break is not noticed. When all
breaks have a result, it also fails if the simulation notices less than ${leastShare * 100} % of those that cost money. It writes this page,
which keeps the latest result of each break.
Stryker.NET has supported this test platform since 4.14, but it breaks only C#, not SQL, and doesn't know which of its thousands of
mutants cost money.

${totals}

| kind | break | costs money | run on | noticed by | first failure |
| --- | --- | --- | --- | --- | --- |
${rows.join('\n')}
`
}

function fail(text) {
  console.error(text)
  process.exit(2)
}
