/** HTTP requests in closed loops, or so many a second; see `requests`. Times in milliseconds. */
export interface RequestsOptions {
  readonly host: string;
  readonly port: number;
  /** Default `/`. */
  readonly path?: string;
  /** Fields of every request. Default none. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Loops side by side, each with one request at a time. With `rate`: requests at once at the most. */
  readonly loops: number;
  /**
   * Requests a second, sent when they are due, whatever became of those before. One that is due while `loops` are under way is
   * left out and counted. Default: loops send as fast as they get answers.
   */
  readonly rate?: number;
  /** `http2`: each loop has a connection of its own, and none is made per request or repeated. Default `http1`. */
  readonly version?: 'http1' | 'http2';
  /** Whether a loop keeps its connection; otherwise each request has one of its own. Default true. */
  readonly keepAlive?: boolean;
  /** Ends by itself after so many requests. Default: when told to. */
  readonly total?: number;
  /** Ends by itself after so long. Default: when told to. */
  readonly duration?: number;
  /** Pause of a loop between two requests. Default 0. */
  readonly pause?: number;
  /** A request that is not answered for so long has failed. Default 5000. */
  readonly answerWithin?: number;
  /**
   * Sends a request once again when its connection broke before the answer, as HTTP clients do with requests that may be
   * repeated. Default false.
   */
  readonly repeat?: boolean;
}

/** One answer: when the request was begun (since the epoch), how long it took, status, and which version and pod answered. */
export type AnswerRow = readonly [startedAt: number, took: number, status: number, version: string, pod: string];

/** What became of the requests. */
export interface RequestsReport {
  /** In the order in which they ended. */
  readonly answers: readonly AnswerRow[];
  /** Requests that broke, also when they were repeated. */
  readonly failures: readonly { readonly startedAt: number; readonly failure: string }[];
  /** Requests that were repeated because their connection broke. */
  readonly repeated: number;
  /** Requests of a `rate` that were due and not sent. */
  readonly leftOut: number;
}

/** A request whose body comes in parts; see `upload`. */
export interface UploadOptions {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  /** Uploads, one after the other; each has the number as field `x-upload`. */
  readonly count: number;
  /** Octets of each part, and how many there are; the end comes a moment after the last. */
  readonly part: number;
  readonly parts: number;
  readonly timeout: number;
}

/** Statuses (or errors) of the uploads, in their order. */
export interface UploadReport {
  readonly endings: readonly string[];
}

/** Readers that ask for much and take nothing; see `slow-reader`. */
export interface SlowReaderOptions {
  readonly host: string;
  readonly port: number;
  /** Connections, each with one request. */
  readonly readers: number;
  /** Octets that each asks for. */
  readonly bytes: number;
  /** Ends by itself after so many milliseconds. */
  readonly timeout: number;
}

/** Ports of the HTTP server of the checks. */
export const BACKEND_PORTS = {
  http: 8080,
  /** Where those that refuse do not listen. */
  partly: 8090,
  /** HTTP/2 without TLS; says who answers, whatever the path. */
  http2: 8091,
} as const;

/** Where `failing-server` listens, beside the HTTP server. */
export const OUTAGE_PORT = 8092;

/** One HTTP server of the checks. */
export interface BackendOptions {
  /** Answers carry it. */
  readonly version: string;
  /** Does not listen on `partly`. */
  readonly refuses?: boolean;
  /** Answers 503 where others answer 200, see backend.ts. */
  readonly faulty?: boolean;
}

/** What the HTTP server says about a request with `x-upload`. */
export interface BackendEvent {
  readonly at: number;
  readonly event: 'upload';
  readonly upload: string;
}
