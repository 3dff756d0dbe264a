import { randomBytes, randomUUID } from 'node:crypto';
import type { Logger } from '../../src/index.ts';
import { DEFAULT_PORT, startApp } from './app.ts';
import { githubDeliveries, metaDeliveries } from './payloads.ts';
import { curlCommands, faultText, progressLine, usesTable } from './print.ts';
import { JobWatch, replay } from './replay.ts';

const { env } = process;
/** Set by the first signal. */
let stopping = false;

const say = (text = '') => process.stdout.write(`${text}\n`);

/** Spillway's log as lines of this program's story: which engine and why, then only what goes wrong. */
const story: Logger = {
  debug: () => {},
  info: (_details, message) => say(`  ${message}`),
  warn: (_details, message) => console.error(`  warning: ${message}`),
  error: (_details, message) => console.error(`  error: ${message}`),
};

/** The user's own secret, never printed, or one made for this start, which the curl commands need to show. */
function secretFrom(name: string) {
  const given = env[name] || undefined;
  return given === undefined
    ? { secret: randomBytes(16).toString('hex'), shown: true as const }
    : { secret: given, shown: false as const, name };
}

function portFrom(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  const port = Number(text);
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
  throw new Error(`PORT must be a whole number from 0 to 65535 (received "${text}").`);
}

async function main(): Promise<void> {
  const github = secretFrom('GITHUB_WEBHOOK_SECRET');
  const meta = secretFrom('META_APP_SECRET');
  const dataDir = env.DATA_DIR || '.data/dm-automation';
  const wanted = portFrom(env.PORT);

  say('Spillway: DM automation');
  const app = await startApp({
    dataDir,
    environment: env,
    logger: story,
    secrets: {
      github: github.secret,
      meta: meta.secret,
      verifyToken: secretFrom('META_VERIFY_TOKEN').secret,
    },
    ...(wanted === undefined ? {} : { port: wanted }),
    server: { onError: error => console.error(`webhook server: ${faultText(error)}`) },
  });
  stopOnSignal(app.close);

  const first = wanted ?? DEFAULT_PORT;
  const moved = app.port !== first && first !== 0 ? ` (port ${first} is taken)` : '';
  say(`  Listening on ${app.url}${moved}`);
  say();

  const run = randomUUID().slice(0, 8);
  const recorded = [...githubDeliveries(run), ...metaDeliveries(run)];
  const deliveries = [...recorded, ...recorded.filter((_delivery, index) => index % 30 === 0)];
  const watch = new JobWatch(app.spillway);
  await watch.ready();
  const secrets = { github: github.secret, meta: meta.secret };
  const label = 'Replaying recorded webhooks, some of them twice:';
  const { ids, ...counts } = await replay(
    app.url,
    deliveries,
    secrets,
    progressLine(label, deliveries.length),
  );
  const { processed, failed } = await watch.ended(ids);
  await watch.close();

  say();
  say(usesTable(app.store.usesFor(ids)));
  say();
  say(
    `sent ${counts.sent}, accepted ${counts.accepted} (duplicates ${counts.duplicates}), refused ${counts.refused}; ` +
      `jobs ${ids.length}, processed ${processed}, failed ${failed}`,
  );
  say();
  say('Still running. Paste these into another terminal (they need curl and openssl):');
  if (github.shown || meta.shown) say('(the secrets in them are demo ones, made for this start)');
  const keyOf = (key: typeof github) => (key.shown ? { secret: key.secret } : { env: key.name });
  for (const command of curlCommands({
    url: app.url,
    github: keyOf(github),
    meta: keyOf(meta),
    jobId: ids[0]!,
  })) {
    say(`\n${command}`);
  }
  say('\nCtrl-C stops.');
}

/** The first signal stops in good order, a second one at once. */
function stopOnSignal(close: () => Promise<void>): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (stopping) process.exit(1);
      stopping = true;
      say('\nStopping...');
      close().then(
        () => process.exit(0),
        (error: unknown) => {
          console.error('could not stop in good order:', error);
          process.exit(1);
        },
      );
    });
  }
}

await main().catch((error: unknown) => {
  if (stopping) return; // the replay was cut off; whoever stops it says how that went
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
});
