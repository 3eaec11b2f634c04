/** A part of a trace that is over; plain data. */
export interface Span {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits. */
  readonly spanId: string;
  /** Empty: it is the first. */
  readonly parentId: string;
  /** W3C's, undefined without. */
  readonly state: string | undefined;
  /** `server`: a request as its client sees it; `client`: one try of it at an endpoint. */
  readonly kind: 'client' | 'server';
  readonly name: string;
  /** Whose it is. */
  readonly service: string;
  /** Milliseconds since 1970. */
  readonly startTime: number;
  /** Milliseconds. */
  readonly duration: number;
  readonly failed: boolean;
  /** Names and values by turns. */
  readonly tags: readonly string[];
}

/** The names and values of its tags; the last of a name counts. */
export function* tagsOf({ tags }: Span): Generator<readonly [string, string]> {
  const all = new Map<string, string>();
  for (let at = 0; at + 1 < tags.length; at += 2) all.set(tags[at] ?? '', tags[at + 1] ?? '');
  yield* all;
}
