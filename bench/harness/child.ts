import { benchmarkNamed } from '../benchmarks.ts';
import type { Outcome, ScaleName } from './benchmark.ts';
import type { ContenderAddress } from './live-contender.ts';
import { openContender } from './live-contender.ts';
import { serveParent } from './serve-parent.ts';

/** One run of one contender: the process that is measured. */
export interface RunRequest extends ContenderAddress {
  readonly benchmark: string;
  readonly scale: ScaleName;
}

serveParent<RunRequest, Outcome>(async request => {
  const benchmark = benchmarkNamed(request.benchmark);
  const { live, close } = await openContender(request);
  const outcome = await benchmark.run(live, benchmark.scales[request.scale]);
  const noErrors = await close();
  return { reply: { ...outcome, checks: [...outcome.checks, noErrors] } };
});
