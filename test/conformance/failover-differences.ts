/**
 * Where the failover engine on its standby answers otherwise than Redis, all for one reason: the job is not on the standby,
 * and the primary, which may have it, can't be asked. So it doesn't say that there is no such job: it refuses
 * (SPILLWAY_PRIMARY_AWAY), keeps what is reported of such a job, keeps the children of such a parent until it is back, and
 * whoever waits for such a job goes on waiting.
 */
export const NOT_ON_STANDBY: ReadonlySet<string> = new Set([
  'add: refusals > refuses a parent that does not exist',
  'order: changePriority > refuses a missing job',
  'delay: changeDelay > refuses a job that is missing',
  'delay: promote > refuses a job that is missing',
  'getters: by state > getState of a job that is missing',
  'getters: by state > isJobInState for every state of a job that is missing',
  'getters: by state > isFinished of a job that is missing',
  'getters: by state > getJob of a job that is missing',
  'getters: by state > isJobInState refuses a state nobody knows',
  'getters: combined > getJob answers nothing for a missing job',
  'remove > takes logs and lock along',
  'retention > a job removed at once leaves nothing but its events',
  'flow: add > refuses a parent that does not exist (-5)',
  'flow: dependencies > of a missing job are empty',
  'flow: dependencies > getFlow of a missing job answers nothing',
  'flow: moveToWaitingChildren > refuses another token, a lost lock, a missing job',
  'identity > forQueue is the same engine for another queue',
  'de-duplication > replacing stores the new data and name',
  'drain > with delayed: those too',
  'drain > removes a parent with its drained child in the same queue',
  'obliterate > removes active jobs with force',
  'events: waitUntilFinished > rejects for a job that is gone',
  'progress and data > progress of a job that is missing',
  'progress and data > new data for a job that is missing',
  'logs > of a missing job are refused on writing, empty on reading',
  'retry: finished job > refuses a job that is gone',
  'flow: release > cutting the link of a missing job or parent is refused',
]);
