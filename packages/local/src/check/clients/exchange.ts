import { CHECK_MARKER, type LoadOptions, SERVER_PORTS } from './options.ts';

/** What a new connection of a load says, and how it knows the answer. */
export interface Exchange {
  readonly port: number;
  readonly words: Buffer;
  /** Looks at everything that has arrived. */
  judge(arrived: Buffer): 'answered' | 'more' | 'wrong';
}

/** RFC 9113, 4.1. */
const FRAME_HEADER = 9;
const TYPE_OFFSET = 3;
const FLAGS_OFFSET = 4;
const HEADERS_FRAME = 1;
const END_STREAM = 0x01;
const END_HEADERS = 0x04;
/** RFC 7541, appendix A, as indexed fields: `:method: GET`, `:scheme: http`, `:path: /`, `:status: 200`. */
const [METHOD_GET, SCHEME_HTTP, PATH_ROOT, STATUS_200] = [0x82, 0x86, 0x84, 0x88];
/** `:authority`, its value literal and not indexed. */
const AUTHORITY = 0x01;

/** The exchange of one connection; `number` tells it from the others. */
export function exchangeOf(protocol: LoadOptions['protocol'] = 'tcp', number: number): Exchange {
  switch (protocol) {
    case 'tcp':
      return lineExchange(`${CHECK_MARKER} ${number}\n`);
    case 'http1':
      return http1Exchange(number);
    case 'http2':
      return http2Exchange(number);
  }
}

function lineExchange(line: string): Exchange {
  const words = Buffer.from(line, 'latin1');
  return {
    port: SERVER_PORTS.echoOnce,
    words,
    judge: (arrived) => {
      if (arrived.equals(words)) return 'answered';
      return words.subarray(0, arrived.length).equals(arrived) ? 'more' : 'wrong';
    },
  };
}

function http1Exchange(number: number): Exchange {
  const head = Buffer.from('HTTP/1.1 200 OK\r\n', 'latin1');
  return {
    port: SERVER_PORTS.http1,
    words: Buffer.from(
      `GET /${number} HTTP/1.1\r\nhost: check\r\nx-marker: ${CHECK_MARKER}\r\nconnection: close\r\n\r\n`,
    ),
    judge: (arrived) => {
      if (!head.subarray(0, arrived.length).equals(arrived.subarray(0, head.length))) return 'wrong';
      return arrived.includes(`\r\n\r\n/${number}\n`) ? 'answered' : 'more';
    },
  };
}

function http2Exchange(number: number): Exchange {
  const authority = Buffer.from(`check-${number}`);
  const fields = [METHOD_GET, SCHEME_HTTP, PATH_ROOT, AUTHORITY, authority.length, ...authority];
  const settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
  const headers = [0, 0, fields.length, HEADERS_FRAME, END_STREAM | END_HEADERS, 0, 0, 0, 1, ...fields];
  return {
    port: SERVER_PORTS.http2,
    words: Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), Buffer.from([...settings, ...headers])]),
    judge: judgeFrames,
  };
}

/** Answered when the stream has ended after a head with status 200. */
function judgeFrames(arrived: Buffer): 'answered' | 'more' | 'wrong' {
  let isOk = false;
  for (let at = 0; at + FRAME_HEADER <= arrived.length; ) {
    const payload = at + FRAME_HEADER;
    const end = payload + arrived.readUIntBE(at, TYPE_OFFSET);
    if (end > arrived.length) return 'more';
    const onStream = arrived.readUInt32BE(at + 5) === 1;
    if (onStream && arrived[at + TYPE_OFFSET] === HEADERS_FRAME && !isOk) {
      if (arrived[payload] !== STATUS_200) return 'wrong';
      isOk = true;
    }
    if (onStream && isOk && ((arrived[at + FLAGS_OFFSET] ?? 0) & END_STREAM) !== 0) return 'answered';
    at = end;
  }
  return 'more';
}
