import type { ContenderAddress } from '../harness/live-contender.ts';
import { openContender } from '../harness/live-contender.ts';
import { serveParent } from '../harness/serve-parent.ts';
import type { PacedAdds } from './paced-adds.ts';
import { addPaced } from './paced-adds.ts';

/** Adds jobs at a slow pace from a process of its own. */
export interface AdderRequest extends ContenderAddress, PacedAdds {
  readonly queueName: string;
}

export interface AdderReply {
  readonly added: number;
}

serveParent<AdderRequest, AdderReply>(async request => {
  const { live, close } = await openContender(request);
  await addPaced(live, await live.queue(request.queueName), request);
  const { ok, detail } = await close();
  if (!ok) throw new Error(`error events in the adder: ${detail}`);
  return { reply: { added: request.count } };
});
