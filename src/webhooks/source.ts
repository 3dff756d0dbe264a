/** Request headers as Node gives them: lower-case names, repeated ones joined or listed. */
export type WebhookHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

/** A URL's query as a web framework parses it; nothing about its values is trusted. */
export type WebhookQuery = Readonly<Record<string, unknown>>;

/** Proof that a body was signed with one of a source's secrets. */
export interface Verified {
  readonly source: string;
  /** Which of the configured secrets matched, from 0: tells when an old one is no longer used and can go. */
  readonly secretIndex: number;
}

/** One thing that happened, as told by one delivery. It becomes one job. */
export interface WebhookEvent {
  /** What the sender calls this event for ever: the same on every repeat. The job id is made from it. */
  readonly key: string;
  /** The source's own word for what happened: `issue_comment`, `story`, `dm`... */
  readonly kind: string;
  /** Whose event it is: a repository, an Instagram account id. Empty when the sender does not say. */
  readonly account: string;
  /** The event as it was sent. */
  readonly data: unknown;
}

/**
 * One kind of sender: how it signs, what it calls a delivery, what is inside. Pure functions, no I/O.
 * A further source is one more file beside `github.ts`.
 */
export interface WebhookSource {
  /** The path segment and the start of job ids: lower-case letters and digits, a letter first. */
  readonly name: string;

  /**
   * Checks the signature over the raw bytes.
   * @throws SpillwayError SPILLWAY_WEBHOOK_SIGNATURE when it is missing, malformed or made with another secret.
   */
  verify(headers: WebhookHeaders, rawBody: Buffer): Verified;

  /**
   * What tells a repeat of this delivery from a new one.
   * @param body `rawBody` already parsed, to save parsing it twice.
   */
  deliveryId(headers: WebhookHeaders, rawBody: Buffer, body?: unknown): string;

  /** What the delivery tells, at least one event. Call it only after `verify`. */
  events(headers: WebhookHeaders, rawBody: Buffer, body: unknown): readonly WebhookEvent[];

  /**
   * Answers the sender's question "is this address yours?", for sources that ask it.
   * @returns the text to answer with.
   * @throws SpillwayError SPILLWAY_WEBHOOK_SIGNATURE when the token is not the agreed one.
   */
  challenge?(query: WebhookQuery): string;
}
