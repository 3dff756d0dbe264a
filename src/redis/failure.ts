/**
 * What kind of failure an error of Redis, ioredis or the network is:
 *
 * the way there: `refused` nobody listens, `unknown-host`, `unreachable`, `timeout`, `connection` lost, reset or closed,
 * `tls`, `not-redis` an answer that is not Redis's, `sentinel` no master to be had from the Sentinels;
 * being let in: `protected-mode`, `noauth`, `wrongpass`, `noperm`, `maxclients`, `no-database`
 * the number in the URL;
 * not able to write: `loading`, `oom`, `misconf` snapshots fail, `readonly` a replica, `noreplicas`, `busy` a script,
 * `clusterdown`, `masterdown`, `moved` a cluster's node used as a single Redis, `not-cluster` the other way round;
 * `other`: an error about the command itself, which its caller must see.
 */
export type FailureClass =
  | 'refused'
  | 'unknown-host'
  | 'unreachable'
  | 'timeout'
  | 'connection'
  | 'tls'
  | 'not-redis'
  | 'sentinel'
  | 'protected-mode'
  | 'noauth'
  | 'wrongpass'
  | 'noperm'
  | 'maxclients'
  | 'no-database'
  | 'loading'
  | 'oom'
  | 'misconf'
  | 'readonly'
  | 'noreplicas'
  | 'busy'
  | 'clusterdown'
  | 'masterdown'
  | 'moved'
  | 'not-cluster'
  | 'other';

/** Node's error codes. */
const byCode: Readonly<Record<string, FailureClass>> = {
  ECONNREFUSED: 'refused',
  // A Unix socket that is not there.
  ENOENT: 'refused',
  ENOTFOUND: 'unknown-host',
  EAI_AGAIN: 'unknown-host',
  EAI_FAIL: 'unknown-host',
  EHOSTUNREACH: 'unreachable',
  EHOSTDOWN: 'unreachable',
  ENETUNREACH: 'unreachable',
  ENETDOWN: 'unreachable',
  EADDRNOTAVAIL: 'unreachable',
  ETIMEDOUT: 'timeout',
  ECONNRESET: 'connection',
  ECONNABORTED: 'connection',
  EPIPE: 'connection',
  EPROTO: 'tls',
  // PostgreSQL's, where that is the failover engine's primary.
  '08001': 'connection',
  '08003': 'connection',
  '08006': 'connection',
  '57P01': 'connection',
  '57P02': 'connection',
  '57P03': 'loading',
  '53100': 'oom',
  '53200': 'oom',
  '53300': 'maxclients',
  '25006': 'readonly',
  '28000': 'noauth',
  '28P01': 'wrongpass',
};

const TLS_CODE = /^(ERR_(SSL|TLS)_|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|HOSTNAME_MISMATCH)/;

/** The first word of an error reply. */
const byReply: Readonly<Record<string, FailureClass>> = {
  DENIED: 'protected-mode',
  NOAUTH: 'noauth',
  WRONGPASS: 'wrongpass',
  NOPERM: 'noperm',
  LOADING: 'loading',
  OOM: 'oom',
  MISCONF: 'misconf',
  READONLY: 'readonly',
  NOREPLICAS: 'noreplicas',
  BUSY: 'busy',
  CLUSTERDOWN: 'clusterdown',
  MASTERDOWN: 'masterdown',
  MOVED: 'moved',
  ASK: 'moved',
  TRYAGAIN: 'moved',
  CROSSSLOT: 'moved',
  // A call that was waiting on a master that became a replica.
  UNBLOCKED: 'readonly',
};

/** Redis before 7 wraps what a command of a script was answered: `… @user_script: 1: -OOM command not allowed …`. */
const IN_SCRIPT = /@user_script:\s*\d+:\s*-([A-Z]+) /;

