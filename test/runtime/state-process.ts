/** A program that says over IPC which state its failover engine is in, and each change of it. */
import { createSpillway, type SpillwayOptions } from '../../src/index.ts';

const [optionsText = '{}'] = process.argv.slice(2);
const options = JSON.parse(optionsText) as SpillwayOptions;
const spillway = createSpillway({ environment: {}, logger: false, ...options });
spillway.failover?.on('state', ({ to, reason }) => process.send?.({ state: to, reason }));
await spillway.queue('jobs').waitUntilReady();
process.send?.({ state: spillway.failover?.status().state });
process.on('disconnect', () => void spillway.close());
