/**
 * The tunnels of packages/hbone alone, without policy, look-ups, metrics or log: what `http2-relay` is compared with.
 * `hbone-relay.js client|server FOLDER PEER:PORT LISTEN=AUTHORITY ... [--expect SPIFFE]`; FOLDER holds cert.pem, key.pem,
 * root.pem. The client asks PEER, whose identity must be SPIFFE, for a tunnel to AUTHORITY; the server connects to what it
 * is asked for.
 */
import { readFileSync, writeSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type SocketAddress, parseSocketAddress } from '@ambit/core/address';
import { systemClock } from '@ambit/core/clock';
import { AmbitError } from '@ambit/core/errors';
import { requireSpiffeId } from '@ambit/core/spiffe';
import { HbonePool } from '@ambit/hbone/pool';
import { HboneServer } from '@ambit/hbone/server';
import type { IncomingTunnel, TunnelTarget } from '@ambit/hbone/tunnel';
import { openTcpListener } from '@ambit/native/listening-socket';
import { raiseOpenFileLimit } from '@ambit/native/process';
import { setNoDelay } from '@ambit/native/socket-option';
import { createTlsContext } from '@ambit/native/tls-context';
import { Listener } from '@ambit/reactor/listener';
import { Reactor } from '@ambit/reactor/reactor';
import { connectTcp } from '@ambit/reactor/tcp-connect';
import { RELAY_IDENTITY } from './relay-identity.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { expect: { type: 'string', default: RELAY_IDENTITY } },
});
const [role, folder = '', peerText = '', ...routes] = positionals;
const read = (name: string): string => readFileSync(`${folder}/${name}.pem`, 'utf8');
raiseOpenFileLimit();
const reactor = new Reactor({ clock: systemClock, onError: (error) => console.error(error.message) });
const peer = addressOf(peerText);
const context = createTlsContext({
  side: role === 'client' ? 'client' : 'server',
  certificateChainPem: read('cert'),
  privateKeyPem: read('key'),
  rootsPem: read('root'),
});
if (role === 'client') listenForApplications();
else listenForTunnels();
writeSync(1, 'ready\n');
reactor.run();

function listenForApplications(): void {
  const pool = new HbonePool(reactor);
  const target: TunnelTarget = {
    address: peer,
    sourceIp: peer.ip,
    sourcePrincipal: RELAY_IDENTITY,
    credential: () => ({ context, generation: 1 }),
    expected: [requireSpiffeId(values.expect)],
    workloadUid: 'server',
  };
  for (const route of routes) {
    const [listen = '', authority = ''] = route.split('=');
    new Listener(reactor, openTcpListener({ address: addressOf(listen), backlog: 4096 }), {
      onAccept: (fd) => {
        setNoDelay(fd);
        pool.open(target, authority, [], {
          onAccepted: (tunnel) => tunnel.relay(fd, () => undefined),
          onRefused: () => reactor.close(fd),
          onFailed: () => reactor.close(fd),
        });
      },
    });
  }
}

function listenForTunnels(): void {
  const server = new HboneServer(reactor, {
    context: () => context,
    trustDomains: new Set(['cluster.local']),
    onTunnel: carry,
  });
  new Listener(reactor, openTcpListener({ address: peer, backlog: 4096 }), {
    onAccept: (fd, from) => {
      setNoDelay(fd);
      server.accept(fd, from);
    },
  });
}

function carry(tunnel: IncomingTunnel): void {
  connectTcp(
    reactor,
    { destination: addressOf(tunnel.authority) },
    {
      onConnected: (fd) => tunnel.accept(fd, [], () => undefined),
      onConnectFailed: () => tunnel.refuse(503, []),
    },
  );
}

function addressOf(text: string): SocketAddress {
  const address = parseSocketAddress(text);
  if (address === undefined) throw new AmbitError('AMBIT_BENCH_ADDRESS', `${text} is not IP:PORT`);
  return address;
}