/** Replies that begin with ERR, and errors ioredis makes itself, by their text. */
const byText: readonly (readonly [RegExp, FailureClass])[] = [
  [/^ERR max number of clients/i, 'maxclients'],
  [/^ERR invalid password/i, 'wrongpass'],
  // SELECT, at the beginning of a connection.
  [/^ERR (DB index is out of range|invalid DB index)/i, 'no-database'],
  [/^ERR SELECT is not allowed in cluster mode/i, 'moved'],
  [/^ERR operation not permitted/i, 'noauth'],
  [/^ERR The user executing the script can't (run|access)/i, 'noperm'],
  [/^ERR (This instance has cluster support disabled|unknown command '?CLUSTER)/i, 'not-cluster'],
  [/Script killed by user with SCRIPT KILL/i, 'busy'],
  // A Sentinel knows neither; a Redis knows both.
  [/^ERR unknown command [`'"]?(set|get|evalsha)\b/i, 'sentinel'],
  [/^All sentinels are unreachable|^Requires (at least one sentinel|the name of master)/, 'sentinel'],
  [
    /^(connected|failed to connect) to sentinel |^no master of the name|^none of \d+ Sentinels|^the Sentinels want/,
    'sentinel',
  ],
  [/^(Protocol error|Unknown RESP type)|Please report this\.$/, 'not-redis'],
  [/^Command timed out$|^Socket timeout\.|^connect ETIMEDOUT|^timeout$/, 'timeout'],
  [/^Connection is closed|^Stream isn't writeable|^Cluster isn't ready/, 'connection'],
  [/^None of startup nodes is available|^Cluster is (ended|disconnect)/, 'connection'],
  [/^Failed to refresh slots cache/, 'connection'],
  [/^Command aborted due to connection close|^Reached the max retries per request/, 'connection'],
  [/^Too many Cluster redirections/, 'clusterdown'],
  [/^Client network socket disconnected before secure TLS/, 'connection'],
  // node-postgres
  [/^Connection terminated|^Client (has encountered a connection error|was closed) and/, 'connection'],
  [/^Cannot use a pool after calling end/, 'connection'],
  [/^timeout exceeded when trying to connect/, 'timeout'],
];

interface Detailed {
  message?: unknown;
  code?: unknown;
  cause?: unknown;
  /** ioredis: what a cluster's last node answered. */
  lastNodeError?: unknown;
  /** ioredis: why the commands of a refused transaction were refused. */
  previousErrors?: unknown;
  /** Node: one error for each address of a host. */
  errors?: unknown;
}

/** The class of any error; never throws. The most telling of an error, its causes and its inner errors decides. */
export function classifyFailure(error: unknown): FailureClass {
  return classify(error, true);
}

/** So many errors are looked at, behind one; a chain of causes may be of any length. */
const MOST = 1000;

/** @param seen each error is looked at once: ioredis fails all of a cut transaction with one error, and lists it in itself. */
function classify(error: unknown, causes: boolean, seen = new Set<object>()): FailureClass {
  if (typeof error !== 'object' || error === null || seen.has(error) || seen.size > MOST) return 'other';
  seen.add(error);
  const { cause, lastNodeError, previousErrors, errors } = error as Detailed;
  const own = classifyAlone(error as Detailed);
  if (!isVague(own)) return own;
  const inner = [...listOf(previousErrors), ...listOf(errors), ...(causes ? [lastNodeError, cause] : [])]
    .map(each => classify(each, causes, seen))
    .filter(each => each !== 'other');
  // Of several addresses, the one that did more than refuse is the one that was meant.
  return inner.find(each => each !== own && each !== 'refused') ?? inner[0] ?? own;
}

/** Says little: what caused it says more. */
function isVague(own: FailureClass): boolean {
  return own === 'other' || own === 'connection' || own === 'refused';
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function classifyAlone({ code, message }: Detailed): FailureClass {
  if (typeof code === 'string') {
    const known = byCode[code] ?? (TLS_CODE.test(code) ? 'tls' : undefined);
    if (known !== undefined) return known;
  }
  if (typeof message !== 'string') return 'other';
  const text = message.replace(/^-/, '');
  const word = /^[A-Z]+(?=\s|$)/.exec(text)?.[0] ?? '';
  if (Object.hasOwn(byReply, word)) return byReply[word] as FailureClass;
  const found = byText.find(([pattern]) => pattern.test(text));
  if (found) return found[1];
  const inner = IN_SCRIPT.exec(text)?.[1] ?? '';
  return Object.hasOwn(byReply, inner) ? (byReply[inner] as FailureClass) : 'other';
}

/**
 * Whether it is the server's trouble, so that the operation may go to the standby. `other` is about the command itself
 * (WRONGTYPE, BullMQ's "Missing lock", a bad script): its caller must see it.
 */
export function isAvailabilityFailure(failure: FailureClass): boolean {
  return failure !== 'other';
}

/** Redis looks at these before it runs a command, and before the first write of a script. */
const REFUSED_BEFORE_RUNNING: ReadonlySet<FailureClass> = new Set<FailureClass>([
  'refused',
  'unknown-host',
  'unreachable',
  'tls',
  'protected-mode',
  'noauth',
  'wrongpass',
  'maxclients',
  'no-database',
  'loading',
  'oom',
  'misconf',
  'readonly',
  'noreplicas',
  'busy',
  'masterdown',
  'moved',
  'not-cluster',
]);

/** ioredis gave up before it had written anything. */
const NOT_SENT =
  /^(Stream isn't writeable|Cluster isn't ready) and enableOfflineQueue|^None of startup nodes is available/;

/**
 * Whether it is certain that the command that failed with this very error was not executed. False when that is not
 * known: a deadline that passed, a connection lost after sending. It may then have been applied, or may still be.
 * Only for connections with `autoResendUnfulfilledCommands: false`: of a command that was sent twice, the answer is
 * that to the second time.
 */
export function wasNotApplied(error: unknown): boolean {
  const { message, code, syscall } = (error ?? {}) as {
    message?: unknown;
    code?: unknown;
    syscall?: unknown;
  };
  const text = typeof message === 'string' ? message.replace(/^-/, '') : '';
  // Not by a cause: what is behind a lost connection (the next one was refused, say) does not tell of the command.
  const failure = classify(error, false);
  switch (failure) {
    case 'noperm':
      // Rights are looked at command by command: a script may have written before it came to one that is forbidden.
      return !/\bscript\b/i.test(text);
    case 'clusterdown':
    case 'sentinel':
      // Replies; ioredis's own errors of these classes are about looking for the node anew, maybe after sending.
      return /^(CLUSTERDOWN|ERR) /.test(text);
    case 'timeout':
      return code === 'ETIMEDOUT' && syscall === 'connect';
    default:
      return REFUSED_BEFORE_RUNNING.has(failure) || NOT_SENT.test(text);
  }
}
