import { inspect } from 'node:util';
import { isSpillwayError } from '../../src/index.ts';
import type { AutomationUse } from './automations.ts';

/** A progress line: redrawn in place on a terminal, a line at each quarter elsewhere. */
export function progressLine(label: string, total: number, out: NodeJS.WriteStream = process.stdout) {
  let quarter = 0;
  return (done: number) => {
    const line = `${label} ${done}/${total}`;
    if (out.isTTY) {
      out.write(`\r\x1b[2K${line}${done === total ? '\n' : ''}`);
      return;
    }
    const reached = Math.floor((done * 4) / total);
    if (reached > quarter) out.write(`${line}\n`);
    quarter = reached;
  };
}

const EXAMPLE_WIDTH = 60;

/** What each automation did, as a table of text. */
export function usesTable(uses: readonly AutomationUse[]): string {
  const width = Math.max('Automation'.length, ...uses.map(use => use.automation.length));
  const row = (name: string, matches: string, example: string) =>
    `  ${name.padEnd(width)}  ${matches.padStart(7)}  ${cut(printable(example), EXAMPLE_WIDTH)}`;
  const rows = uses.map(use => row(use.automation, String(use.matches), use.example));
  return [row('Automation', 'Matches', 'One of its replies'), ...rows].join('\n');
}

function cut(text: string, width: number): string {
  return text.length > width ? `${text.slice(0, width - 1)}…` : text;
}

/** Names come from strangers: no control characters reach a terminal. */
function printable(text: string): string {
  return text.replace(/\p{C}/gu, '?');
}

/** What went wrong on our side: a line for an outage, which says where it comes from; for a bug, with its stack. */
export function faultText(error: unknown): string {
  if (!isSpillwayError(error)) return inspect(error);
  const cause = error.cause instanceof Error ? ` (${error.cause.message.split('\n')[0]})` : '';
  return `${error.code}: ${error.message}${cause}`;
}

export interface CurlOptions {
  url: string;
  /** A secret to print, or the name of the environment variable the user keeps it in. */
  github: { secret: string } | { env: string };
  meta: { secret: string } | { env: string };
  /** A job there is, to look up. */
  jobId: string;
}

/** Commands to paste into a shell. They sign with openssl, and make a new delivery each time. */
export function curlCommands({ url, github, meta, jobId }: CurlOptions): string[] {
  const githubBody =
    '{"action":"created","comment":{"body":"I will fix it"},"sender":{"login":"you","type":"User"},"repository":{"full_name":"you/demo"}}';
  const metaBody =
    '{"object":"instagram","entry":[{"id":"17841400000000001","time":1,"messaging":[{"sender":{"id":"42"},"recipient":{"id":"17841400000000001"},"timestamp":1,"message":{"mid":"mid.%ID%","text":"When are you open?"}}]}]}';
  const githubCurl = signedPost(
    `${url}/webhooks/github`,
    githubBody,
    github,
    `-H 'X-GitHub-Event: issue_comment' -H "X-GitHub-Delivery: $ID" `,
  );
  return [
    githubCurl,
    signedPost(`${url}/webhooks/meta`, metaBody, meta, ''),
    `curl -sS ${url}/api/jobs/stats`,
    `curl -sS ${url}/api/jobs/${jobId}`,
  ];
}

function signedPost(url: string, body: string, key: CurlOptions['github'], headers: string): string {
  const secret = 'env' in key ? `"$${key.env}"` : `'${key.secret}'`;
  const quoted = body
    .split('%ID%')
    .map(part => `'${part}'`)
    .join('"$ID"');
  return (
    `ID=curl-$(date +%s); BODY=${quoted}; curl -sS ${url} -H 'Content-Type: application/json' ${headers}` +
    `-H "X-Hub-Signature-256: sha256=$(printf %s "$BODY" | openssl dgst -sha256 -hmac ${secret} -r | cut -d' ' -f1)" ` +
    '--data-binary "$BODY"'
  );
}
