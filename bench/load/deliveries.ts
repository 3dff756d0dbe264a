import { createHmac } from 'node:crypto';
import { jobDataSource } from '../harness/payload.ts';
import { randomHex, seededRandom } from '../harness/random.ts';

/** One signed webhook, ready to be written to a socket. */
export interface Delivery {
  readonly id: string;
  readonly request: Buffer;
}

export interface DeliveryOptions {
  readonly count: number;
  readonly seed: number;
  readonly port: number;
  readonly path: string;
  readonly secret: string;
}

/** Makes every request up front, so that signing costs the measured time nothing. Bodies are 300 bytes, ids unique. */
export function makeDeliveries({ count, seed, port, path, secret }: DeliveryOptions): Delivery[] {
  const random = seededRandom(seed);
  const data = jobDataSource(seed);
  return Array.from({ length: count }, (_, index) => {
    // As GitHub's: a UUID. The last group counts, so that no two are the same.
    const groups = [8, 4, 4, 4].map(length => randomHex(random, length));
    const id = [...groups, index.toString(16).padStart(12, '0')].join('-');
    const body = JSON.stringify(data(index));
    const signature = createHmac('sha256', secret).update(body).digest('hex');
    const head = [
      `POST ${path} HTTP/1.1`,
      `Host: 127.0.0.1:${port}`,
      'User-Agent: GitHub-Hookshot/bench',
      'Content-Type: application/json',
      `Content-Length: ${Buffer.byteLength(body)}`,
      'X-GitHub-Event: issue_comment',
      `X-GitHub-Delivery: ${id}`,
      `X-Hub-Signature-256: sha256=${signature}`,
    ];
    return { id, request: Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`) };
  });
}
