/** A gRPC server over TLS on loopback, for the tests of both ends. */
import type { TestAuthority } from '@ambit/identity/test-authority';
import { type ChannelOptions, Server, ServerCredentials } from '@grpc/grpc-js';

export class TestGrpcServer {
  readonly server: Server;
  readonly authority: TestAuthority;
  #port = 0;

  constructor(authority: TestAuthority, options: ChannelOptions = {}) {
    this.authority = authority;
    this.server = new Server(options);
  }

  get port(): number {
    return this.#port;
  }

  get address(): string {
    return `https://localhost:${this.#port}`;
  }

  /**
   * Serves with a certificate for `localhost`, on any free port unless told one. `clientCertificates`: requires them,
   * issued by the same authority. Default false.
   */
  async listen(options: { port?: number; clientCertificates?: boolean } = {}): Promise<void> {
    const { port = 0, clientCertificates = false } = options;
    const { certificateChainPem, privateKeyPem } = await this.authority.issue(undefined, { dnsNames: ['localhost'] });
    const pair = { cert_chain: Buffer.from(certificateChainPem), private_key: Buffer.from(privateKeyPem) };
    const credentials = ServerCredentials.createSsl(Buffer.from(this.authority.rootPem), [pair], clientCertificates);
    this.#port = await new Promise((resolve, reject) => {
      this.server.bindAsync(`127.0.0.1:${port}`, credentials, (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
  }

  stop(): void {
    this.server.forceShutdown();
  }
}
