import type { Duplex } from 'node:stream';

const FRAME_HEADER = 9;
const FRAME_TYPES = { headers: 1, 'rst-stream': 3, settings: 4, goaway: 7, continuation: 9 } as const;

/** HTTP/2 frames written by hand, so that they may break the rules. RFC 9113. */
export class RawHttp2 {
  /** The flag of the last frame of a header list. */
  static readonly END_HEADERS = 0x4;
  /** Error code of the GOAWAY that was received. */
  goaway: number | undefined;
  readonly #socket: Duplex;
  #received: Buffer = Buffer.alloc(0);

  constructor(socket: Duplex) {
    this.#socket = socket;
    socket.on('data', (bytes: Buffer) => {
      this.#receive(bytes);
    });
  }

  /** The client's preface and empty SETTINGS. */
  greet(): void {
    this.#socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    this.write('settings', 0, 0, Buffer.alloc(0));
  }

  write(type: keyof typeof FRAME_TYPES, stream: number, flags: number, payload: Buffer): void {
    const header = Buffer.alloc(FRAME_HEADER);
    header.writeUIntBE(payload.length, 0, 3);
    header.writeUInt8(FRAME_TYPES[type], 3);
    header.writeUInt8(flags, 4);
    header.writeUInt32BE(stream, 5);
    this.#socket.write(Buffer.concat([header, payload]));
  }

  #receive(bytes: Buffer): void {
    this.#received = Buffer.concat([this.#received, bytes]);
    while (this.#received.length >= FRAME_HEADER) {
      const end = FRAME_HEADER + this.#received.readUIntBE(0, 3);
      if (this.#received.length < end) return;
      if (this.#received.readUInt8(3) === FRAME_TYPES.goaway)
        this.goaway = this.#received.readUInt32BE(FRAME_HEADER + 4);
      this.#received = this.#received.subarray(end);
    }
  }
}

/** HPACK literals without indexing and without Huffman coding (RFC 7541 6.2.2). */
export function literalHeaders(fields: readonly (readonly [name: string, value: string])[]): Buffer {
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.from([0]), hpackString(name), hpackString(value)]));
}

function hpackString(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes]);
  const prefix = [127];
  let rest = bytes.length - 127;
  for (; rest >= 128; rest >>= 7) prefix.push((rest & 127) | 128);
  prefix.push(rest);
  return Buffer.concat([Buffer.from(prefix), bytes]);
}
