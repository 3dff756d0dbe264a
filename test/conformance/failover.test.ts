import { afterAll, beforeAll, describe, it } from 'vitest';
import { conformance } from '../../src/engines/conformance/index.ts';
import { FailoverUnderTest } from './failover-engines.ts';

// On a healthy Redis the failover engine answers as Redis does, without exception.
const failover = new FailoverUnderTest('failover', 'primary');

beforeAll(() => failover.start());
afterAll(() => failover.stop());

// Most of a behaviour is waiting.
conformance({ describe: describe.concurrent, it, engine: failover.engine });
