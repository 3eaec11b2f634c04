const RECORD_HEADER = 5;
const CHANGE_CIPHER_SPEC = 20;
const ALERT = 21;
const HANDSHAKE = 22;
const APPLICATION_DATA = 23;
const CLIENT_HELLO = 1;
const SERVER_HELLO = 2;
const SUPPORTED_VERSIONS = 43;
const TLS_1_3 = 0x0304;
/** RFC 8446 5.2: a record carries at most 2^14 bytes and 256 of expansion. */
const MAX_RECORD = 16_384 + 256;

/**
 * Watches one direction of a connection from its first byte and says whether it is TLS 1.3 (RFC 8446 section 5.1)
 * and nothing else. `problem` names the first deviation.
 */
export class TlsWitness {
  /** What is not TLS 1.3; undefined as long as everything is. */
  problem: string | undefined;
  /** Records seen so far. */
  records = 0;
  #pending: Buffer = Buffer.alloc(0);
  #helloSeen = false;

  /** Takes the next bytes, in order and without gaps. */
  receive(bytes: Buffer): void {
    if (this.problem !== undefined) return;
    this.#pending = this.#pending.length === 0 ? Buffer.from(bytes) : Buffer.concat([this.#pending, bytes]);
    while (this.problem === undefined && this.#pending.length >= RECORD_HEADER) {
      const type = this.#pending.readUInt8(0);
      const version = this.#pending.readUInt16BE(1);
      const length = this.#pending.readUInt16BE(3);
      if (type < CHANGE_CIPHER_SPEC || type > APPLICATION_DATA || version >> 8 !== 3 || length > MAX_RECORD) {
        this.problem = `not a TLS record: ${JSON.stringify(this.#pending.toString('latin1', 0, 16))}`;
        return;
      }
      if (this.#pending.length < RECORD_HEADER + length) return;
      this.records += 1;
      this.problem = this.#judge(type, this.#pending.subarray(RECORD_HEADER, RECORD_HEADER + length));
      this.#pending = this.#pending.subarray(RECORD_HEADER + length);
    }
  }

  #judge(type: number, body: Buffer): string | undefined {
    if (!this.#helloSeen) {
      if (type === ALERT) return undefined;
      if (type !== HANDSHAKE) return `record type ${type} before any hello`;
      this.#helloSeen = true;
      return offersTls13(body) ? undefined : 'a hello without TLS 1.3';
    }
    // After the hello (two, if the server asks for a retry) all but the compatibility ChangeCipherSpec is encrypted
    // and says application data.
    return type === HANDSHAKE && !offersTls13(body) ? 'a handshake in clear: older than TLS 1.3' : undefined;
  }
}

/** Whether a ClientHello offers, or a ServerHello chose, version 1.3 (RFC 8446 4.2.1). */
function offersTls13(hello: Buffer): boolean {
  const kind = hello[0];
  if (kind !== CLIENT_HELLO && kind !== SERVER_HELLO) return false;
  let at = 4 + 2 + 32;
  at += 1 + (hello[at] ?? 0);
  at += kind === CLIENT_HELLO ? 2 + readUInt16(hello, at) : 2;
  at += kind === CLIENT_HELLO ? 1 + (hello[at] ?? 0) : 1;
  const end = at + 2 + readUInt16(hello, at);
  at += 2;
  while (at + 4 <= end && end <= hello.length) {
    const type = readUInt16(hello, at);
    const length = readUInt16(hello, at + 2);
    if (type === SUPPORTED_VERSIONS) {
      if (kind === SERVER_HELLO) return readUInt16(hello, at + 4) === TLS_1_3;
      for (let version = at + 5; version < at + 4 + length; version += 2) {
        if (readUInt16(hello, version) === TLS_1_3) return true;
      }
      return false;
    }
    at += 4 + length;
  }
  return false;
}

function readUInt16(bytes: Buffer, at: number): number {
  return at + 2 <= bytes.length ? bytes.readUInt16BE(at) : 0;
}
