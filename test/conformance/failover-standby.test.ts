import { afterAll, beforeAll, describe, it } from 'vitest';
import { conformance } from '../../src/engines/conformance/index.ts';
import { differencesOf } from './failover-differences.ts';
import { FailoverUnderTest } from './failover-engines.ts';

// Nobody listens at the primary's port: everything is done by the standby.
const failover = new FailoverUnderTest('failover (standby)', 'standby');

beforeAll(() => failover.start());
afterAll(() => failover.stop());

// Most of a behaviour is waiting.
conformance({
  describe: describe.concurrent,
  it,
  engine: failover.engine,
  differences: differencesOf('standby'),
});
