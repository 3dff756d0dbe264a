import { type FlowJob, type FlowOpts, FlowProducer, type JobNode, type JobsOptions } from 'bullmq';
import { SpillwayError } from '../shared/errors.ts';
import type { Engine } from './engine.ts';
import { checkJob, checkJobData, refuse, wholeMilliseconds } from './job-options.ts';
import { checkQueueName } from './names.ts';
import { parsePayload } from './payload.ts';
import type { StandardSchema } from './standard-schema.ts';
import type { FlowSettings } from './types.ts';

/** What a flow must know of the queues its jobs go to. */
export interface FlowQueues {
  /** The schema of a queue, or undefined; throws SPILLWAY_UNKNOWN_QUEUE. */
  schemaOf(queue: string): StandardSchema | undefined;
}

/** BullMQ's FlowProducer, which refuses a flow with any bad job in it before anything is stored. */
export class SpillwayFlowProducer extends FlowProducer {
  readonly #queues: FlowQueues;

  constructor(settings: FlowSettings, engine: Engine, queues: FlowQueues) {
    super({ ...engine.producer, ...settings }, engine.factory);
    this.#queues = queues;
  }

  override async add(flow: FlowJob, opts?: FlowOpts): Promise<JobNode> {
    this.#refuseWhenClosed();
    return super.add(await this.#check(flow), opts);
  }

  override async addBulk(flows: FlowJob[]): Promise<JobNode[]> {
    this.#refuseWhenClosed();
    const checked: FlowJob[] = [];
    if (!Array.isArray(flows)) throw noFlow('the flows of addBulk', 'a list of flows', flows);
    for (const flow of flows) checked.push(await this.#check(flow));
    return super.addBulk(checked);
  }

  /** A copy of the tree with parsed payloads. A flow is stored as a whole, so each payload gets the full look here. */
  async #check(node: FlowJob): Promise<FlowJob> {
    if (typeof node !== 'object' || node === null)
      throw noFlow('a job of a flow', 'an object { name, queueName, data, children }', node);
    checkQueueName(node.queueName);
    const place = { queue: node.queueName, job: node.name };
    const schema = this.#queues.schemaOf(node.queueName);
    const options = node.opts as JobsOptions | undefined;
    checkJob(place, options);
    const data = schema === undefined ? node.data : await parsePayload(schema, node.data, place);
    checkJobData(place, data, options?.sizeLimit);
    if (node.children !== undefined && node.children !== null && !Array.isArray(node.children))
      throw refuse(place, 'children', 'a list of jobs', `a value of type ${typeof node.children}`);
    const children: FlowJob[] = [];
    for (const child of node.children ?? []) children.push(await this.#check(child as FlowJob));
    const opts = wholeMilliseconds(options);
    return {
      ...node,
      data,
      ...(opts === undefined ? {} : { opts }),
      ...(node.children === undefined ? {} : { children }),
    } as FlowJob;
  }

  #refuseWhenClosed(): void {
    if (this.closing === undefined) return;
    throw new SpillwayError('SPILLWAY_CLOSED', 'This flow producer is closed and takes no jobs');
  }
}

function noFlow(what: string, range: string, value: unknown): SpillwayError {
  return new SpillwayError(
    'SPILLWAY_INVALID_JOB',
    `Nothing was stored: ${what} must be ${range}; received a value of type ${value === null ? 'null' : typeof value}`,
    { details: { option: what, range } },
  );
}
