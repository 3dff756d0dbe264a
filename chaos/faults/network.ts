/** Redis is well; the way to it is not: rows 15 to 19. */
import { DEADLINE_MS } from '../harness/bounds.ts';
import type { Expectations, Fault } from '../harness/fault.ts';
import type { Weather } from '../proxy.ts';

/** While it lasts the proxy does this. */
function weather(row: number, name: string, title: string, bad: Weather, more: Partial<Fault> = {}): Fault {
  return {
    name,
    title,
    rows: [row],
    proxied: true,
    inject: ({ proxy }) => proxy.set(bad),
    heal: ({ proxy }) => proxy.set({ kind: 'clear' }),
    ...more,
  };
}

const away: Expectations = { away: true };

export const networkFaults: readonly Fault[] = [
  weather(
    15,
    'latency',
    'replies late by 50 to 150 ms, below the deadline',
    { kind: 'slow', latencyMs: 50, jitterMs: 100 },
    { expect: { mostSwitches: 1 } },
  ),
  weather(
    15,
    'latency-beyond-deadline',
    `replies late by ${DEADLINE_MS + 200} to ${DEADLINE_MS + 600} ms`,
    { kind: 'slow', latencyMs: DEADLINE_MS + 200, jitterMs: 400 },
    { expect: away },
  ),
  weather(16, 'reset-before-reply', 'one reply in ten is replaced by a reset: was it done?', {
    kind: 'reset-before-reply',
    share: 0.1,
  }),
  weather(
    17,
    'blackhole',
    'nothing arrives, in either direction',
    { kind: 'blackhole', ways: ['requests', 'replies'] },
    { expect: away },
  ),
  weather(
    17,
    'blackhole-requests',
    'requests arrive seconds late, when nobody waits for them any more',
    { kind: 'blackhole', ways: ['requests'] },
    { expect: away },
  ),
  weather(
    17,
    'blackhole-replies',
    'requests are carried out, no reply arrives',
    { kind: 'blackhole', ways: ['replies'] },
    { expect: away },
  ),
  // Every byte is a packet: a rate that leaves the processor some time.
  weather(18, 'fragments', 'every byte in a packet of its own', { kind: 'fragments' }, { rate: 50 }),
  weather(18, 'cut-replies', 'one reply in ten ends in the middle, and the connection with it', {
    kind: 'cut-replies',
    share: 0.1,
  }),
  weather(
    19,
    'flapping',
    'connections are dropped, and accepted again, every 200 ms',
    { kind: 'flapping', everyMs: 200 },
    { lastsMs: [8000, 8000], expect: { mostSwitches: 3 } },
  ),
];
