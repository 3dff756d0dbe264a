import type { RedisTarget } from '../config/index.ts';

/** Where a connection goes, for logs: hosts, ports and database, never a user or a password. */
export function describeRedisTarget(target: RedisTarget): string {
  const tls = target.tls ? ' with TLS' : '';
  if (target.cluster) return `cluster ${listNodes(target.cluster, 6379)}${tls}`;
  if (target.sentinels) {
    return `Sentinel group "${target.name ?? ''}" (${listNodes(target.sentinels, 26_379)})${tls}`;
  }
  if (target.path) return `socket ${target.path}`;
  return `${showNode(target, 6379)}/${target.db ?? 0}${tls}`;
}

interface Node {
  host?: string | undefined;
  port?: number | undefined;
}

function listNodes(nodes: readonly Node[], port: number): string {
  return nodes.map(node => showNode(node, port)).join(', ');
}

function showNode({ host = '127.0.0.1', port }: Node, defaultPort: number): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port ?? defaultPort}`;
}

/** The secrets a target holds, to be masked in whatever is said of it. */
export function targetSecrets(target: RedisTarget): string[] {
  const { password, sentinelPassword } = target;
  return [password, sentinelPassword].filter(each => typeof each === 'string' && each !== '') as string[];
}
