/**
 * A program as users write it: a worker, and Spillway's own handling of signals. It speaks to the test over IPC:
 * it says `active` when the job runs, and the job ends when the test says `finish`.
 */
import { createSpillway, type SpillwayOptions } from '../../src/index.ts';

const [optionsText = '{}', queueName = 'jobs', variant = 'plain'] = process.argv.slice(2);
const options = JSON.parse(optionsText) as SpillwayOptions;

const finish = new Promise<void>(resolve => {
  process.on('message', message => {
    if (message === 'finish') resolve();
  });
});
const spillway = createSpillway({ environment: {}, ...options });
const worker = spillway.worker(queueName, async () => {
  process.send?.('active');
  await finish;
  return 'done';
});
if (variant === 'own-listener') {
  process.on('SIGTERM', () => {
    process.send?.('own listener');
    // The channel to the test is what keeps this program alive.
    void spillway.close().then(() => process.disconnect());
  });
}
worker.on('closing', () => process.send?.('closing'));
await worker.waitUntilReady();
process.send?.('ready');
