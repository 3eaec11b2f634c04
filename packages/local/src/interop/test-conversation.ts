import type { Socket } from 'node:net';
import type { IpAddress } from '@ambit/core/address';
import { dialInside } from '../bed/dial.ts';
import type { BedPod } from '../bed/pod.ts';

/** How a connection ended: with a FIN, with an error (its code), or not yet. */
export type Outcome = 'fin' | 'open' | (string & {});

/** One connection from inside a pod, made and watched by the test itself. */
export class Conversation {
  outcome: Outcome = 'open';
  readonly #socket: Socket;
  readonly #chunks: Buffer[] = [];
  #bytes = 0;
  #wake: () => void = () => undefined;

  constructor(pod: BedPod, ip: IpAddress, port: number) {
    this.#socket = dialInside(pod.networkNamespace, { ip, port });
    this.#socket.allowHalfOpen = true;
    this.#socket.on('data', (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.#bytes += chunk.length;
      this.#wake();
    });
    this.#socket.on('end', () => this.#over('fin'));
    this.#socket.on('error', (error: NodeJS.ErrnoException) => this.#over(error.code ?? error.message));
  }

  get received(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  send(bytes: string | Buffer): this {
    this.#socket.write(bytes);
    return this;
  }

  /** Sends the end; what the other side sends still arrives. */
  end(): this {
    this.#socket.end();
    return this;
  }

  reset(): void {
    this.#socket.resetAndDestroy();
  }

  /** Waits until so many bytes are there, or the other side has ended. */
  bytes(count: number, within = 10_000): Promise<Buffer> {
    return this.#until(() => this.#bytes >= count, `${count} bytes`, within);
  }

  /** Waits until the other side has ended, and lets the connection go. */
  async finished(within = 10_000): Promise<Buffer> {
    const received = await this.#until(() => false, 'the end', within);
    this.#socket.destroy();
    return received;
  }

  close(): void {
    this.#socket.destroy();
  }

  async #until(enough: () => boolean, what: string, within: number): Promise<Buffer> {
    const end = performance.now() + within;
    while (!enough() && this.outcome === 'open') {
      const left = end - performance.now();
      if (left <= 0) {
        this.#socket.destroy();
        throw new Error(`not within ${within} ms: ${what}; ${this.#bytes} bytes came`);
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    return this.received;
  }

  #over(outcome: Outcome): void {
    if (this.outcome === 'open') this.outcome = outcome;
    this.#wake();
  }
}
