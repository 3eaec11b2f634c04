/** One Lease with the optimistic lock of an API server, for tests of elections. */
import type { Lease } from './lease.ts';
import { type Reply, sendJson, sendStatus } from './test-api-server.ts';

export class TestLease {
  lease: Lease | undefined;
  /** Replies to nothing while true: the API server is there and does not answer. */
  silent = false;
  /** Writes arrive, but their answers are lost. */
  loseAnswers = false;
  #version = 0;

  readonly reply: Reply = (request, response, body) => {
    if (this.silent) return;
    if (request.method === 'GET') {
      if (this.lease === undefined) sendStatus(response, 404, 'NotFound', 'leases "lead" not found');
      else sendJson(response, this.lease);
      return;
    }
    const sent = JSON.parse(body) as Lease;
    const taken =
      request.method === 'POST' ? this.lease === undefined : sent.metadata.resourceVersion === this.#current();
    if (!taken) {
      sendStatus(response, 409, 'Conflict', 'the object has been modified');
      return;
    }
    this.#version += 1;
    this.lease = { ...sent, metadata: { ...sent.metadata, uid: 'u', resourceVersion: String(this.#version) } };
    if (this.loseAnswers) request.socket.resetAndDestroy();
    else sendJson(response, this.lease);
  };

  #current(): string | undefined {
    return this.lease?.metadata.resourceVersion;
  }
}
