/** gRPC statuses that an HTTP status maps to (gRPC, "HTTP to gRPC Status Code Mapping"); everything else is UNKNOWN. */
const STATUS_OF: ReadonlyMap<number, number> = new Map([
  [200, 0],
  [400, 13],
  [401, 16],
  [403, 7],
  [404, 12],
  [429, 14],
  [502, 14],
  [503, 14],
  [504, 14],
]);

const UNKNOWN = 2;

/** The other way round, as `google.rpc.Code` says; CANCELLED is 499, as nginx has it. */
const HTTP_STATUSES: readonly number[] = [
  200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401,
];

const GRPC_TYPE = 'application/grpc';

/** The status that a field `grpc-status` says. What is none that gRPC defines is UNKNOWN, as clients take it. */
export function readGrpcStatus(text: string): number {
  return /^[0-9]+$/.test(text) && Number(text) < HTTP_STATUSES.length ? Number(text) : UNKNOWN;
}

export function grpcStatusOf(httpStatus: number): number {
  return STATUS_OF.get(httpStatus) ?? UNKNOWN;
}

/** The HTTP status for a client that does not speak gRPC; 500 for an unknown one. */
export function httpStatusOfGrpc(grpcStatus: number): number {
  return HTTP_STATUSES[grpcStatus] ?? 500;
}

/** `application/grpc`, with a message format (`+proto`) or parameters or not. gRPC-Web is another protocol. */
export function isGrpcContentType(value: string | undefined): boolean {
  if (value?.startsWith(GRPC_TYPE) !== true) return false;
  const next = value.charAt(GRPC_TYPE.length);
  return next.length === 0 || next === '+' || next === ';';
}

/** A `grpc-message`: octets of UTF-8, all but visible ASCII and space percent-encoded, `%` too (gRPC over HTTP/2). */
export function percentEncodeMessage(message: string): string {
  let out = '';
  for (const octet of Buffer.from(message, 'utf8')) {
    const plain = octet >= 0x20 && octet <= 0x7e && octet !== 0x25;
    out += plain ? String.fromCharCode(octet) : `%${octet.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return out;
}
