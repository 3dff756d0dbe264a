import type { FailureClass } from './failure.ts';

/** One trouble with a Redis: what it is and how to mend it. `{where}` stands for the target. */
export interface Trouble {
  class: FailureClass;
  /** Tells it from others of its class, by the error's code and text; the last of a class has none. */
  when?: RegExp;
  says: string;
  mend: string;
}

/** All of them, in the order of docs/redis-troubles.md; the first that fits is taken. */
export const troubles: readonly Trouble[] = [
  {
    class: 'refused',
    says: 'Nobody listens at {where}.',
    mend: 'Start Redis there, or correct host and port; check that it is bound to an address this machine reaches.',
  },
  {
    class: 'unknown-host',
    says: 'The host name of {where} cannot be resolved.',
    mend: 'Correct the host name or mend the DNS; between containers, both must be in the same network.',
  },
  {
    class: 'unreachable',
    says: 'The network has no way to {where}.',
    mend: 'Check the address, the route, the VPN and the firewall.',
  },
  {
    class: 'timeout',
    when: /no greeting within/,
    says: '{where} accepts connections and says nothing.',
    mend: 'Redis hangs (stopped, swapping, a slow disk), or the port belongs to another program, or it expects TLS: then use rediss://.',
  },
  {
    class: 'timeout',
    when: /no connection within|connect ETIMEDOUT/,
    says: 'No connection to {where} came about in time.',
    mend: 'Redis hangs, its machine is down or overloaded, the address is wrong, or a firewall drops the packets.',
  },
  {
    class: 'timeout',
    says: '{where} did not answer in time.',
    mend: 'Redis hangs, writes are paused, or it or the network is overloaded: look at SLOWLOG GET, the processor, swap and disk.',
  },
  {
    class: 'connection',
    when: /closed it before it answered/,
    says: '{where} closed the connection before it answered.',
    mend: 'If the port expects TLS, use rediss://; a certificate may be required of the client too. Otherwise the log of Redis says why.',
  },
  {
    class: 'connection',
    says: 'The connection to {where} was lost.',
    mend: 'A restart, a failover or an idle limit on the way; it is opened again by itself. If that repeats, see the log of Redis.',
  },
  {
    class: 'tls',
    when: /WRONG_VERSION_NUMBER|wrong version number|PACKET_LENGTH/i,
    says: '{where} does not speak TLS on this port.',
    mend: 'Use redis:// in place of rediss://, or the TLS port of the server (tls-port).',
  },
  {
    class: 'tls',
    when: /ERR_TLS_EXPECTED/,
    says: '{where} expects TLS.',
    mend: 'Use rediss:// in place of redis://.',
  },
  {
    class: 'tls',
    when: /ALTNAME|HOSTNAME_MISMATCH/,
    says: 'The certificate of {where} is made out to another host name.',
    mend: 'Connect by a name that is in the certificate, or give that name as tls.servername.',
  },
  {
    class: 'tls',
    when: /HAS_EXPIRED|NOT_YET_VALID/,
    says: 'The certificate of {where} has expired or is not valid yet.',
    mend: 'Renew the certificate, or correct the clock of this machine.',
  },
  {
    class: 'tls',
    when: /SELF_SIGNED|UNABLE_TO_(VERIFY|GET)|CERT_UNTRUSTED|INVALID_CA/,
    says: 'The certificate of {where} is signed by nobody this machine trusts.',
    mend: 'Give the certificate of its authority as tls.ca, or to Node by NODE_EXTRA_CA_CERTS; leave the verification on.',
  },
  {
    class: 'tls',
    when: /CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE|BAD_CERTIFICATE|UNKNOWN_CA|certificate required|handshake failure/i,
    says: '{where} asks for a certificate of the client.',
    mend: 'Give tls.cert and tls.key, signed by an authority Redis knows, or set tls-auth-clients no in Redis.',
  },
  {
    class: 'tls',
    says: 'TLS could not be agreed on with {where}.',
    mend: 'Compare the versions and ciphers of both sides (tls-protocols and tls-ciphers in Redis, tls.minVersion here).',
  },
  {
    class: 'not-redis',
    when: /Unknown RESP type 72/,
    says: 'A web server answers at {where}, not Redis.',
    mend: 'Correct the port: Redis usually has 6379.',
  },
  {
    class: 'not-redis',
    says: 'What answers at {where} is not Redis, or something on the way garbles it.',
    mend: 'Correct the port: Redis usually has 6379, with TLS 6380.',
  },
  {
    class: 'sentinel',
    when: /the name of master/,
    says: 'Sentinels are given without the name of the group whose master is meant.',
    mend: 'Add name, as in "sentinel monitor <name>": redis+sentinel://host:26379/<name>.',
  },
  {
    class: 'sentinel',
    when: /at least one sentinel/,
    says: 'A Sentinel group is named, but no Sentinel.',
    mend: 'List their addresses: redis+sentinel://host:26379,host:26379/<name>.',
  },
  {
    class: 'sentinel',
    when: /no master of the name|invalid reply/,
    says: 'The Sentinels of {where} know no master of this name.',
    mend: 'Correct the name: SENTINEL MASTERS, asked of a Sentinel, lists those there are.',
  },
  {
    class: 'sentinel',
    when: /the Sentinels want/,
    says: 'The Sentinels of {where} refuse the login.',
    mend: 'Give sentinelPassword (and sentinelUsername) in the option redis: the password in the URL is for Redis itself.',
  },
  {
    class: 'sentinel',
    when: /unknown command [`'"]?sentinel/i,
    says: 'Those of {where} are no Sentinels, but a Redis.',
    mend: 'Use their port (usually 26379), or redis://host:port for the Redis itself.',
  },
  {
    class: 'sentinel',
    when: /unknown command/,
    says: '{where} is a Sentinel, not a Redis.',
    mend: 'Use redis+sentinel://host:26379/<name of the group>, or the port of Redis itself.',
  },
  {
    class: 'sentinel',
    says: 'None of the Sentinels of {where} answers.',
    mend: 'Check their addresses (the port is usually 26379), that they run, and whether they expect TLS.',
  },
  {
    class: 'protected-mode',
    says: '{where} is in protected mode: without a password it refuses every other machine.',
    mend: 'Give Redis a password (requirepass or an ACL user) and put it into the URL; do not just switch protected mode off.',
  },
  {
    class: 'noauth',
    says: '{where} wants a password, and none was given.',
    mend: 'Put the password into the URL, before the host as :<password>@ or <user>:<password>@, or into REDIS_PASSWORD.',
  },
  {
    class: 'wrongpass',
    says: '{where} refuses the user or the password.',
    mend: 'Correct user and password; special characters must be percent-encoded in a URL (@ is %40), and an ACL user must be on.',
  },
  {
    class: 'noperm',
    says: 'The user may not run a command that queues need at {where}, or not on their keys.',
    mend: 'ACL SETUSER <user> ~<prefix>:* +@all -@dangerous +info +client|list, where <prefix> is that of the queues, bull by default.',
  },
  {
    class: 'maxclients',
    says: '{where} has no connection left (maxclients).',
    mend: 'Find who holds them (CLIENT LIST), or raise maxclients and the limit of open files of Redis.',
  },
  {
    class: 'no-database',
    says: '{where} has no database of this number.',
    mend: 'Correct the number after the host in the URL, or REDIS_DB; or raise databases in the configuration of Redis (16 by default).',
  },
  {
    class: 'loading',
    says: '{where} is loading its data and takes no commands yet.',
    mend: 'Nothing to do: it is used again when it has finished (INFO persistence shows how far it is).',
  },
  {
    class: 'oom',
    says: '{where} has used up its memory (maxmemory) and takes no writes.',
    mend: 'Raise maxmemory, or make room: keep fewer finished jobs (removeOnComplete, removeOnFail), remove other data.',
  },
  {
    class: 'misconf',
    says: '{where} takes no writes because it cannot save to its disk.',
    mend: 'Look at its disk (full, read-only, folder gone) and its log; it takes writes again after a save that works.',
  },
  {
    class: 'readonly',
    says: '{where} is a replica: it takes no writes, or loses them.',
    mend: 'Use the address of the master, or let the Sentinels name it: redis+sentinel://host:26379/<name>.',
  },
  {
    class: 'noreplicas',
    says: '{where} takes no writes because too few replicas follow it.',
    mend: 'Bring the replicas back, or lower min-replicas-to-write.',
  },
  {
    class: 'busy',
    says: '{where} is busy with a script that has run for too long.',
    mend: 'End it with SCRIPT KILL, or FUNCTION KILL; if it has written already, only waiting or a restart helps.',
  },
  {
    class: 'clusterdown',
    says: '{where} is down as a cluster: slots without a master, or no majority.',
    mend: 'Bring the missing nodes back; CLUSTER INFO and CLUSTER NODES say which.',
  },
  {
    class: 'masterdown',
    says: '{where} is a replica that has lost its master and does not answer.',
    mend: 'Use the address of the master; then see to the link between the two.',
  },
  {
    class: 'moved',
    says: '{where} is one node of a cluster, used as if it were a single Redis.',
    mend: 'Use redis+cluster://host:port (several, with commas); the keys of a queue then share a slot by a prefix in braces.',
  },
  {
    class: 'not-cluster',
    says: '{where} is no cluster: cluster support is off.',
    mend: 'Use redis:// in place of redis+cluster://, or set cluster-enabled yes on each node.',
  },
  {
    class: 'other',
    says: '{where} answered with an error.',
    mend: 'It is about the command itself, or unknown to Spillway; the text of the error says more.',
  },
];

/** What is no failure, but will be one day. */
export const evictionTrouble = {
  says: '{where} throws keys away when its memory is full (maxmemory-policy {policy}): jobs can vanish.',
  mend: 'CONFIG SET maxmemory-policy noeviction, and in its configuration file.',
};
