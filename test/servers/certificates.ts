import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir } from '../support/temp-dir.ts';

/** Where a certificate and its key are, and their text. */
export interface Certificate {
  certFile: string;
  keyFile: string;
  cert: string;
  key: string;
}

/** A certificate authority made for one test, with openssl. */
export class Authority {
  readonly caFile: string;
  readonly ca: string;
  readonly #dir = tempDir('ca');
  readonly #keyFile: string;
  #issued = 0;

  constructor() {
    this.caFile = join(this.#dir, 'ca.crt');
    this.#keyFile = join(this.#dir, 'ca.key');
    const subject = ['-subj', '/CN=test authority', '-days', '2'];
    this.#openssl('req', '-x509', ...newKey, '-keyout', this.#keyFile, '-out', this.caFile, ...subject);
    this.ca = readFileSync(this.caFile, 'utf8');
  }

  /** `names` as openssl writes them: `DNS:localhost`, `IP:127.0.0.1`. One of -1 days has expired. */
  issue(names: string[], days = 2): Certificate {
    const base = join(this.#dir, `cert-${++this.#issued}`);
    const [request, extensions] = [`${base}.csr`, `${base}.ext`];
    const [certFile, keyFile] = [`${base}.crt`, `${base}.key`];
    writeFileSync(extensions, `subjectAltName=${names.join(',')}\n`);
    this.#openssl('req', ...newKey, '-keyout', keyFile, '-out', request, '-subj', '/CN=test server');
    const signed = ['-CA', this.caFile, '-CAkey', this.#keyFile, '-CAcreateserial', '-days', String(days)];
    this.#openssl('x509', '-req', '-in', request, ...signed, '-extfile', extensions, '-out', certFile);
    return { certFile, keyFile, cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') };
  }

  #openssl(...args: string[]): void {
    execFileSync('openssl', args, { stdio: 'pipe' });
  }
}

/** Elliptic curves: made at once. */
const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/** Arguments that let a redis-server speak TLS on `port`, asking for a certificate of its clients or not. */
export function tlsArguments(
  authority: Authority,
  { certFile, keyFile }: Certificate,
  port: number,
  clientCertificates: 'yes' | 'no' = 'no',
): string[] {
  return [
    ...['--tls-port', String(port), '--tls-ca-cert-file', authority.caFile],
    ...['--tls-cert-file', certFile, '--tls-key-file', keyFile, '--tls-auth-clients', clientCertificates],
  ];
}
