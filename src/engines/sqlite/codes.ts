import { ErrorCode, UnrecoverableError } from 'bullmq';

/** The negative answers of the contract, as BullMQ's Redis scripts return them. */
export { ErrorCode };

export interface CodeContext {
  code: number;
  jobId?: string | undefined;
  parentKey?: string | undefined;
  command: string;
  state?: string;
}

/**
 * An answer the caller gets as a rejected promise while what the operation wrote stays, as with a Redis script that
 * returns an error code. (Any other error thrown by an operation undoes it.)
 */
export class Refusal {
  readonly error: Error;
  constructor(error: Error) {
    this.error = error;
  }
}

/** Raises the error BullMQ has for a code; the texts are those of its `finishedErrors`, which it doesn't export. */
export function refuse(context: CodeContext): Refusal {
  return new Refusal(codeError(context));
}

export function codeError({ code, jobId, parentKey, command, state }: CodeContext): Error {
  const error = Object.assign(describe(), { code });
  return error;

  function describe(): Error {
    switch (code) {
      case ErrorCode.JobNotExist:
        return new Error(`Missing key for job ${jobId}. ${command}`);
      case ErrorCode.JobLockNotExist:
        return new Error(`Missing lock for job ${jobId}. ${command}`);
      case ErrorCode.JobNotInState:
        return new Error(`Job ${jobId} is not in the ${state} state. ${command}`);
      case ErrorCode.JobPendingChildren:
        return new Error(`Job ${jobId} has pending dependencies. ${command}`);
      case ErrorCode.ParentJobNotExist:
        return new Error(`Missing key for parent job ${parentKey}. ${command}`);
      case ErrorCode.JobLockMismatch:
        return new Error(`Lock mismatch for job ${jobId}. Cmd ${command} from ${state}`);
      case ErrorCode.ParentJobCannotBeReplaced:
        return new Error(`The parent job ${parentKey} cannot be replaced. ${command}`);
      case ErrorCode.JobBelongsToJobScheduler:
        return new Error(
          `Job ${jobId} belongs to a job scheduler and cannot be removed directly. ${command}`,
        );
      case ErrorCode.JobHasFailedChildren:
        return new UnrecoverableError(
          `Cannot complete job ${jobId} because it has at least one failed child. ${command}`,
        );
      case ErrorCode.SchedulerJobIdCollision:
        return new Error(`Cannot create job scheduler iteration - job ID already exists. ${command}`);
      case ErrorCode.SchedulerJobSlotsBusy:
        return new Error(
          `Cannot create job scheduler iteration - current and next time slots already have jobs. ${command}`,
        );
      default:
        return new Error(`Unknown code ${code} error for ${jobId}. ${command}`);
    }
  }
}
