// One gRPC call with a message that is given as bytes: what any program in a pod can send to a server. Says how it ended.
import { connect, type IncomingHttpHeaders } from 'node:http2';

/** Parameters. */
export interface GrpcCallOptions {
  /** `https://host:port`. */
  readonly address: string;
  /** `/package.Service/Method`. */
  readonly path: string;
  /** The message, base64. */
  readonly message: string;
  /** PEM that the server's certificate has to be signed by. */
  readonly roots: string;
  /** Default none. */
  readonly token?: string;
  /** Milliseconds after which a stream that neither answers nor ends is left. */
  readonly timeout: number;
}

/** How it ended. */
export interface GrpcCallReport {
  /** `grpc-status`; -1 when the server said none in time. */
  readonly status: number;
  readonly message: string;
  /** Bytes of answers. */
  readonly received: number;
}

/** gRPC over HTTP/2: a message has a byte for "compressed" and four for its length before it. */
const PREFIX_BYTES = 5;

const options = JSON.parse(process.argv[2] ?? '{}') as GrpcCallOptions;
const session = connect(options.address, { ca: options.roots });
const stream = session.request({
  ':method': 'POST',
  ':path': options.path,
  'content-type': 'application/grpc',
  te: 'trailers',
  ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
});
let received = 0;

function tell(status: number, message: string): void {
  process.stdout.write(`${JSON.stringify({ status, message, received } satisfies GrpcCallReport)}\n`, () =>
    process.exit(),
  );
}

function tellEnd(headers: IncomingHttpHeaders): void {
  const status = headers['grpc-status'];
  if (status !== undefined) tell(Number(status), decodeURIComponent(String(headers['grpc-message'] ?? '')));
}

session.on('error', (error) => tell(-1, error.message));
stream.on('error', (error) => tell(-1, error.message));
// A refusal without an answer comes as headers alone.
stream.on('response', tellEnd);
stream.on('trailers', tellEnd);
stream.on('data', (bytes: Buffer) => (received += bytes.length));
stream.setTimeout(options.timeout, () => tell(-1, 'no end in time'));
const message = Buffer.from(options.message, 'base64');
const prefix = Buffer.alloc(PREFIX_BYTES);
prefix.writeUInt32BE(message.length, 1);
// A server of a stream says what it has to say also to a client that sends no more.
stream.end(Buffer.concat([prefix, message]));
